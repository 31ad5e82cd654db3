"""A row: its key, its fingerprint, and reading stored rows. Imports no torch."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genbench.bench.settings import TASKS
from genbench.core.errors import ExitCode, GenbenchError
from genbench.core.files import canonical_json, sha256_bytes

BenchRow = dict[str, Any]

KEY = ("recipe", "task", "batch_size", "device", "data", "options", "study", "study_value")
"""What makes two rows the same benchmark."""

NUMBERS = {"samples_per_s": True, "batch_size": True, "relative_error": False}
"""Numbers that a comparison needs in every row, and whether they must be above 0."""

LIMIT_NUMBERS = {"limit_samples_per_s": True, "flops_per_step": True, "share_relative_error": False}
"""The same for rows with a limit."""


class StoredRowsError(GenbenchError):
    """Stored rows are missing or damaged, or from other benchmarks or another machine."""

    exit_code = ExitCode.BASELINE


def digest(fingerprint: Mapping[str, Any]) -> str:
    """Return a twelve-digit digest of a machine; genbench's version is left out."""
    machine = {name: value for name, value in fingerprint.items() if name != "genbench"}
    return sha256_bytes(canonical_json(machine).encode())[:12]


def key_of(row: Mapping[str, Any]) -> str:
    """Return as canonical JSON what two rows must share to be compared."""
    return canonical_json({name: row.get(name) for name in KEY})


def name_of(row: Mapping[str, Any]) -> str:
    """Name a benchmark for people.

    Example:
        >>> row = {"recipe": "vae", "task": "iw", "batch_size": 20, "device": "cpu"}
        >>> name_of(row | {"data": "mnist", "options": {"hidden": [400], "n_samples": 10}})
        'vae/iw/20/cpu/mnist/hidden=400/n_samples=10'
    """
    options = [f"{k}={_plain(v)}" for k, v in sorted(row["options"].items())]
    study = [f"study={row['study']}"] if row.get("study") else []
    parts = [row["recipe"], row["task"], str(row["batch_size"]), row["device"], row["data"]]
    return "/".join([*parts, *options, *study])


def _plain(value: Any) -> str:
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)


def read_rows(path: Path) -> list[BenchRow]:
    """Read what ``bench --output`` wrote.

    Raises:
        StoredRowsError: The file is missing, truncated or not a list of rows, or a row is damaged;
            the message names the row and the key.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_constant)
    except OSError as error:
        raise StoredRowsError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise StoredRowsError(f"{path} is damaged: not valid JSON: {error}") from error
    if not isinstance(rows, list) or not rows:
        raise StoredRowsError(f"{path} is not a list of rows from `genbench bench --format json`")
    for i, row in enumerate(rows):
        if problem := _problem(row):
            raise StoredRowsError(f"{path}: row {i}: {problem}")
    _require_distinct(rows, path)
    return rows


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a valid number")


def _problem(row: Any) -> str | None:
    """Return what is wrong with a stored row, or None."""
    if not isinstance(row, dict):
        return "not a row"
    types = {"recipe": str, "device": str, "data": str, "options": dict, "fingerprint": dict}
    for name, kind in types.items():
        if not isinstance(row.get(name), kind):
            return f"{name}: missing, or not of type {kind.__name__}"
    if row.get("task") not in TASKS:
        return f"task: {row.get('task')!r} is unknown; known: {', '.join(TASKS)}"
    limited = row.get("limit_samples_per_s") is not None
    for name, positive in (NUMBERS | (LIMIT_NUMBERS if limited else {})).items():
        if not _is_number(row.get(name), positive=positive):
            return f"{name}: missing, or not a number {'above' if positive else 'of at least'} 0"
    if row.get("fingerprint_digest") != digest(row["fingerprint"]):
        return "fingerprint_digest does not match the fingerprint"
    return None


def _is_number(value: Any, *, positive: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return value > 0 if positive else value >= 0


def _require_distinct(rows: Sequence[BenchRow], path: Path) -> None:
    seen: set[str] = set()
    for row in rows:
        if key_of(row) in seen:
            raise StoredRowsError(f"{path}: {name_of(row)} is listed twice")
        seen.add(key_of(row))
