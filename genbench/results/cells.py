"""One number of a table and all that stands beside it: uncertainties, kind, size, diagnostics."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from genbench.core import numbers
from genbench.core.metric import Metric
from genbench.core.protocol import SPLITS, Protocol
from genbench.core.statistics import few_decide

ARROWS = {"higher": "↑", "lower": "↓"}
UNRELIABLE, WARNED = "†", "‡"
BEST, TIED = "best", "tie"
_ROUNDING = 1e-9
"""An error of so small a share of its value is rounding, and none of estimation."""
_NO_QUANTITY = ("chunk_size", "n_data")
"""Options that change no quantity: the size of chunks, and n, which stands apart."""


def settings_text(options: str, names: Mapping[str, str]) -> str:
    """Return the options that define a quantity as text: ``K = 100``.

    Args:
        options: As JSON; text of another form is returned as it is.
        names: What options are called; an empty name hides one.
    """
    try:
        known = json.loads(options or "{}")
    except ValueError:
        return options
    titles = {key: names.get(key, key) for key in known}
    return ", ".join(
        f"{titles[key]} = {value}"
        for key, value in known.items()
        if value is not None and titles[key] and key not in _NO_QUANTITY
    )


@dataclass(frozen=True)
class Column:
    """One metric under one set of options and one evaluator version.

    ``n`` is the number of data behind the column's numbers where they agree on it; ``record`` says
    how the metric is treated.
    """

    metric: str
    options: str
    version: int
    unit: str
    better: str
    kind: str
    record: Metric
    n: int | None = None

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells this column from the others of its block."""
        return self.metric, self.options, self.version

    @property
    def arrow(self) -> str:
        """Which way is better, as one character; empty where neither is."""
        return ARROWS.get(self.better, "")

    @cached_property
    def settings(self) -> str:
        """The options that define the quantity, as text: ``K = 100``."""
        return settings_text(self.options, self.record.option_names)


@dataclass(frozen=True)
class SeedValue:
    """The number of one training seed, and the run that it comes from."""

    seed: int
    train_id: str
    value: float


@dataclass(frozen=True)
class Cell:
    """One number with its three uncertainties, or the reason why there is none.

    Attributes:
        stderr: Standard error over the test set.
        mc_stderr: Monte-Carlo standard error, from finitely many draws of z.
        seed_sd: Standard deviation between training seeds.
        health: Diagnostics of the estimator by name.
        standing: ``best``, ``tie`` or empty; see :mod:`genbench.results.paired`.
        closed_form: Whether its model is fitted without an optimiser; None where nothing says so.
    """

    status: str
    value: float = float("nan")
    stderr: float = float("nan")
    mc_stderr: float = float("nan")
    seed_sd: float = float("nan")
    n_seeds: int = 0
    n_ok: int = 0
    n: int | None = None
    kind: str = ""
    reason: str = ""
    health: Mapping[str, float] = field(default_factory=dict)
    seeds: tuple[SeedValue, ...] = ()
    standing: str = ""
    closed_form: bool | None = None

    @property
    def ok(self) -> bool:
        """Whether there is a number."""
        return self.status == "ok"

    @property
    def word(self) -> str:
        """What stands in the place of a number."""
        return {"not_applicable": "n/a", "missing": "–"}.get(self.status, self.status)

    @property
    def text(self) -> str:
        """Value ± standard error over the test set, or the word for its absence."""
        if not self.ok:
            return self.word
        value, stderr = numbers.measured(self.value, self.error)
        return f"{value} ± {stderr}" if stderr else value

    @property
    def error(self) -> float:
        """Standard error over the test set; NaN where none is known, as of a count."""
        return self.stderr if self.stderr > 0 else math.nan

    @property
    def mc_text(self) -> str:
        """Monte-Carlo standard error; empty where none is known."""
        drawn = self.ok and self.mc_stderr > _ROUNDING * abs(self.value)
        return f"MC {numbers.spread(self.mc_stderr)}" if drawn else ""

    @property
    def seeds_text(self) -> str:
        """Standard deviation between seeds, and how many have a number; none in closed form."""
        if not self.ok or self.n_seeds < 2:
            return ""
        of = f", {self.n_ok} of {self.n_seeds} seeds" if self.n_ok < self.n_seeds else ""
        spread = 0.0 if self.seed_sd <= _ROUNDING * abs(self.value) else self.seed_sd
        if self.closed_form and not spread and not of:
            return ""
        return f"seed sd {numbers.spread(spread) or '–'}{of}"

    @property
    def complete(self) -> bool:
        """Whether every seed has a number: the mean of those that are left may flatter."""
        return self.ok and self.n_ok == self.n_seeds

    @property
    def unreliable(self) -> bool:
        """Whether few draws carry the weight: Pareto k-hat above 0.7, or fewer than two of them."""
        return self.ok and bool(few_decide(self.health))


