"""Tables of paired differences between models, and of the health of importance estimates."""

import math
from collections.abc import Iterator, Sequence

from genbench.core import numbers
from genbench.core.statistics import ALPHA
from genbench.reporting.tables.small_table import (
    Row,
    SmallTable,
    TableCell,
    count_cell,
    heads_of,
    measured_cell,
    model_cell,
    row_of,
)
from genbench.results.cells import UNRELIABLE, Cell, ProtocolBlock, words
from genbench.results.methods import NETWORKS_ALONE
from genbench.results.paired import Pair, PairedComparison, comparisons
from genbench.results.per_datum import PerDatumValues

_HEALTH = {
    "ess": "ESS, mean",
    "ess_min": "ESS, least",
    "max_weight": "largest weight",
    "k_hat": "k-hat, median",
    "k_hat_bad": "data with k-hat > 0.7",
    "acceptance": "acceptance",
    "step_size": "step size",
}


def paired_tables(blocks: Sequence[ProtocolBlock], values: PerDatumValues) -> list[SmallTable]:
    """One matrix per block and headline column, kind and n with two models or more."""
    compared = [
        (block, index, comparison)
        for block in blocks
        for index, column in enumerate(block.columns)
        if column.record.role == "headline"
        for comparison in comparisons(block, index, values)
    ]
    return [_matrix(f"paired-{i}", *entry) for i, entry in enumerate(compared, 1)]


def _matrix(
    name: str, block: ProtocolBlock, index: int, comparison: PairedComparison
) -> SmallTable:
    column, order = comparison.column, comparison.rows
    titles = {row: block.rows[row].title for row in order}
    flagged = {row for row in order if block.rows[row].cells[index].unreliable}
    rows = []
    for place, first in enumerate(order[:-1]):
        below = [TableCell()] * place
        pairs = [
            _difference(comparison.pairs[first, other], bool(flagged & {first, other}))
            for other in order[place + 1 :]
        ]
        rows.append(row_of(model_cell(block.rows[first]), *below, *pairs))
    settings = f", {column.settings}" if column.settings else ""
    title = (
        f"{column.metric}{settings} ({words(comparison.kind)}), {block.protocol.short}:"
        f" paired differences over {numbers.grouped(comparison.n)} images"
    )
    heads = heads_of("row − column", *(titles[row] for row in order[1:]))
    return SmallTable(name, title, heads, tuple(rows), _caption(block, index, comparison))


def _difference(pair: Pair, unreliable: bool) -> TableCell:
    decided = "" if pair.decided else "tie"
    spread = numbers.spread(pair.seed_sd)
    below = (numbers.p_value(pair.p_value), decided, f"seed sd {spread}" if spread else "")
    mark = UNRELIABLE if unreliable else ""
    shown = tuple(text for text in below if text)
    return measured_cell(pair.difference, pair.stderr, mark, shown, signed=True)


def _caption(block: ProtocolBlock, index: int, comparison: PairedComparison) -> str:
    unit = comparison.column.unit or "the metric's unit"
    left_out = [
        f"{row.label} ({words(row.cells[index].kind)}, n = {numbers.grouped(row.cells[index].n)})"
        for place, row in enumerate(block.rows)
        if row.cells[index].ok and place not in comparison.rows
    ]
    others = f" Of another kind or n, and so left out: {', '.join(left_out)}." if left_out else ""
    bound = (
        " A larger lower bound need not be the better model."
        if comparison.kind == "lower_bound"
        else ""
    )
    spread = (
        " 'seed sd': standard deviation of the difference between equal seeds."
        if any(math.isfinite(pair.seed_sd) for pair in comparison.pairs.values())
        else ""
    )
    fixed = "two-sided t-test with both"
    anytime = f"of the e-process over equal seeds, or of the {fixed}, whichever is larger"
    test = anytime if comparison.sequential else fixed
    networks = "" if comparison.of_methods else f" {NETWORKS_ALONE}"
    return (
        f"Mean of row minus column in {unit}, the best number first; ± is the paired standard error"
        f" over images, and over the seeds of a model that has several. p: {test},"
        f" Holm-corrected over {_pairs(comparison)}; a tie where p ≥ {ALPHA}."
        f"{networks}{spread}{bound}{others}"
    )


def _pairs(comparison: PairedComparison) -> str:
    n = len(comparison.pairs)
    return "the one pair" if n == 1 else f"the {n} pairs"


def health_tables(blocks: Sequence[ProtocolBlock]) -> list[SmallTable]:
    """One table per block with diagnostics, a row per model and metric."""
    rows_of = [(block, tuple(_health_rows(block))) for block in blocks]
    diagnosed = [(block, rows) for block, rows in rows_of if rows]
    return [_health_table(i, block, rows) for i, (block, rows) in enumerate(diagnosed, 1)]


def _health_table(number: int, block: ProtocolBlock, rows: tuple[Row, ...]) -> SmallTable:
    named = ("model", "metric", "settings")
    heads = heads_of(*named, "n", *_HEALTH.values(), words=named)
    caption = (
        "ESS: effective number of draws behind an importance estimate, at most K (or the number of"
        " chains). Largest weight: share of the heaviest draw, mean over data; near 1 a single draw"
        " decides. k-hat: shape of the Pareto tail of the weights; above 0.7 the estimate is not to"
        " be trusted. Acceptance: of the Markov chain's proposals. Over seeds: the worst k-hat and"
        " the least ESS, means of the rest."
    )
    title = f"Estimator health: {block.protocol.short}"
    return SmallTable(f"health-{number}", title, heads, rows, caption).without_empty()


def _health_rows(block: ProtocolBlock) -> Iterator[Row]:
    for row in block.rows:
        for column, cell in zip(block.columns, row.cells, strict=True):
            if cell.ok and any(name in cell.health for name in _HEALTH):
                diagnostics = (_diagnostic(name, cell) for name in _HEALTH)
                about = (model_cell(row), column.metric, column.settings)
                yield row_of(*about, count_cell(cell.n), *diagnostics)


def _diagnostic(name: str, cell: Cell) -> TableCell:
    if name not in cell.health:
        return TableCell()
    value = cell.health[name]
    if name == "k_hat_bad":
        return TableCell(f"{100 * value:.0f} %", value=value)
    mark = UNRELIABLE if name == "k_hat" and cell.unreliable else ""
    return TableCell(numbers.plain(value, 3), marks=mark, value=value)
