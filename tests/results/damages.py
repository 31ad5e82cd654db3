"""What the world and strangers do to a results folder: one change at a time, at random or in turn.

``damage(folder, rng)`` does one to a stored suite and says what it did. Those of ``RESEALED`` leave
manifests with right digests, as somebody would who knows how they are made.
"""

import hashlib
import json
import os
import random
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

GB = 10**9
JSON_TYPES: tuple[Any, ...] = (None, True, 7, -1, 1e300, "", "x", [], {}, [[]], {"a": [1]})
"""A value of each kind that JSON has, some with something in it."""
EVIL = (
    "\x1b[2Jgone",
    "<script>alert(1)</script>",
    "a\u202eb",
    "=1+1",
    "::error::x",
    "a\nb",
    "\x00",
)
NAMES = (
    "../../../outside",
    "/etc/hostname",
    "x" * 10**6,
    "..",
    "",
    "a\x00b",
    "a/../../../../outside",
)
CONTENTS = {
    "deep lists": "[" * 100_000,
    "deep and closed lists": "[" * 90_000 + "]" * 90_000,
    "deep objects": '{"a":' * 50_000,
    "a number of 5,000 digits": '{"files": ' + "9" * 5000 + "}",
    "NaN": '{"files": NaN}',
    "Infinity": '{"schema": 1, "status": -Infinity}',
    "a number beyond floats": '{"schema": 1e999}',
    "a key twice": '{"files": {}, "files": {}}',
    "half a character": '{"files": {"\\ud800": "x"}}',
    "no UTF-8": b'{"files": "\xff\xfe"}',
    "nothing": "",
    "zeros": b"\x00" * 5000,
    "a list": "[]",
    "a text": '"x"',
}
"""What may stand in a JSON file."""


def files_of(folder: Path) -> list[Path]:
    """Plain files below a folder, in a fixed order."""
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


def sealed_folders(suite: Path) -> list[Path]:
    """Folders with a manifest: the suite, its runs and its studies."""
    return sorted(path.parent for path in suite.rglob("manifest.json"))


def reseal(folder: Path) -> None:
    """Write a manifest with right digests over what lies in a folder."""
    path = folder / "manifest.json"
    old = json.loads(path.read_text())
    names = sorted(name for name in old["files"] if (folder / name).is_file())
    contents = {name: (folder / name).read_bytes() for name in names}
    files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    sizes = {name: len(content) for name, content in contents.items()}
    path.write_text(json.dumps({"schema": 1, "files": files, "sizes": sizes}))


def reseal_all(suite: Path) -> None:
    """Make every digest of a suite right again."""
    for folder in sealed_folders(suite):
        reseal(folder)


def places(content: Any, path: tuple = ()) -> Iterator[tuple]:
    """Where something stands in a JSON value: every key, and the first and last item of a list."""
    if isinstance(content, dict):
        items = list(content.items())
    elif isinstance(content, list):
        items = list({i: content[i] for i in (0, len(content) - 1) if content}.items())
    else:
        return
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def at(content: Any, path: tuple) -> Any:
    """What stands at a place."""
    for key in path:
        content = content[key]
    return content


def change_json(file: Path, path: tuple, value: Any) -> None:
    """Put another value at a place of a JSON file."""
    content = json.loads(file.read_text())
    at(content, path[:-1])[path[-1]] = value
    file.write_text(json.dumps(content))


def retyped(file: Path) -> Iterator[tuple[tuple, Any]]:
    """Every place of a JSON file with a value of every other type."""
    content = json.loads(file.read_text())
    for path in places(content):
        for value in JSON_TYPES:
            if type(value) is not type(at(content, path)) or value != at(content, path):
                yield path, value


def _pick(rng: random.Random, suite: Path, *endings: str) -> Path:
    return rng.choice([p for p in files_of(suite) if p.name.endswith(endings or "")])


def _flip(suite: Path, rng: random.Random) -> str:
    file = _pick(rng, suite)
    content = bytearray(file.read_bytes() or b"x")
    place = rng.randrange(len(content))
    content[place] ^= 1 << rng.randrange(8)
    file.write_bytes(content)
    return f"a bit of {file.name} at {place}"


def _cut(suite: Path, rng: random.Random) -> str:
    file = _pick(rng, suite)
    os.truncate(file, rng.randrange(max(file.stat().st_size, 1)))
    return f"{file.name} cut off"


