"""What is in a results folder, and whether all of it is whole."""

import hashlib
import json
from pathlib import Path

TOLD = ("metrics.csv", "history.csv", "metrics.json", "spec.json", ".safetensors")
"""Endings of the files that do not depend on when, where or how often a run was stopped."""
PASSING = ("checkpoint.safetensors",)
"""Of these, the files of a run that is under way."""


def everything(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def numbers(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files that must be the same however often a run was stopped."""
    return {name: content for name, content in files.items() if name.endswith(TOLD)}


def different(folder: Path, calm: dict[str, bytes]) -> str | None:
    """Return in what the finished results of a folder differ from calm ones."""
    found, expected = everything(folder), numbers(calm)
    ours = numbers(found)
    if ours != expected:
        names = sorted({n for n in ours | expected if ours.get(n) != expected.get(n)})
        return f"not the bytes of a calm run: {names}"
    return half_written(found) or broken_seals(found)


def half_done(folder: Path, calm: dict[str, bytes]) -> str | None:
    """Return what an interrupted command left that is neither absent nor as in the calm run."""
    ours = numbers(everything(folder))
    known = numbers(calm)
    wrong = [n for n in ours if not n.endswith(PASSING) and ours[n] != known.get(n)]
    return f"neither absent nor as in a calm run: {wrong}" if wrong else None


def half_written(files: dict[str, bytes]) -> str | None:
    """Return the temporary files that are left."""
    names = [name for name in files if name.endswith(".tmp") or name.endswith(".writable")]
    return f"left behind: {names}" if names else None


def broken_seals(files: dict[str, bytes]) -> str | None:
    """Return what a manifest says of files that are not so."""
    for name in (n for n in files if n.endswith("manifest.json")):
        stem = name.removesuffix("manifest.json")
        for listed, digest in json.loads(files[name])["files"].items():
            content = files.get(stem + listed)
            if content is None or hashlib.sha256(content).hexdigest() != digest:
                return f"{name} lists another {listed}"
    return None
