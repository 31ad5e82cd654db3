"""Where data files are on disk, and whether they have the pinned digests."""

import gzip
import io
import os
import sys
import zlib
from pathlib import Path
from typing import Literal, NamedTuple

from genbench.core.files import sha256_bytes
from genbench.data.specs import DataFile, DatasetSpec


class Finding(NamedTuple):
    """The state of one file on disk.

    Attributes:
        path: Where it is, or where it should be.
        status: ``ok``, ``missing`` or ``damaged``.
        sha256: The digest that was compared with the pinned one; empty if nothing could be read.
        content: The unpacked bytes if the status is ``ok``, else empty.
        problem: What is wrong, with the expected and the actual digest.
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
    if from_environment := os.environ.get("GENBENCH_DATA_DIR", ""):
        return Path(from_environment).expanduser()
    return cache_home()


def data_command(action: str, names: str, home: Path) -> str:
    """Return the command that fetches or verifies data sets in a data directory.

    Example:
        >>> data_command("fetch", "mnist", data_home())
        'python -m genbench data fetch mnist'
        >>> data_command("fetch", "mnist", Path("here"))
        'python -m genbench data fetch mnist --data-dir here'
    """
    elsewhere = "" if home == data_home() else f" --data-dir {home}"
    return f"python -m genbench data {action} {names}{elsewhere}"


def cache_home() -> Path:
    """Return genbench's folder in the user's cache."""
    return _cache_folder() / "genbench"


def _cache_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    variable = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"
    folder = Path(os.environ.get(variable, ""))
    return folder if folder.is_absolute() else Path.home() / ".cache"


def places(spec: DatasetSpec, file: DataFile, data_dir: Path) -> list[Path]:
    """Return the paths at which ``file`` is accepted, in the order they are tried.

    A download goes to the first. An unpacked file is accepted only if the digest of the
    unpacked content is pinned.
    """
    folders = [data_dir / spec.name]
    if spec.torchvision_class:
        folders.append(data_dir / spec.torchvision_class / "raw")
    names = [file.name, file.unpacked_name] if file.content_sha256 else [file.name]
    return [folder / name for folder in folders for name in names]


def absent(spec: DatasetSpec, data_dir: Path) -> list[DataFile]:
    """Return the files of a data set that are missing on disk; reads and writes nothing."""
    return [f for f in spec.files if not any(map(os.path.isfile, places(spec, f, data_dir)))]


def inspect(spec: DatasetSpec, file: DataFile, data_dir: Path) -> Finding:
    """Check the first copy of ``file`` that exists; never raises."""
    paths = places(spec, file, data_dir)
    for path in paths:
        if os.path.isfile(path):
            try:
                size = path.stat().st_size
                if size > file.max_bytes:
                    problem = f"{size:,} bytes, expected {file.n_bytes:,}"
                    return Finding(path, "damaged", problem=problem)
                with path.open("rb") as opened:
                    return examine(file, opened.read(file.max_bytes + 1), path)
            except OSError as error:
                problem = f"cannot be read: {error.strerror or error}"
                return Finding(path, "damaged", problem=problem)
    return Finding(paths[0], "missing", problem=f"{paths[0]} is missing")


def examine(file: DataFile, payload: bytes, path: Path) -> Finding:
    """Compare the bytes of a file with its pinned digest; a ``.gz`` file is unpacked first."""
    if path.suffix != ".gz":
        return _compare(path, payload, file.content_sha256 or file.sha256, "sha256", payload)
    content = _gunzip(payload, file.content_bytes)
    if content is not None and file.content_sha256:
        what = "sha256 of the unpacked content"
        return _compare(path, content, file.content_sha256, what, content)
    what = "sha256" if content is not None else "not a complete .gz file: sha256"
    return _compare(path, payload, file.sha256, what, content)


def _gunzip(payload: bytes, size: int) -> bytes | None:
    """Return the unpacked bytes, at most one more than ``size``; None if the gzip is broken."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(payload)) as stream:
            return stream.read(size + 1)
    except (EOFError, OSError, zlib.error):
        return None


def _compare(
    path: Path, payload: bytes, expected: str, what: str, content: bytes | None
) -> Finding:
    actual = sha256_bytes(payload)
    if actual != expected or content is None:
        problem = f"{what}: expected {expected}, found {actual}"
        return Finding(path, "damaged", actual, problem=problem)
    return Finding(path, "ok", actual, content)