def _grow(suite: Path, rng: random.Random) -> str:
    file = _pick(rng, suite)
    os.truncate(file, 20 * GB)
    return f"{file.name} with 20 GB"


def _lose(suite: Path, rng: random.Random) -> str:
    file = _pick(rng, suite)
    file.unlink()
    return f"{file.name} lost"


def _lose_folder(suite: Path, rng: random.Random) -> str:
    folder = rng.choice([p for p in suite.rglob("*") if p.is_dir()])
    shutil.rmtree(folder)
    return f"{folder.relative_to(suite)} lost"


def _folder_for_file(suite: Path, rng: random.Random) -> str:
    file = _pick(rng, suite)
    file.unlink()
    (file / "inside").mkdir(parents=True)
    return f"a folder in place of {file.name}"


def _file_for_folder(suite: Path, rng: random.Random) -> str:
    folder = rng.choice([p for p in suite.rglob("*") if p.is_dir()])
    shutil.rmtree(folder)
    folder.write_text("x")
    return f"a file in place of {folder.relative_to(suite)}"


def _pipe(suite: Path, rng: random.Random) -> str:
    file = _pick(rng, suite)
    file.unlink()
    os.mkfifo(file)
    return f"a pipe in place of {file.name}"


def _device(suite: Path, rng: random.Random) -> str:
    file = _pick(rng, suite)
    file.unlink()
    file.symlink_to("/dev/zero")
    return f"a link to a device in place of {file.name}"


def _link(suite: Path, rng: random.Random) -> str:
    """A link to an equal file or folder outside: only the link tells it from the original."""
    path = rng.choice([suite, *sorted(suite.rglob("*"))])
    outside = suite.parent.parent / "outside"
    shutil.rmtree(outside, ignore_errors=True)
    outside.mkdir()
    path.rename(outside / path.name)
    path.symlink_to(outside / path.name)
    return f"a link in place of {path.relative_to(suite.parent)}"


def _content(suite: Path, rng: random.Random) -> str:
    file, what = _pick(rng, suite, ".json"), rng.choice(list(CONTENTS))
    content = CONTENTS[what]
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return f"{what} in {file.name}"


def _retype(suite: Path, rng: random.Random) -> str:
    file = _pick(rng, suite, ".json")
    path, value = rng.choice(list(retyped(file)))
    change_json(file, path, value)
    return f"{value!r} at {path} of {file.name}"


def _lose_key(suite: Path, rng: random.Random) -> str:
    file = _pick(rng, suite, ".json")
    content = json.loads(file.read_text())
    path = rng.choice(list(places(content)))
    del at(content, path[:-1])[path[-1]]
    file.write_text(json.dumps(content))
    return f"{path} of {file.name} lost"


def _evil_text(suite: Path, rng: random.Random) -> str:
    file, text = _pick(rng, suite, ".json"), rng.choice(EVIL)
    content = json.loads(file.read_text())
    texts = [path for path in places(content) if isinstance(at(content, path), str)]
    if not texts:
        return f"{file.name} as it was"
    path = rng.choice(texts)
    change_json(file, path, text)
    return f"{text!r} at {path} of {file.name}"


def _evil_name(suite: Path, rng: random.Random) -> str:
    file, name = rng.choice(sealed_folders(suite)) / "manifest.json", rng.choice(NAMES)
    content = json.loads(file.read_text())
    content["files"][name] = hashlib.sha256(b"").hexdigest()
    file.write_text(json.dumps(content))
    return f"{name[:30]!r} in a manifest"


def _evil_reference(suite: Path, rng: random.Random) -> str:
    """A name in ``suite.json`` or ``study.json`` that leads out of the folder."""
    name, file = rng.choice(NAMES), rng.choice(sorted(suite.rglob("s*.json")))
    content = json.loads(file.read_text())
    found = [p for p in places(content) if p[-1] in ("train_id", "name") or "tables" in p[:-1]]
    path = rng.choice(found or [("name",)])
    change_json(file, path, name)
    return f"{name[:30]!r} at {path} of {file.name}"


