"""A comparison as two small tables per protocol: the differences, and how the models rank."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from genbench.comparison.answer import answer, headlines
from genbench.comparison.bootstrap import N_REPLICATES
from genbench.comparison.measure import OWN_ERROR, Comparison, Contestant, Line
from genbench.core import numbers
from genbench.core.statistics import ALPHA, ENOUGH_PAIRS
from genbench.core.texts import noun
from genbench.reporting.tables.small_table import (
    Row,
    SmallTable,
    TableCell,
    count_cell,
    heads_of,
    measured_cell,
    row_of,
)
from genbench.results.cells import UNRELIABLE, words
from genbench.results.methods import NETWORKS_ALONE

_DIFFERENCES = (
    "model",
    "metric",
    "n",
    "seeds",
    "A − B",
    "95 % interval",
    "p (Holm)",
    "P(A better)",
    "better",
    "test over",
)
_STANDINGS = ("metric", "model", "seeds", "mean", "IQM", "95 % interval", "rank", "95 % interval")
_WORDS = ("model", "metric", "better", "test over")
_SHORT = ("model", "metric", "A − B", "p", "better")
_FEW_SEEDS, _TRIMMED = 5, 4
BY_OWN_ERROR = (
    "A metric of samples has no values per image. With one seed a side it compares these trained"
    " networks by the standard errors that both numbers state, in a z-test; both share the training"
    " images, so that it finds a little less than it could."
)
Groups = Sequence[Sequence[Line]]


def tables(comparison: Comparison) -> list[SmallTable]:
    """Return two tables per protocol: the differences, and the ranks."""
    pairs = []
    for place, groups in enumerate(comparison.blocks, 1):
        block = groups[0][0].match.block
        title = f"{block.protocol.short}, {block.split}"
        first = f"A = {comparison.first}, B = {comparison.second}: {title}"
        second = f"Interquartile means and ranks: {title}"
        pairs += [
            _differences(f"differences-{place}", first, groups, len(comparison.lines)),
            _standings(f"ranks-{place}", second, groups),
        ]
    return pairs


def short_tables(comparison: Comparison) -> list[SmallTable]:
    """Return the answer and the differences of each protocol, in at most five columns.

    Two models are compared by all numbers, the models of two suites by one each.
    """
    pairs = zip(comparison.blocks, answer(comparison), strict=True)
    sides = f"A = {comparison.first}, B = {comparison.second}"
    return [_short(sides, groups, sentence) for groups, sentence in pairs]


def _short(sides: str, groups: Groups, sentence: str) -> SmallTable:
    heads = headlines(groups)
    lines = heads if len(heads) > 1 else [line for group in groups for line in group]
    block = lines[0].match.block
    names = [(line.match.title, line.match.column.metric) for line in lines]
    n = Counter(line.match.cells[0].n for line in lines).most_common(1)[0][0]
    rows = (
        row_of(title, _metric(line, names.count((title, metric)) > 1, n), *_result(line))
        for line, (title, metric) in zip(lines, names, strict=True)
    )
    images = f"{numbers.grouped(n)} {block.split} {noun(n, 'image')}" if n else block.split
    title = f"{sides}: {block.protocol.short}: {images}, {_seeds(lines)}"
    table = SmallTable(
        "differences", title, heads_of(*_SHORT, words=_WORDS), tuple(rows), lead=sentence
    )
    return table if len(heads) > 1 else table.only(range(1, len(_SHORT)))


def _seeds(lines: Sequence[Line]) -> str:
    """How many seeds a side the differences rest on."""
    counts = [len(values) for line in lines for values in line.match.values]
    few, many = min(counts), max(counts)
    several = f"{few} to {many}" if few < many else str(few)
    return f"{several} {noun(many, 'seed')} a side"


def _result(line: Line) -> tuple[TableCell, TableCell, TableCell]:
    return _gap(line), _p_value(line), TableCell(line.word)


def _differences(name: str, title: str, groups: Groups, n_tests: int) -> SmallTable:
    """What all rows share stands once, in the title and the caption."""
    lines = [line for group in groups for line in group]
    rows = tuple(_difference(line) for line in lines)
    tests = {line.test for line in lines}
    caption = _caption(lines, n_tests, tests.pop() if len(tests) == 1 else "")
    table = SmallTable(name, title, heads_of(*_DIFFERENCES, words=_WORDS), rows, caption)
    kept = list(range(len(_DIFFERENCES) - (not tests)))
    models = {line.match.title for line in lines}
    if len(models) == 1:
        return replace(table.only(kept[1:]), title=f"{title}: {models.pop()}")
    return table.only(kept)


def _difference(line: Line) -> Row:
    difference, match, share = line.difference, line.match, line.improvement
    seeds = [len(values) for values in match.values]
    return row_of(
        match.title,
        _metric(line),
        count_cell(match.cells[0].n),
        str(seeds[0]) if seeds[0] == seeds[1] else f"{seeds[0]}, {seeds[1]}",
        _gap(line),
        _interval(*difference.interval, difference.stderr),
        _p_value(line),
        f"{share.value:.2f} [{share.low:.2f}, {share.high:.2f}]",
        line.word,
        line.test,
    )


def _gap(line: Line) -> TableCell:
    mark = UNRELIABLE if any(cell.unreliable for cell in line.match.cells) else ""
    return measured_cell(line.difference.value, line.difference.stderr, mark, signed=True)


def _p_value(line: Line) -> TableCell:
    text = numbers.p_value(line.p_holm).removeprefix("p ").removeprefix("= ")
    return TableCell(text, value=line.p_holm)


def _metric(line: Line, settings: bool = True, n: int | None = None) -> str:
    """A metric with its unit, its options if wanted, and its n where it is not this one."""
    column, size = line.match.column, line.match.cells[0].n
    other = f"n = {numbers.grouped(size)}" if n and size and size != n else ""
    known = (column.unit, column.settings if settings else "", other)
    about = ", ".join(part for part in known if part)
    return f"{column.metric} {column.arrow}{f' ({about})' if about else ''}"


def _interval(low: float, high: float, stderr: float) -> str:
    return f"[{numbers.measured(low, stderr)[0]}, {numbers.measured(high, stderr)[0]}]"


def _caption(lines: Sequence[Line], n_tests: int, test: str) -> str:
    random = test or "what stands under 'test over'"
    kind = "z-test" if test == OWN_ERROR else "t-test"
    over = "the one line" if n_tests == 1 else f"all {n_tests} lines"
    parts = [
        "A − B: mean difference, paired by image where images are random, ± its standard error;"
        f" interval and p are of a two-sided {kind} with {random} as random (equal seeds of one"
        f" model are paired from {ENOUGH_PAIRS} on). p is Holm-corrected over {over} of this"
        f" comparison, the interval is not; a tie where p ≥ {ALPHA}.",
        "P(A better): share of the pairs of a seed of A and a seed of B in which A is better"
        " (Agarwal et al. 2021), with its bootstrap interval.",
        *_warnings(lines),
    ]
    return " ".join(parts)


def _warnings(lines: Sequence[Line]) -> list[str]:
    seeds = min(len(values) for line in lines for values in line.match.values)
    warnings = []
    if not all(line.match.of_methods for line in lines):
        warnings.append(NETWORKS_ALONE)
    if any(line.match.by_own_error for line in lines):
        warnings.append(BY_OWN_ERROR)
    if any(line.match.sequential for line in lines):
        warnings.append(
            "Seeds were added until pairs were decided: p is the larger one of the t-test and of an"
            " e-process over the differences between equal seeds."
        )
    if 1 < seeds < _FEW_SEEDS:
        warnings.append(f"With fewer than {_FEW_SEEDS} seeds that interval is too narrow.")
    if any(line.match.cells[0].kind == "lower_bound" for line in lines):
        warnings.append("A larger lower bound need not be the better model.")
    return warnings


def _standings(name: str, title: str, groups: Groups) -> SmallTable:
    rows = [_standing(group[0], entry) for group in groups for entry in contestants(group)]
    seeds = min(entry.n_seeds for group in groups for entry in contestants(group))
    plain = " (with fewer than four seeds, their mean)" if seeds < _TRIMMED else ""
    caption = (
        f"IQM: mean over seeds without the lowest and the highest quarter{plain}. Intervals: 95 %"
        f" percentiles of {N_REPLICATES} bootstrap draws of images and seeds{_too_few(seeds)}."
        " Rank: mean over the same draws, among numbers of equal kind and n."
    )
    return SmallTable(name, title, heads_of(*_STANDINGS, words=_WORDS), tuple(rows), caption)


def _too_few(seeds: int) -> str:
    return f", too narrow with fewer than {_FEW_SEEDS} seeds" if seeds < _FEW_SEEDS else ""


def contestants(group: Sequence[Line]) -> list[Contestant]:
    """Return those that are ranked together, best first."""
    by_name = {c.name: c for line in group for c in (line.first, line.second)}
    return sorted(by_name.values(), key=lambda c: (c.rank.value, c.name))


def _standing(line: Line, entry: Contestant) -> Row:
    width = (entry.iqm.high - entry.iqm.low) / 4
    return row_of(
        f"{_metric(line)}, {words(line.match.cells[0].kind)}",
        entry.name,
        count_cell(entry.n_seeds),
        numbers.measured(entry.mean, width)[0],
        numbers.measured(entry.iqm.value, width)[0],
        _interval(entry.iqm.low, entry.iqm.high, width),
        f"{entry.rank.value:.1f} of {entry.of}",
        f"[{entry.rank.low:.1f}, {entry.rank.high:.1f}]",
    )
