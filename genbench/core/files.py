"""Atomic writes, digests, and JSON that is written; text is UTF-8 whatever the locale."""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from genbench.core.errors import StorageError


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write to a temporary name, flush, fsync, rename, fsync the folder.

    Raises:
        StorageError: The disk is full or the folder cannot be written; the old file is untouched.
    """
    payload = content.encode() if isinstance(content, str) else content
    temporary = ""
    try:
        with storing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(
                dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"
            )
            with os.fdopen(handle, "wb") as file:
                file.write(payload)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
            _sync_folder(path.parent)
    finally:
        if temporary:
            with suppress(OSError):
                Path(temporary).unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove a file, if it is there.

    Raises:
        StorageError: It cannot be removed.
    """
    with storing(path):
        path.unlink(missing_ok=True)


def paths_in(folder: Path) -> list[Path]:
    """Return what lies in a folder, sorted, hidden files too; nothing without a folder.

    Raises:
        StorageError: The folder cannot be listed.
    """
    try:
        return [folder / name for name in sorted(os.listdir(folder))]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise _unlisted(error) from error


def files_below(folder: Path) -> list[Path]:
    """Return what lies below a folder but is none, hidden files too; links are not followed.

    Raises:
        StorageError: A folder cannot be listed.
    """

    def fail(error: OSError) -> None:
        raise _unlisted(error) from error

    walk = os.walk(folder, onerror=fail) if folder.is_dir() else ()
    return [Path(place, name) for place, _, names in walk for name in names]


def _unlisted(error: OSError) -> StorageError:
    return StorageError(f"cannot list {error.filename}: {error.strerror or error}")


def sweep(paths: Iterable[Path]) -> None:
    """Remove those that interrupted writes left; the caller holds the lock of their folder."""
    for path in paths:
        if path.name.startswith(".") and path.suffix == ".tmp":
            remove(path)


def write_if_changed(path: Path, content: str) -> bool:
    """Write ``content`` unless the file already has it; return whether it was written."""
    try:
        if path.read_text(encoding="utf-8") == content:
            return False
    except (OSError, UnicodeDecodeError):
        pass
    write_atomic(path, content)
    return True


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn what goes wrong in writing a file or folder into a storage error, which ends a suite.

    Raises:
        StorageError: The disk is full, the folder cannot be written, and the like.
    """
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error


def require_writable(folder: Path) -> None:
    """Fail now, not after an hour of training, if ``folder`` is not writable."""
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()  # without a name, so that a kill leaves nothing


def canonical_json(value: Any) -> str:
    """Write JSON in canonical form: sorted keys, no spaces, no NaN.

    Example:
        >>> canonical_json({"b": 1, "a": [1.5, None]})
        '{"a":[1.5,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def pretty_json(value: Any) -> str:
    """Write JSON for people and diffs: sorted keys, indented, no NaN, a final newline."""
    return json.dumps(value, sort_keys=True, indent=2, allow_nan=False) + "\n"


def readable_json(value: Any) -> str:
    """Write a result as JSON for people and programs: in its own order, no NaN."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)


def sha256_bytes(content: bytes | memoryview) -> str:
    """Return the hexadecimal SHA-256 of bytes in memory."""
    return hashlib.sha256(content).hexdigest()


def sha256_json(value: Any) -> str:
    """Return the hexadecimal SHA-256 of a value's canonical JSON."""
    return sha256_bytes(canonical_json(value).encode())


def sha256_file(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
