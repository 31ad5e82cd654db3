"""The headline number of a model: the best log-likelihood that it can defend.

That is its exact log-likelihood, else its tightest lower bound, over the whole test set and with
every seed. A number over fewer images, an estimate, or one that has a warning leads nothing.
"""

from genbench.core.metric import Slot
from genbench.core.numbers import grouped
from genbench.results.cells import Cell, Column, ModelRow, ProtocolBlock

Number = tuple[Column, Cell]
DETAILS: dict[Slot, str] = {
    "reconstruction": "reconstruction",
    "rate": "rate",
    "samples": "sample quality",
}
"""The columns that follow the headline number, in this order."""
NOT_MEASURED, NOT_APPLICABLE = "not measured", "n/a"
"""Nothing was asked for, or only what the model cannot have: it may have another likelihood."""
CLAIMS = ("exact", "lower_bound")
"""Kinds of numbers by which a model may be ranked: it is at least that good."""
_BY_KIND = {"exact": max, "lower_bound": max, "upper_bound": min}
"""Which number leads, the strongest kind first: the tightest of its kind."""


def headline(block: ProtocolBlock, row: ModelRow) -> Number | None:
    """Return a model's headline number; an upper bound only where there is nothing else."""
    found = [(c, cell) for c, cell in _over_all(block, row) if cell.complete]
    for kind, tightest in _BY_KIND.items():
        if alike := [number for number in found if number[1].kind == kind]:
            return tightest(alike, key=lambda number: number[1].value)
    return None


def best_first(block: ProtocolBlock) -> list[ModelRow]:
    """Return the models by exact value or lower bound, then those without, in table order."""
    return sorted(block.rows, key=lambda row: _order(headline(block, row)))


def _order(number: Number | None) -> tuple[int, float]:
    if number is None:
        return 2, 0.0
    return (0, -number[1].value) if number[1].kind in CLAIMS else (1, 0.0)


def likelihoods(block: ProtocolBlock, row: ModelRow) -> list[Number]:
    """All log-likelihoods of a model, over however many images: bounds, exact values, estimates."""
    numbers = zip(block.columns, row.cells, strict=True)
    return [(c, cell) for c, cell in numbers if c.record.leaderboard == "likelihood" and cell.ok]


def _over_all(block: ProtocolBlock, row: ModelRow) -> list[Number]:
    """The log-likelihoods over the whole test set that nothing is warned of."""
    known = likelihoods(block, row)
    return [(c, cell) for c, cell in known if cell.n == block.n_whole and not c.record.warning]


def incomplete(block: ProtocolBlock, row: ModelRow) -> Cell | None:
    """Return the best exact value or lower bound that some seeds lack: its model may be better."""
    cells = [cell for _, cell in _over_all(block, row) if cell.kind in CLAIMS and not cell.complete]
    return max(cells, key=lambda cell: cell.value, default=None)


def absence(block: ProtocolBlock, row: ModelRow) -> str:
    """Say why a model has no headline number: what there is instead, if anything."""
    cells = [cell for _, cell in likelihoods(block, row) if cell.kind in _BY_KIND]
    if partial := next((cell for cell in cells if not cell.complete), None):
        return f"only {partial.n_ok} of {partial.n_seeds} seeds"
    fewer = [cell.n for cell in cells if cell.n is not None and cell.n != block.n_whole]
    if fewer and block.n_whole:
        return f"only over {grouped(max(fewer))} of {grouped(block.n_whole)} images"
    if stopped := {cell.status for cell in row.cells} & {"diverged", "running"}:
        return min(stopped)
    asked = _asked(block, row)
    if any(cell.status == "failed" for _, cell in asked):
        return "failed"
    refused = {c.kind for c, cell in asked if cell.status == "not_applicable"}
    if refused.issuperset(CLAIMS):
        return "has none"
    return NOT_APPLICABLE if refused else NOT_MEASURED


def _asked(block: ProtocolBlock, row: ModelRow) -> list[Number]:
    """The log-likelihoods that were tried on the model."""
    numbers = zip(block.columns, row.cells, strict=True)
    return [
        (c, cell)
        for c, cell in numbers
        if c.record.leaderboard == "likelihood" and cell.status != "missing"
    ]


def detail_places(block: ProtocolBlock) -> list[int]:
    """Positions of the columns of reconstruction, rate and sample quality, those that are known."""
    found = (detail_place(block, slot) for slot in DETAILS)
    return [place for place in found if place is not None]


def detail_place(block: ProtocolBlock, slot: Slot) -> int | None:
    """The column of a detail: of the metric of the lowest place, under its largest options."""
    columns = sorted(block.columns, key=lambda column: column.record.place)
    metrics = dict.fromkeys(c.metric for c in columns if c.record.leaderboard == slot)
    places = [i for metric in metrics for i in reversed(block.columns_of(metric))]
    return next((i for i in places if any(row.cells[i].ok for row in block.rows)), None)
