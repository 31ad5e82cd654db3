r"""Reads files that anybody may have written: plain ones, of a bounded size, and strict JSON.

Whatever else is found is a StorageError of one sentence. Control characters and marks that change
the direction of writing arrive spelled out, as ``\u001b``, so that nothing that is stored reaches a
terminal or a page as such.
"""

import json
import math
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path, PurePath
from typing import Any, NoReturn

from genbench.core.errors import StorageError, quoted

MIB = 2**20
LARGEST_JSON = 16 * MIB
DEEPEST = 64
_LONGEST_PART = 255
_HIDDEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\r(?!\n)"
)
_ESCAPE = re.compile(
    r"(?<!\\)((?:\\\\)*)\\(b|f|r(?!\\n)"
    r"|u(?:000[0-8bcdef]|001.|007f|00[89].|200[ef]|202[89a-e]|206[6-9]|feff))",
    re.IGNORECASE,
)
_SHORT = {"b": "u0008", "f": "u000c", "r": "u000d"}
_ESCAPES = ("\\u", "\\b", "\\f", "\\r")
_SEEN = bytes([9, 10, *range(32, 127)])
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


@contextmanager
def opened(path: Path, limit: int) -> Iterator[BufferedReader]:
    """Open a plain file that has at most ``limit`` bytes; a pipe or a device is never waited for.

    Raises:
        StorageError: It is missing, cannot be read, is larger, or is no plain file.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _require_plain(path, os.fstat(handle), limit)
            with os.fdopen(handle, "rb", closefd=False) as file:
                yield file
        finally:
            os.close(handle)
    except OSError as error:
        what = "it is a symbolic link" if path.is_symlink() else error.strerror or str(error)
        raise StorageError(f"cannot read {path}: {what}") from error


def _require_plain(path: Path, found: os.stat_result, limit: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "no plain file"
        raise StorageError(f"cannot read {path}: it is {what}")
    if found.st_size > limit:
        raise StorageError(f"{path} is damaged: {found.st_size} bytes, at most {limit} expected")


def read_bytes(path: Path, limit: int) -> bytes:
    """Return the content of a plain file; its size is looked at first.

    Raises:
        StorageError: See :func:`opened`.
    """
    with opened(path, limit) as file:
        return file.read(limit + 1)[:limit]


def has(path: Path, content: bytes) -> bool:
    """Return whether a plain file has exactly this content."""
    try:
        return read_bytes(path, len(content)) == content
    except StorageError:
        return False


def read_utf8(path: Path, limit: int) -> str:
    """Return the text of a plain file in UTF-8, with what cannot be seen spelled out.

    Raises:
        StorageError: See :func:`opened`; or it is no such text.
    """
    try:
        return visible(read_bytes(path, limit).decode())
    except UnicodeDecodeError as error:
        raise StorageError(f"{path} is damaged: {error}") from error


def visible(text: str) -> str:
    r"""Spell out control characters and marks of direction; tabs and line ends stay.

    Example:
        >>> visible("\x1b[2Jvae\n")
        '\\u001b[2Jvae\n'
    """
    if text.isascii() and not text.encode().translate(None, _SEEN):
        return text
    return _HIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def read_json(path: Path, limit: int = LARGEST_JSON) -> Any:
    """Parse a JSON file.

    Raises:
        StorageError: The file is missing, unreadable, too large or not JSON.
    """
    return parse_json(read_bytes(path, limit), path)


def parse_json(content: bytes, path: Path) -> Any:
    """Parse the content of a JSON file: finite numbers of 64 bits, no key twice, not deep.

    Raises:
        StorageError: It is anything else.
    """
    try:
        text = visible(content.decode())
        if any(escape in text for escape in _ESCAPES):
            text = _ESCAPE.sub(_spelled, text)
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_number,
            parse_float=_finite,
            parse_int=_whole,
        )
        if _HALF.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except ValueError as error:
        raise StorageError(f"{path} is damaged: not valid JSON: {error}") from error
    except RecursionError:
        raise StorageError(f"{path} is damaged: {_TOO_DEEP}") from None
    if isinstance(value, dict | list) and not _is_shallow(value):
        raise StorageError(f"{path} is damaged: {_TOO_DEEP}")
    return value


def _spelled(escape: re.Match[str]) -> str:
    code = escape[2].lower()
    return f"{escape[1]}\\\\{_SHORT.get(code, code)}"


_TOO_DEEP = f"not valid JSON here: nested more than {DEEPEST} deep"


def _unique(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise ValueError(f"the key {quoted(key)} stands twice")
        content[key] = value
    return content


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"it contains {name}")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {quoted(text)} is too large")
    return value


def _whole(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= int(text) < 2**64:
        raise ValueError(f"the number {quoted(text)} is too large")
    return int(text)


def _is_shallow(value: dict[str, Any] | list[Any]) -> bool:
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        inner = [v.values() if isinstance(v, dict) else v for v in level]
        level = [v for children in inner for v in children if isinstance(v, dict | list)]
        if not level:
            return True
    return False


def is_part(name: str) -> bool:
    """Return whether a name can be one part of a path, below the folder that it is joined to.

    Example:
        >>> [is_part(name) for name in ("mnist", "..", "a/b", "")]
        [True, False, False, False]
    """
    return (
        0 < len(name.encode(errors="replace")) <= _LONGEST_PART
        and name not in (".", "..")
        and not any(letter in name for letter in "/\\\0")
    )


_LINK = "and none is followed here: name the folder it leads to, or put a copy in its place"


def contained(root: Path, relative: str | PurePath) -> Path:
    """Return a path below ``root``, to which neither links nor ``..`` lead.

    Raises:
        StorageError: They do.
    """
    place = str(root)
    for name in PurePath(relative).parts:
        if not is_part(name):
            raise StorageError(f"{place} is damaged: {quoted(name)} is no name of a file in it")
        place = f"{place}/{name}"
        if os.path.islink(place):
            raise StorageError(f"{Path(place)} is a symbolic link, {_LINK}")
    return Path(place)
