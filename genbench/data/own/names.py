"""Paths of own images and the names that they give to data sets."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from genbench.core.errors import ConfigError, DataError, nearest, quoted
from genbench.core.names import FORMULA, LONGEST_PART
from genbench.data.own.limits import shown

SUFFIXES = (".npz", ".npy", ".parquet")
_UNUSABLE = re.compile(r"""[@/\\|:*?"<>]""")
"""What a protocol or the name of a file cannot hold."""
_LONGEST = 60


def place_of(stated: str | Path) -> Path:
    """Return a stated path, ``~`` expanded.

    Raises:
        ConfigError: It is something else, such as the images themselves.
        DataError: It is empty, too long, or holds a control character.
    """
    if not isinstance(stated, str | os.PathLike):
        raise ConfigError(
            f"data: expected a name or a path, found a {type(stated).__name__}; save images by"
            " np.savez and give the path"
        )
    text = str(stated)
    if not text or any(ord(letter) < 32 or 127 <= ord(letter) < 160 for letter in text):
        raise DataError(f"path {text!r} is empty or holds a control character; rename it")
    if any(len(os.fsencode(part)) > LONGEST_PART for part in Path(text).parts):
        raise DataError(f"path {quoted(text)}: a file's name has at most {LONGEST_PART} bytes")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise DataError(f"path '{text}': {error}") from error


def name_of(path: Path) -> str:
    """Return a data set's default name: that of its file, in letters that can be used everywhere.

    Example:
        >>> name_of(Path("data/my:shots.npz")), name_of(Path("faces/"))
        ('my_shots', 'faces')
    """
    name = path.stem if path.suffix in SUFFIXES else path.absolute().name
    usable = (letter if letter.isprintable() else "_" for letter in _UNUSABLE.sub("_", name))
    return "".join(usable).lstrip(f" .{FORMULA}").rstrip(" .")[:_LONGEST] or "images"


def problem_of(name: str) -> str:
    """Return why a name that somebody chose cannot be used; empty if it can."""
    if name != name.strip(" .") or not name.isprintable() or len(name) > _LONGEST:
        return f"{name!r}: expected up to {_LONGEST} letters that can be printed"
    if name and name[0] in FORMULA:
        return f"'{name}' begins with '{name[0]}', which a spreadsheet takes for a formula"
    found = _UNUSABLE.search(name)
    return f"'{name}' holds a '{found[0]}', which names of files cannot" if found else ""


def looks_like_a_path(name: str, known: Sequence[str] = ()) -> bool:
    """Tell whether a name that no data set has is that of a file, or misspells one.

    Args:
        name: What was stated.
        known: Names of data sets that it may misspell as well; without them, it is taken literally.
    """
    if name.endswith(SUFFIXES) or "/" in name or "\\" in name or os.path.exists(name):
        return True
    meant = nearest(name, [*known, *_beside(Path(name))]) if known else ""
    return meant != "" and meant not in known


def require_there(path: Path) -> None:
    """Check that there is something to read.

    Raises:
        DataError: There is nothing; names the nearest of the files beside it.
    """
    try:
        if path.exists():
            return
        meant = nearest(path.name, _beside(path))
    except OSError as error:
        raise DataError(f"{shown(str(path))}: {error.strerror or error}") from error
    hint = f"; did you mean '{meant}'?" if meant else ""
    raise DataError(f"{shown(str(path))}: no such file or folder{hint}")


def _beside(path: Path) -> list[str]:
    """Return the names of what may hold images: folders, and files of arrays."""
    folder = path.absolute().parent
    entries = folder.iterdir() if folder.is_dir() else ()
    return [entry.name for entry in entries if entry.suffix in SUFFIXES or entry.is_dir()]
