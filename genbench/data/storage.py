"""Where data lie on disk, and whether they are what the registry pins.

Imports the standard library, ``genbench.core.files``, the registry and ``packing``; no torch.
"""

import os
import sys
from pathlib import Path
from typing import Literal, NamedTuple

from genbench.core.errors import DataError
from genbench.core.files import sha256_bytes
from genbench.data.packing import UNPACKERS
from genbench.data.records import DataFile, DatasetSpec


class Finding(NamedTuple):
    """What was found of one file.

    Attributes:
        path: Where it lies, or where it should.
        status: ``ok``, ``missing`` or ``damaged``.
        sha256: The digest that was compared with the pin; empty where nothing could be read.
        content: The unpacked bytes when the status is ``ok``, else empty.
        problem: What is wrong, with the expected and the found digest.
    """

    path: Path
    status: Literal["ok", "missing", "damaged"]
    sha256: str = ""
    content: bytes = b""
    problem: str = ""


def data_home(data_dir: Path | None = None) -> Path:
    """Return the data directory: the argument, else GENBENCH_DATA_DIR, else the user's cache.

    Example:
        >>> data_home(Path("here")) == Path("here")
        True
    """
    if data_dir is not None:
        return Path(data_dir)
    from_environment = os.environ.get("GENBENCH_DATA_DIR", "")
    if from_environment:
        return Path(from_environment).expanduser()
    return _cache_folder() / "genbench"


def _cache_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    variable = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"
    folder = Path(os.environ.get(variable, ""))
    return folder if folder.is_absolute() else Path.home() / ".cache"


def download_path(spec: DatasetSpec, file: DataFile, data_dir: Path) -> Path:
    """Return where a download of ``file`` is put; :func:`inspect` looks there first."""
    return data_dir / spec.name / file.name


def places(spec: DatasetSpec, file: DataFile, data_dir: Path) -> list[Path]:
    """Return the paths at which ``file`` is accepted, in the order they are tried.

    An unpacked file counts only where the digest of the unpacked content is pinned.
    """
    folders = [data_dir / spec.name]
    if spec.torchvision_class:
        folders.append(data_dir / spec.torchvision_class / "raw")
    names = [file.name, file.unpacked_name] if file.content_sha256 else [file.name]
    return [folder / name for folder in folders for name in names]


def inspect(spec: DatasetSpec, file: DataFile, data_dir: Path) -> Finding:
    """Check the first file that exists at one of its places; never raises."""
    for path in places(spec, file, data_dir):
        if os.path.isfile(path):
            return _inspect_path(file, path)
    path = download_path(spec, file, data_dir)
    return Finding(path, "missing", problem=f"{path} is missing")


def _inspect_path(file: DataFile, path: Path) -> Finding:
    try:
        payload = path.read_bytes()
    except OSError as error:
        return Finding(path, "damaged", problem=f"cannot be read: {error.strerror or error}")
    return examine(file, payload, path)


def examine(file: DataFile, payload: bytes, path: Path) -> Finding:
    """Compare the bytes of a file, packed where ``path`` has such an ending, with the pin."""
    unpack = UNPACKERS.get(path.suffix)
    content = unpack(payload, file.content_bytes) if unpack else payload
    if content is None:
        what = f"not a whole {path.suffix} file: sha256"
        return _compare(path, payload, file.sha256, what, content)
    if unpack and file.content_sha256 is None:
        return _compare(path, payload, file.sha256, "sha256", content)
    pin = file.content_sha256 or file.sha256
    return _compare(path, content, pin, "sha256 of the unpacked content", content)


def _compare(path: Path, compared: bytes, pin: str, what: str, content: bytes | None) -> Finding:
    found = sha256_bytes(compared)
    if found != pin or content is None:
        return Finding(path, "damaged", found, problem=f"{what}: expected {pin}, found {found}")
    return Finding(path, "ok", found, content)


def require_ok(spec: DatasetSpec, finding: Finding) -> bytes:
    """Return the content of a file that was found whole.

    Raises:
        DataError: It is not; names the file, both digests and the command that repairs it.
    """
    if finding.status == "ok":
        return finding.content
    raise DataError(
        f"{finding.path} is {finding.status}\n"
        f"  {finding.problem}\n"
        f"repair it: python -m genbench data fetch {spec.name}"
    )
