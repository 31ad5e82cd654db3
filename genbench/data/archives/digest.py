"""What samples are known by: the bytes of their files."""

import hashlib
from pathlib import Path

from genbench.core.files import files_below
from genbench.data.own.limits import refused, shown
from genbench.data.own.names import require_there


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of all files of a folder.

    Raises:
        DataError: There is nothing, or it cannot be read.
    """
    require_there(path)
    with refused(shown(path.name), "can't be read"):
        if not path.is_dir():
            return _digest(path)
        names = sorted(file.relative_to(path).as_posix() for file in files_below(path))
        lines = (f"{_digest(path / name)} {name}\n" for name in names)
        return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
