"""The sentence that answers a comparison: which side is better, by how much, how sure."""

from collections import Counter
from collections.abc import Sequence

from genbench.comparison.measure import Comparison, Line
from genbench.core import numbers
from genbench.results.cells import words
from genbench.results.methods import OF_NETWORKS

_BOUNDS = ("lower_bound", "upper_bound")


def answer(comparison: Comparison) -> list[str]:
    """A sentence per protocol, by the headline number of each pair of models."""
    return [_answer(headlines(groups)) for groups in comparison.blocks]


def headlines(groups: Sequence[Sequence[Line]]) -> list[Line]:
    """The line of each pair of models that says most: of the log-likelihood where there is one."""
    pairs: dict[tuple[str, str], list[Line]] = {}
    for line in (line for group in groups for line in group):
        pairs.setdefault(line.match.labels, []).append(line)
    return [min(lines, key=_place) for lines in pairs.values()]


def _answer(lines: Sequence[Line]) -> str:
    methods = all(line.match.of_methods for line in lines)
    if len(lines) == 1:
        return f"{'' if methods else OF_NETWORKS}{_verdict(lines[0])}."
    kind = "models" if methods else "trained networks"
    counts = Counter(line.verdict for line in lines)
    if counts["tie"] == len(lines):
        return f"{'Both' if len(lines) == 2 else f'All {len(lines)}'} {kind} are tied."
    clear = [line for line in lines if line.verdict != "tie"]
    most = max(clear, key=lambda line: abs(line.difference.value))
    return (
        f"Of {len(lines)} {kind}, A's number is better for {counts['A']}, B's for {counts['B']},"
        f" neither for {counts['tie']}. The largest difference: {_verdict(most)}."
    )


def _place(line: Line) -> tuple[bool, int, bool, int, int]:
    """The order of headline numbers: log-likelihoods over the most images, exact ones first."""
    record, cell = line.match.column.record, line.match.cells[0]
    kind = cell.kind != "exact"
    return not _is_likelihood(line), -(cell.n or 0), kind, -record.tightness, record.place


def _is_likelihood(line: Line) -> bool:
    return line.match.column.record.leaderboard == "likelihood"


def _verdict(line: Line) -> str:
    column, kind = line.match.column, line.match.cells[0].kind
    value, stderr = numbers.measured(abs(line.difference.value), line.difference.stderr)
    gap = f"{value} ± {stderr} {column.unit}".strip()
    sure = numbers.p_value(line.p_holm)
    first, second = line.match.names
    if line.verdict == "tie":
        return f"{first} and {second} are tied: {column.metric} differs by {gap}, {sure}"
    better, worse = (first, second) if line.verdict == "A" else (second, first)
    if kind in _BOUNDS:
        said = f"{better} has the better {words(kind)} than {worse}, which does not prove it better"
    elif _is_likelihood(line):
        said = f"{better} is {'better than' if line.match.of_methods else 'ahead of'} {worse}"
    else:
        return f"{better} has the better {column.metric} than {worse}, by {gap}, {sure}"
    return f"{said}: {column.metric} by {gap}, {sure}"
