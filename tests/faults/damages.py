"""Damaged, hostile and resealed files of a results folder, met by each command that reads one."""

import hashlib
import json
import os
import random
import resource
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import TINY
from tests.faults.kills import RUN
from tests.faults.state import different
from tests.faults.suites import ODD
from tests.faults.trial import Trial

SECOND = """
[[model]]
name = "vae_2"
recipe = "vae"
hidden = [16]
latent_dim = 2

[evaluate]"""
SUITE = TINY.replace("\n[evaluate]", SECOND)
READERS = {
    "check": ("check", "--baseline", "baseline.json"),
    "compare": ("compare", "tiny:vae", "tiny:vae_2"),
    "report": ("report", "--suite", "tiny"),
    "run": RUN,
}
WEIGHTS = (40, 25, 5, 30)
"""A page takes seconds."""
ROOM = 8 * 2**30
"""Bytes of addresses that a reader may ask for."""


def try_one(trial: Trial) -> str | None:
    """Damage one file, then read the results."""
    calm = trial.calm(*RUN, suite=SUITE)
    trial.write("tiny.toml", SUITE)
    trial.store(calm)
    reader = trial.random.choices(list(READERS), WEIGHTS)[0]
    expected = _undisturbed(trial, reader)
    secret = trial.write("outside", "1,2\n")
    path = trial.random.choice([p for p in sorted(trial.results.rglob("*")) if p.is_file()])
    kind = trial.random.choice(list(DAMAGES))
    DAMAGES[kind](path, trial.random, secret)
    trial.tried = 1
    before = _beside(trial)
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
    answer = trial.answer(*READERS[reader])
    if reader == "run" and kind.startswith("resealed"):
        problem = answer.misbehaved(0, 4, 5)
    elif reader == "run":
        problem = answer.misbehaved(0, 5)
        problem = problem or (different(trial.results, calm.files) if not answer.code else None)
    else:
        problem = answer.misbehaved(0, 5)
        if not problem and not answer.code and expected not in ("", answer.out):
            problem = "another answer, with exit code 0"
    if not problem and len(answer.err.splitlines()) > 10 and answer.code:
        problem = f"{len(answer.err.splitlines())} lines"
    if not problem and _beside(trial) != before:
        problem = "something outside the results has changed"
    return (
        f"{reader} with {kind} of {path.relative_to(trial.results)}: {problem}" if problem else None
    )


def _undisturbed(trial: Trial, reader: str) -> str:
    """Return what a command says of undamaged results; make the baseline."""
    if reader == "check":
        trial.answer(*READERS["check"], "--suite", "tiny", "--update")
    return trial.answer(*READERS[reader]).out if reader in ("check", "compare") else ""


def _beside(trial: Trial) -> dict[str, bytes]:
    """Return the files around the results folder."""
    ours = {path.name: path for path in trial.folder.iterdir() if not path.name.startswith(".")}
    for name in ("results", "reports"):
        ours.pop(name, None)
    return {name: path.read_bytes() for name, path in ours.items()}


def _edited(change: Callable[[bytes, random.Random], bytes]):
    def damage(path: Path, draw: random.Random, secret: Path) -> None:
        path.write_bytes(change(path.read_bytes(), draw))

    return damage


def _flipped(content: bytes, draw: random.Random) -> bytes:
    data = bytearray(content or b" ")
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(data)


def _another_digit(content: bytes, draw: random.Random) -> bytes:
    at = draw.choice([i for i, byte in enumerate(content) if chr(byte).isdigit()] or [0])
    return content[:at] + str(draw.randrange(10)).encode() + content[at + 1 :]


def _deep(content: bytes, draw: random.Random) -> bytes:
    n = draw.choice((900, 3000, 100_000))
    return b'{"files": ' + b"[" * n + b"]" * n + b"}"


def _lines(content: bytes, draw: random.Random) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    at = draw.randrange(len(lines))
    return b"".join([*lines[:at], *(draw.choice(([], [lines[at]] * 2))), *lines[at + 1 :]])


