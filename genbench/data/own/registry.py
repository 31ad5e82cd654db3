"""Data sets that a user registers: functions that say where the images are, or make them."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from genbench.core.errors import ConfigError, DataError, GenbenchError, first_line
from genbench.core.names import require_key
from genbench.core.registry import Registry
from genbench.data.own.images import LayoutName, Reading
from genbench.data.specs import datasets

if TYPE_CHECKING:
    from numpy.typing import NDArray

Images: TypeAlias = "Path | Mapping[str, NDArray[Any]]"
"""A file or folder of images, or arrays by name, such as ``x_train`` and ``y_train``."""
Function = TypeVar("Function", bound=Callable[[], Any])
EXPECTED = 'a path, or arrays by name such as {"x_train": ..., "y_train": ..., "x_test": ...}'


@dataclass(frozen=True)
class OwnDataset:
    """A registered data set; calling it returns its images.

    Attributes:
        name: What ``data.name`` calls it.
        about: The first line of the function's docstring.
        function: Returns a path or arrays.
        reading: How images are read, where that is stated: ``levels``, ``layout``, ``resize``.
    """

    name: str
    about: str
    function: Callable[[], Any]
    reading: Mapping[str, Any]

    def __call__(self) -> Images:
        """Return the path, relative to the function's file, or the arrays.

        Raises:
            DataError: The function fails, or returns something else.
        """
        try:
            found = self.function()
        except GenbenchError as error:
            raise DataError(f"data set '{self.name}': {error}") from error
        except Exception as error:
            kind = type(error).__name__
            raise DataError(f"data set '{self.name}': {kind}: {first_line(error)}") from error
        if isinstance(found, str | Path):
            return self._folder() / Path(found).expanduser()
        return self._arrays(found)

    def _folder(self) -> Path:
        file = Path(inspect.unwrap(self.function).__code__.co_filename)
        return file.parent if file.is_file() else Path()  # in a notebook there is none

    def _arrays(self, found: Any) -> "Mapping[str, NDArray[Any]]":
        if not isinstance(found, Mapping) or not found:
            empty = found is None or isinstance(found, Mapping)
            what = "nothing" if empty else f"a {type(found).__name__}"
            raise DataError(f"data set '{self.name}' returned {what}, expected {EXPECTED}")
        for key in found:
            if not isinstance(key, str):
                problem = f"returned the key {key!r}, expected {EXPECTED}"
                raise DataError(f"data set '{self.name}' {problem}")
        import numpy as np

        try:
            return {key: np.asarray(array) for key, array in found.items()}
        except (TypeError, ValueError, RuntimeError) as error:
            raise DataError(f"data set '{self.name}': no arrays: {first_line(error)}") from error


own_datasets: Registry[OwnDataset] = Registry("data set")


def dataset(
    name: str,
    *,
    levels: int | None = None,
    layout: LayoutName | None = None,
    resize: tuple[int, int] | None = None,
) -> Callable[[Function], Function]:
    """Register a data set under ``name``, for ``[data] name`` in suites.

    The function takes no arguments. It returns the path of a folder or file of images, relative to
    its own file, or a mapping of arrays: ``x_train``, ``y_train``, ``x_test`` and so on, or ``x``
    and ``y`` to be split. The docstring's first line describes it in lists::

        @genbench.dataset("rings", levels=256)
        def rings():
            return {"x": draw(1000)}

    Args:
        name: Letters, digits and ``_ - .``; a run's identity is the digest of the images.
        levels: Number of values that a pixel can take, where the arrays leave that open.
        layout: ``NHW``, ``NHWC`` or ``NCHW``, where a shape can be read in two ways.
        resize: Height and width to which images are brought.

    Raises:
        ConfigError: The name is taken or has other letters, an option is wrong, or the function
            takes arguments.
    """
    require_key(name, "dataset")
    stated = {"levels": levels, "layout": layout, "resize": resize}
    reading = {key: value for key, value in stated.items() if value is not None}
    Reading.read(reading, f"dataset.{name}")

    def register(function: Function) -> Function:
        if name in datasets:
            raise ConfigError(f"data set '{name}' comes with genbench; choose another name")
        if inspect.signature(function).parameters:
            raise ConfigError(f"data set '{name}': its function takes no arguments")
        about = (inspect.getdoc(function) or "").partition("\n")[0]
        own_datasets.add(name, OwnDataset(name, about, function, reading), function)
        return function

    return register