def marks(column: Column, cell: Cell) -> str:
    """Footnote marks of a number; :mod:`genbench.reporting.tables.captions` explains them."""
    if not cell.ok:
        return ""
    return UNRELIABLE * cell.unreliable + WARNED * bool(column.record.warning)


def words(kind: str) -> str:
    """A kind as people write it: ``lower bound``."""
    return kind.replace("_", " ")


@dataclass(frozen=True)
class ModelRow:
    """One model; ``label`` names the run too where one name stands for two.

    ``note`` is what a reader must know of the row (``label summed out``); a ``control`` is no
    contestant.
    """

    model: str
    label: str
    cells: tuple[Cell, ...]
    control: bool = False
    note: str = ""

    @property
    def title(self) -> str:
        """Label and what must be known of it, on one line."""
        known = [word for word in ("control" if self.control else "", self.note) if word]
        return f"{self.label} ({', '.join(known)})" if known else self.label


@dataclass(frozen=True)
class ProtocolBlock:
    """Numbers that may be compared with each other, and with no others.

    ``sequential`` says that seeds were added until its models were told apart: its tests must hold
    whenever one stops.
    """

    dataset: str
    protocol: Protocol
    split: str
    n: int | None
    columns: tuple[Column, ...]
    rows: tuple[ModelRow, ...]
    sequential: bool = False

    def column(self, metric: str) -> int | None:
        """Position of the last column of that metric (of the largest options)."""
        return next(reversed(self.columns_of(metric)), None)

    def columns_of(self, metric: str) -> list[int]:
        """Positions of the columns of that metric."""
        return [i for i, column in enumerate(self.columns) if column.metric == metric]

    @property
    def n_whole(self) -> int | None:
        """The size of the whole split, by the protocol where it says so."""
        sizes: dict[str, int] = dict(zip(SPLITS, self.protocol.sizes, strict=True))
        return sizes.get(self.split) or self.n

    @property
    def n_seeds(self) -> int:
        """The largest number of seeds behind one cell."""
        return max((cell.n_seeds for row in self.rows for cell in row.cells), default=0)

    @property
    def seeds_text(self) -> str:
        """How many seeds, in words."""
        return "1 seed" if self.n_seeds == 1 else f"{self.n_seeds} seeds"

    def under(self, column: Column) -> tuple[str, ...]:
        """What stands under a column's name: unit, options, and n where it is another."""
        other = column.n is not None and column.n != self.n
        size = f"n = {numbers.grouped(column.n)}" if other else ""
        note = self._note_of(column)
        return tuple(part for part in (column.unit, column.settings, note, size) if part)

    def _note_of(self, column: Column) -> str:
        """What all rows of a column are noted for, where another column has the same head."""
        same = [i for i in self.columns_of(column.metric) if self.columns[i] != column]
        if not any(self.columns[i].settings == column.settings for i in same):
            return ""
        place = self.columns.index(column)
        notes = {row.note for row in self.rows if row.cells[place].status != "missing"}
        return notes.pop() if len(notes) == 1 else ""

    def other_kind(self, column: Column, cell: Cell) -> str:
        """The kind of a number in words, where it is not its column's."""
        return words(cell.kind) if cell.ok and cell.kind != column.kind else ""

    def errors(self, column: Column, cell: Cell) -> tuple[str, ...]:
        """What stands below a number: n where it is another, MC, spread over seeds."""
        if not cell.ok:
            return ()
        size = self.other_size(column, cell)
        return tuple(part for part in (size, cell.mc_text, cell.seeds_text) if part)

    def other_size(self, column: Column, cell: Cell) -> str:
        """The n of a number where it is not that of its column, or of the block."""
        usual = self.n if column.n is None else column.n
        other = cell.ok and cell.n is not None and cell.n != usual
        return f"n = {numbers.grouped(cell.n)}" if other else ""