def _replace(make: Callable[[Path, Path], None]):
    def damage(path: Path, draw: random.Random, secret: Path) -> None:
        path.unlink()
        make(path, secret)

    return damage


def _huge(path: Path, secret: Path) -> None:
    with path.open("wb") as file:
        file.truncate(20 * 10**9)


def _resealed(change: Callable[[Path, random.Random], None]):
    """Change a file, then write its digest into the manifest beside it, if there is one."""

    def damage(path: Path, draw: random.Random, secret: Path) -> None:
        change(path, draw)
        manifest = path.with_name("manifest.json")
        if manifest.exists() and path != manifest:
            listed = json.loads(manifest.read_text())
            listed["files"][path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
            manifest.write_text(json.dumps(listed))

    return damage


def _odd_value(path: Path, draw: random.Random) -> None:
    """Put an odd value at a random place of a JSON file; of another file, change a byte."""
    if path.suffix != ".json":
        path.write_bytes(_flipped(path.read_bytes(), draw))
        return
    value = json.loads(path.read_text())
    holder, key = draw.choice(list(_places(value)))
    holder[key] = draw.choice([*ODD, None])
    path.write_text(json.dumps(value))


def _odd_header(path: Path, draw: random.Random) -> None:
    """Let a file of arrays claim shapes, kinds and places that are not so."""
    if path.suffix != ".safetensors":
        _odd_value(path, draw)
        return
    content = path.read_bytes()
    n = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + n])
    name = draw.choice(list(header))
    header[name] = draw.choice(
        (
            {"dtype": "F64", "shape": [2**40, 2**40], "data_offsets": [0, 8]},
            {"dtype": "I8", "shape": [0], "data_offsets": [0, 0]},
            {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
            {"dtype": "BOOL", "shape": [], "data_offsets": [0, 1]},
        )
    )
    text = json.dumps(header).encode()
    size = draw.choice((len(text), len(text), 2**60))
    path.write_bytes(size.to_bytes(8, "little") + text + content[8 + n :])


def _odd_names(path: Path, draw: random.Random) -> None:
    """Let the manifest beside a file list what is outside, or nothing that a file can be."""
    manifest = path.with_name("manifest.json")
    if not manifest.exists():
        _odd_value(path, draw)
        return
    listed = json.loads(manifest.read_text())
    name = draw.choice(
        ("../../../../outside", "/etc/passwd", "a\x00b", "x" * 5000, "", ".", "..", "\n")
    )
    listed["files"][name] = hashlib.sha256(b"1,2\n").hexdigest()
    manifest.write_text(json.dumps(listed))


def _places(value):
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    for key in list(keys):
        yield value, key
        yield from _places(value[key])


DAMAGES = {
    "an end cut off": _edited(lambda content, draw: content[: draw.randrange(len(content) or 1)]),
    "a flipped bit": _edited(_flipped),
    "another digit": _edited(_another_digit),
    "a line more or less": _edited(_lines),
    "bytes appended": _edited(lambda content, draw: content + draw.randbytes(9999)),
    "random bytes": _edited(lambda content, draw: draw.randbytes(draw.randrange(200))),
    "no bytes": _edited(lambda content, draw: b""),
    "deep lists": _edited(_deep),
    "a long integer": _edited(lambda content, draw: b'{"a": ' + b"9" * 5000 + b"}"),
    "NaN": _edited(lambda content, draw: content.replace(b"0.", b"NaN", 1)),
    "another type": _edited(lambda content, draw: draw.choice((b"[]", b"1", b"null", b"{}"))),
    "absence": _replace(lambda path, secret: None),
    "a folder": _replace(lambda path, secret: path.mkdir()),
    "a link to the outside": _replace(lambda path, secret: path.symlink_to(secret)),
    "a link to itself": _replace(lambda path, secret: path.symlink_to(path)),
    "a pipe": _replace(lambda path, secret: os.mkfifo(path)),
    "20 GB": _replace(_huge),
    "resealed odd values": _resealed(_odd_value),
    "resealed arrays": _resealed(_odd_header),
    "resealed odd names": _resealed(_odd_names),
}  # fmt: skip
