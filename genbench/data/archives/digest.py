"""What samples are known by: the bytes of their files."""

from pathlib import Path

from genbench.core.files import files_below, sha256_bytes, sha256_file
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
            return sha256_file(path)
        names = sorted(file.relative_to(path).as_posix() for file in files_below(path))
        lines = (f"{sha256_file(path / name)} {name}\n" for name in names)
        return sha256_bytes("".join(lines).encode(errors="surrogateescape"))
