"""The tidy table of a suite: read strictly, typed, with messages for what can be wrong."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pandas as pd

from genbench.core.errors import StorageError, did_you_mean
from genbench.core.metric import Metric, Metrics, by_name
from genbench.core.reading import MIB, read_utf8, visible
from genbench.results.columns import COLUMNS
from genbench.results.sealed_folder import REDO

STATUSES = ("ok", "not_applicable", "failed", "diverged", "running")
TABLE = "metrics.csv"
OPTIONAL = {"options": "{}", "mc_stderr": "", "health": "{}"}
"""Columns that older results lack, with what stands in their place."""
LARGEST_TABLE = 256 * MIB
_ABSENT = "absent"


def read_table(folder: Path) -> pd.DataFrame:
    """Read a suite's ``metrics.csv``: text columns as text, an empty ``value`` as NaN.

    Returns:
        One row per (run, evaluator row, split); ``value``, ``stderr`` and ``mc_stderr`` are
        float64, ``n`` and ``evaluator_version`` nullable integers, ``seed`` int64, everything else
        text. Columns that older results lack are filled in.

    Raises:
        StorageError: The file is missing or damaged.
    """
    path = folder / TABLE
    header, rows = _read_rows(path)
    lacking = [name for name in COLUMNS if name not in (*header, *OPTIONAL)]
    if lacking:
        raise StorageError(f"{path} is damaged: no column {', '.join(lacking)}; {REDO}")
    frame = pd.DataFrame(rows, columns=header, dtype=str)
    absent = [name for name in OPTIONAL if name not in header]
    for name in absent:
        frame[name] = OPTIONAL[name]
    frame.attrs[_ABSENT] = absent
    return _typed(frame, path)


def absent_columns(table: pd.DataFrame) -> frozenset[str]:
    """Return the columns that a table lacked when it was read."""
    return frozenset(table.attrs.get(_ABSENT, ()))


def suite_folder(results_dir: Path, suite: str) -> Path:
    """Return the folder that holds the suite's results.

    Raises:
        StorageError: It does not exist or holds no metrics yet.
    """
    folder = results_dir / suite
    if (folder / TABLE).is_file():
        return folder
    known = sorted(visible(path.parent.name) for path in results_dir.glob(f"*/{TABLE}"))
    name = Path(suite)
    if name.suffix == ".toml" and name.stem in known:
        hint = f"those of a suite file go by its name: '{name.stem}'"
    elif folder.is_dir() or not known:
        made = f"`python -m genbench run --suite {suite} --results {results_dir}` makes them"
        hint = f"{made}; name a suite of your own by its file"
    else:
        hint = did_you_mean(suite, known)
    raise StorageError(f"no results of suite '{suite}' in {results_dir}; {hint}")


def _read_rows(path: Path) -> tuple[list[str], list[list[str]]]:
    content = read_utf8(path, LARGEST_TABLE)
    try:
        header, *rows = csv.reader(io.StringIO(content, newline=""), strict=True)
    except (ValueError, csv.Error) as error:
        raise StorageError(f"{path} is damaged, not a CSV table: {error}; {REDO}") from error
    short = next((i for i, row in enumerate(rows, 2) if len(row) != len(header)), None)
    if short is not None or not content.endswith("\n"):
        where = f"row {short}" if short else "the last row"
        raise StorageError(f"{path} is damaged: {where} is cut off; {REDO}")
    return header, rows


def _typed(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    try:
        for name in ("value", "stderr", "mc_stderr"):
            frame[name] = [float(text) if text else np.nan for text in frame[name]]
        for name in ("n", "evaluator_version"):
            counts = [int(text) if text else None for text in frame[name]]
            frame[name] = pd.array(counts, dtype="Int64")
        frame["seed"] = [int(text) for text in frame["seed"]]
        name = "health"
        for text in frame[name].unique():
            health_of(text)
    except ValueError as error:
        raise StorageError(f"{path} is damaged: column {name}: {error}; {REDO}") from error
    unknown = sorted(set(frame["status"]) - set(STATUSES))
    if unknown:
        raise StorageError(f"{path} is damaged: unknown status {', '.join(unknown)}; {REDO}")
    if not np.isfinite(frame.loc[frame["status"] == "ok", "value"]).all():
        raise StorageError(f"{path} is damaged: a row with status ok has no value; {REDO}")
    return frame


def health_of(text: object) -> dict[str, float]:
    """Read a cell of the column ``health``: diagnostics by name, none where it is empty.

    Raises:
        ValueError: The text is no JSON object of numbers.
    """
    content = json.loads(text) if isinstance(text, str) and text else {}
    if not isinstance(content, dict):
        raise ValueError(f"health is no JSON object: {text}")
    known = {str(name): float(value) for name, value in content.items() if value is not None}
    return {name: value for name, value in known.items() if np.isfinite(value)}


def with_metrics(frame: pd.DataFrame, metrics: Metrics) -> pd.DataFrame:
    """Return the table with the records of its metrics in ``attrs``, for the gate to read."""
    frame.attrs["metrics"] = [m.model_dump(mode="json") for m in metrics.values()]
    return frame


def metrics_of(frame: pd.DataFrame) -> Metrics:
    """Return the records that a table carries; none where it lost them."""
    return by_name(Metric.model_validate(m) for m in frame.attrs.get("metrics", ()))
