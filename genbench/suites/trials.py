"""The record of a search: a CSV file beside the suite file, one row per trial; needs no torch.

It is read as anybody's file is: below the suite's folder, of a bounded size, and as data only.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

from pydantic import NonNegativeFloat, NonNegativeInt

from genbench.core.errors import ConfigError, StorageError, quoted
from genbench.core.files import canonical_json
from genbench.core.metric import Better
from genbench.core.options import Line, Options, Seed
from genbench.core.reading import contained, parse_json, read_utf8

LARGEST = 2**20
"""Bytes of a record; a hundred trials have 15,000."""
MOST_TRIALS = 10_000


class Trial(Options):
    """One training of a search, and how good it was on validation data.

    Attributes:
        model: Name of the model.
        trial: Its number; trials of one number have the same draw.
        seed: Of its training.
        options: What was drawn, of the options that the model has.
        parameters: Number of trained parameters.
        steps: Of the optimiser.
        seconds: Of training.
        metric: The criterion; empty where the trial gave none.
        better: Direction of the criterion.
        value: Of the criterion, on validation data; None where the trial failed or diverged.
        stderr: Over the validation data.
        chosen: Whether it is the best of its model.
    """

    model: Line
    trial: NonNegativeInt
    seed: Seed
    options: dict[str, Any]
    parameters: NonNegativeInt | None = None
    steps: NonNegativeInt | None = None
    seconds: NonNegativeFloat | None = None
    metric: Line = ""
    better: Better = "none"
    value: float | None = None
    stderr: NonNegativeFloat | None = None
    chosen: bool = False


COLUMNS = tuple(Trial.model_fields)
_WORDS = ("model", "metric", "better")
"""Columns of plain words; all others hold JSON, or nothing."""
Trials = Sequence[Trial]


def put_trials(raw: dict[str, Any], folder: Path) -> None:
    """Put the trials of the record that a suite file names into its content.

    Raises:
        ConfigError: The file states trials itself, or the record cannot be read.
    """
    if "trials" in raw:
        fix = "they are read from the record of a search: tuned = FILE"
        raise ConfigError(f"trials: unknown key; {fix}")
    if tuned := raw.get("tuned"):
        raw["trials"] = read_trials(record_of_search(folder, str(tuned)))


def record_of_search(folder: Path, tuned: str) -> Path:
    """Return the file that a suite file in ``folder`` names in ``tuned``.

    Raises:
        ConfigError: It is no CSV file below the folder.
    """
    problem = f"tuned: expected a .csv file below the suite file's folder, not {quoted(tuned)}"
    if PurePath(tuned).suffix != ".csv":
        raise ConfigError(problem)
    try:
        return contained(folder, tuned)
    except StorageError as error:
        raise ConfigError(problem) from error


def read_trials(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a record, not yet validated; none if there is no file.

    Raises:
        ConfigError: The file cannot be read or is no such table.
    """
    if not path.exists():
        return []
    try:
        rows = list(csv.reader(io.StringIO(read_utf8(path, LARGEST)), strict=True))
        if not rows or tuple(rows[0]) != COLUMNS:
            raise ConfigError(f"tuned: {path}: expected the columns {', '.join(COLUMNS)}")
        if len(rows) > MOST_TRIALS:
            raise ConfigError(f"tuned: {path}: more than {MOST_TRIALS:,} trials")
        return [_read_row(row, i, path) for i, row in enumerate(rows[1:], 1)]
    except (StorageError, csv.Error) as error:
        raise ConfigError(f"tuned: {error}") from error


def _read_row(row: Sequence[str], i: int, path: Path) -> dict[str, Any]:
    if len(row) != len(COLUMNS):
        raise ConfigError(f"tuned: {path}: row {i} has {len(row)} columns, not {len(COLUMNS)}")
    cells = zip(COLUMNS, row, strict=True)
    return {
        key: cell if key in _WORDS else parse_json(cell.encode(), path)
        for key, cell in cells
        if cell
    }


def written(trials: Trials) -> str:
    """Return the CSV text of a record, which :func:`read_trials` reads back."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for trial in trials:
        values = trial.model_dump(mode="json").items()
        writer.writerow([value if key in _WORDS else _json(value) for key, value in values])
    return file.getvalue()


def _json(value: object) -> str:
    return "" if value is None else canonical_json(value)


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials of a model that have a value, the best first."""
    sign = {"higher": -1.0, "lower": 1.0, "none": 0.0}
    scored = [(sign[t.better] * t.value, t.trial, t) for t in trials if t.value is not None]
    return [trial for *_, trial in sorted(scored, key=lambda one: one[:2])]
