"""Fuzzed suite files: changed bytes, and changed values in the right syntax."""

import json
import random
import time
import tomllib
from copy import deepcopy
from pathlib import Path

from tests.cli.conftest import TINY
from tests.faults.trial import Trial

CONFIGS = Path(__file__).parents[2] / "configs"
SECONDS = 5.0
"""Of the processor; a tenth is usual."""
ODD = (
    0, -1, 1, 2**63, 2**63 - 1, -(2**63), 10**12, 10**400,
    0.0, -0.5, 1e308, 1e-320, float("inf"), float("nan"), True, False, "", " ", "elbo", "x" * 300,
    "x" * 5000, "\x00", "a\nb", "a\rb", "\u2028", "../x", "/", "::error::", "=1+1", "<b>", "vae",
    "none", "static", [], {}, [[]], [["elbo"]], [{}], {"a": {}}, ["elbo"] * 1000, [1] * 10_000,
    list(range(-5, 5)), "nan", "1e9", "${HOME}", "\U0001f600", ["\x00"], {"": 1}, {"x" * 300: 1},
)  # fmt: skip


def try_one(trial: Trial) -> str | None:
    """Change a suite, and ask what would be done."""
    source = trial.random.choice([TINY, *sorted(CONFIGS.glob("*.toml"))])
    text = source if isinstance(source, str) else source.read_text(encoding="utf-8")
    change = changed_values if trial.random.random() < 0.6 else changed_bytes
    suite = trial.write("suite.toml", change(text, trial.random))
    trial.tried, began = 1, time.process_time()
    argv = ("run", "--suite", "suite.toml", "--dry-run", "--device", "cpu", "--data-dir", "data")
    answer = trial.answer(*argv)
    took = time.process_time() - began
    problem = answer.misbehaved(0, 2, 3)
    if not problem and answer.code and not 1 <= len(answer.err.splitlines()) <= 10:
        problem = f"{len(answer.err.splitlines())} lines: {answer.err[:600]}"
    if not problem and took > SECONDS:
        problem = f"took {took:.1f} s"
    if not problem and trial.results.exists():
        problem = "a dry run has written results"
    return f"{problem}\n{_start(suite)}" if problem else None


def _start(suite: Path) -> str:
    return repr(suite.read_bytes()[:3000])


def changed_bytes(text: str, draw: random.Random) -> bytes:
    """Change some bytes or lines."""
    data = bytearray(text.encode())
    for _ in range(draw.randint(1, 4)):
        at, length = draw.randint(0, len(data)), draw.randint(1, 9)
        match draw.randint(0, 6):
            case 0:
                del data[at:]
            case 1:
                data[at:at] = draw.randbytes(length)
            case 2:
                del data[at : at + length]
            case 3:
                data[at:at] = draw.choice((b"\x00", b"\xff\xfe", b"\r", b'"', b"[[", b"= ", b"#"))
            case 4:
                lines = data.splitlines(keepends=True) or [b""]
                draw.shuffle(lines)
                data = bytearray(b"".join(lines))
            case 5:
                data[at:at] = data[at // 2 : at // 2 + 40]
            case 6:
                depth = draw.choice((10, 100, 3000))
                data += b"\nx = " + b"[" * depth + b"]" * depth
    return bytes(data)


def changed_values(text: str, draw: random.Random) -> str:
    """Change some values of a suite, and write it again in the right syntax."""
    suite = tomllib.loads(text)
    for _ in range(draw.randint(1, 3)):
        holder, key = draw.choice(list(_places(suite)))
        match draw.randint(0, 5):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[f"{key}_"] = deepcopy(holder[key])
            case 2 if isinstance(holder, list):
                holder.append(deepcopy(holder[key]))
            case 3:
                holder[key] = [holder[key]]
            case _:
                holder[key] = deepcopy(draw.choice(ODD))
    return "".join(f"{_key(k)} = {toml(v)}\n" for k, v in suite.items())


def _places(value):
    keys = value if isinstance(value, dict) else range(len(value) if isinstance(value, list) else 0)
    for key in list(keys):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def _key(name: str) -> str:
    return json.dumps(name)


def toml(value) -> str:
    """Write a value in TOML's syntax."""
    match value:
        case dict():
            return "{" + ", ".join(f"{_key(k)} = {toml(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case bool():
            return str(value).lower()
        case _:
            return str(value)