def lie(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the header of a safetensors file."""
    content = file.read_bytes()
    (n,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + n])
    change(header)
    text = json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + n :])


def _lying_header(suite: Path, rng: random.Random) -> str:
    file = _pick(rng, suite, ".safetensors")
    key, value = rng.choice(
        [
            ("shape", [2**62, 2**62]), ("shape", [10**9]), ("shape", []), ("shape", [-1]),
            ("dtype", "F8_E4M3"), ("dtype", "BF16"), ("dtype", "C64"), ("dtype", "X"),
            ("dtype", "BOOL"), ("data_offsets", [0, 2**60]), ("data_offsets", [5, 1]),
        ]
    )  # fmt: skip

    def change(header: dict[str, Any]) -> None:
        for name in sorted(set(header) - {"__metadata__"})[:1]:
            header[name][key] = value

    lie(file, change)
    return f"{key} {value} in {file.name}"


def _other_arrays(suite: Path, rng: random.Random) -> str:
    """Arrays of the right name, of another shape or type."""
    file = _pick(rng, suite, "figures.safetensors", "per_datum.safetensors", "arrays.safetensors")
    arrays = load_file(file)
    changes: tuple[Callable[[Any], Any], ...] = (
        lambda a: a.reshape(-1), lambda a: a[None], lambda a: a.reshape(-1)[:1].reshape(()),
        lambda a: a.astype(np.float64) * np.nan, lambda a: a.astype(np.float16) * np.inf,
        lambda a: a > 0, lambda a: a.astype(np.int64) * 0 - 1, lambda a: a[:1],
        lambda a: np.zeros((1, 1, 3000, 3000), np.uint8), lambda a: np.zeros((0, 3), np.float32),
        lambda a: a.astype(np.float64) + 1e300,
    )  # fmt: skip
    if arrays:
        name, place = rng.choice(sorted(arrays)), rng.randrange(len(changes))
        arrays[name] = np.ascontiguousarray(changes[place](arrays[name]))
        save_file(arrays, file)
        return f"another array {name} ({place}) in {file.name}"
    return f"{file.name} as it was"


def _table(suite: Path, rng: random.Random) -> str:
    file = _pick(rng, suite, ".csv")
    text = file.read_text()
    lines = text.splitlines(keepends=True)
    place = rng.randrange(len(lines))
    cells = lines[place].rstrip("\n").split(",")
    cells[rng.randrange(len(cells))] = rng.choice(
        [
            "",
            "x",
            "-1",
            "1e999",
            "nan",
            "9" * 5000,
            "y" * 10**6,
            "\x1b[2J",
            '"',
            "../../x",
            "\u2028",
        ]
    )
    lines[place] = ",".join(cells) + "\n"
    file.write_text("".join(lines))
    return f"a cell of line {place + 1} of {file.name}"


def _many_rows(suite: Path, rng: random.Random) -> str:
    file = _pick(rng, suite, ".csv")
    header, *rows = file.read_text().splitlines(keepends=True)
    file.write_text(header + (rows[-1] if rows else "x\n") * rng.choice([2, 20_000]))
    return f"one row of {file.name} many times"


DAMAGES = (
    _flip, _cut, _grow, _lose, _lose_folder, _folder_for_file, _file_for_folder, _pipe, _device,
    _link, _content, _retype, _lose_key, _evil_text, _evil_name, _evil_reference, _lying_header,
    _other_arrays, _table, _many_rows,
)  # fmt: skip
"""What a disk, a person or a program does."""
RESEALED = (
    _content, _retype, _lose_key, _evil_text, _evil_reference, _lying_header, _other_arrays, _table,
    _many_rows,
)  # fmt: skip
"""What somebody does who makes the digests right afterwards."""


def damage(folder: Path, rng: random.Random) -> str:
    """Do one damage to a stored suite, half of the time resealed; return what was done.

    Args:
        folder: ``results/<suite>``; something may appear in ``outside``, beside ``results``.
        rng: What is done depends on it and the folder's content alone.
    """
    if rng.random() < 0.5:
        return rng.choice(DAMAGES)(folder, rng)
    done = rng.choice(RESEALED)(folder, rng)
    with_right_digests = [p for p in sealed_folders(folder) if _is_json(p / "manifest.json")]
    for sealed in with_right_digests:
        reseal(sealed)
    return f"{done}, resealed"


def _is_json(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_text())["files"], dict)
    except (ValueError, LookupError, TypeError, RecursionError):
        return False
