"""What one process hands to another that first has to load the plugins it was made with.

The bytes go from a process to its own workers, as all that is handed to them does; none is ever
read from a file.
"""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar, cast

from genbench.core.errors import ConfigError, first_line
from genbench.core.plugins import load_plugins, loaded_files

T = TypeVar("T")


@dataclass(frozen=True)
class Packed(Generic[T]):
    """An object as bytes, with the SHA-256 of each file that its classes may come from."""

    plugins: Mapping[Path, str]
    content: bytes

    @classmethod
    def of(cls, whole: T, plugins: Sequence[Path]) -> "Packed[T]":
        """Pack an object that was made with these plugins, which are loaded.

        Raises:
            ConfigError: It has something that no other process finds by name.
        """
        loaded, paths = loaded_files(), [file.resolve() for file in plugins]
        try:
            content = pickle.dumps(whole)
        except Exception as error:  # an object of the user's can raise anything
            raise ConfigError(
                f"jobs: no other process can be given this: {first_line(error)}; define it at the"
                " top level of its file, or leave jobs out"
            ) from error
        return cls({path: loaded[path] for path in paths}, content)

    def unpack(self) -> T:
        """Load the plugins and return the object.

        Raises:
            ConfigError: A file is not what it was in the process that packed.
        """
        load_plugins(list(self.plugins))
        loaded = loaded_files()
        for path, digest in self.plugins.items():
            if loaded[path] != digest:
                raise ConfigError(f"plugin: {path.name} was changed during the run; run it again")
        return cast(T, pickle.loads(self.content))
