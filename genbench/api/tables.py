"""The headline numbers of a suite: models by metrics, best first, with what stands beside them."""

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
from pandas.io.formats.style import Styler
from pandas.io.formats.style_render import CSSDict

from genbench.core import numbers
from genbench.core.errors import ConfigError
from genbench.core.protocol import Protocol
from genbench.results.cells import BEST, Cell, Column
from genbench.results.headline import DETAILS
from genbench.results.leaderboard import SIGNS, Entry, Leaderboard
from genbench.results.numbers_frame import NumbersFrame
from genbench.results.suite import StoredSuite

LIKELIHOOD = "log-likelihood"
_BOLD = "; font-weight: bold"
_LOOK: list[CSSDict] = [
    {"selector": "caption", "props": "text-align: left"},
    {"selector": "th.row_heading", "props": "text-align: left; vertical-align: top"},
    {"selector": "td", "props": "padding-left: 1em"},
]
Number = tuple[Column, Cell, str]
"""A number, the column that it comes from, and its standing."""


class HeadlineTable(NumbersFrame):
    """What :func:`table` returns: a notebook shows its errors, but not those of derived frames."""

    @property
    def _constructor(self) -> Callable[..., NumbersFrame]:
        return NumbersFrame

    def _repr_html_(self) -> str:
        html: str = style(self).to_html()
        return html


class FrameBeside(pd.DataFrame):
    """A frame kept in ``attrs``, where pandas asks with ``==`` whether two are the same."""

    def __eq__(self, other: object) -> Any:
        return self.equals(other) if isinstance(other, FrameBeside) else super().__eq__(other)

    __hash__ = None

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> "FrameBeside":
        return FrameBeside(self.copy())


def table(suite: str = "digits", results: str | Path = Path("results")) -> HeadlineTable:
    """Return the models of a suite with their headline numbers, best first; needs no torch.

    The log-likelihood of a model is exact where it is known, else its tightest lower bound; it is
    over the whole test set. Numbers of two protocols do not compare: each protocol has its rows.

    Args:
        suite: Name of a suite that was run.
        results: Folder of the results.

    Returns:
        Means over seeds, a row per ``(protocol, model)``; columns ``log-likelihood``,
        ``reconstruction``, ``rate`` and ``sample quality``, as far as any model has them. NaN
        where a model has no such number. ``attrs`` holds frames of the same shape: ``stderr``
        (over the test set), ``kind``, ``metric`` (which number it is) and ``standing`` (``best`` or
        ``tie``); and, by the name of a protocol, ``protocol`` (in full) and ``answer`` (which model
        is best, and how sure that is).

    Raises:
        ConfigError: The suite is a collection; its suites are named.
        StorageError: There are no results, or they are damaged.
    """
    stored = StoredSuite.open(Path(results), suite)
    stored.require_no_collection()
    boards = stored.leaderboards
    names = _short_names([board.block.protocol for board in boards])
    named = list(zip(names, boards, strict=True))
    rows = {(n, e.row.label): _numbers(board, e) for n, board in named for e in board.entries}
    whole = HeadlineTable(_frame(rows, lambda column, cell, standing: cell.value, float("nan")))
    whole.attrs = {
        "stderr": FrameBeside(_frame(rows, lambda column, cell, _: cell.stderr, float("nan"))),
        "kind": FrameBeside(_frame(rows, lambda column, cell, _: cell.kind, "")),
        "metric": FrameBeside(_frame(rows, lambda column, cell, _: column.metric, "")),
        "standing": FrameBeside(_frame(rows, lambda column, cell, standing: standing, "")),
        "protocol": {name: board.block.protocol.text for name, board in named},
        "answer": {name: board.sentence for name, board in named},
    }
    return whole


def _numbers(board: Leaderboard, entry: Entry) -> dict[str, Number]:
    """Return the numbers of a model by the names of their columns."""
    known = dict[str, Number]()
    if entry.column and entry.cell:
        known[LIKELIHOOD] = (entry.column, entry.cell, entry.standing)
    for detail in filter(None, entry.details):
        column, cell = detail
        known[DETAILS[column.record.leaderboard]] = (column, cell, cell.standing)
    return known


def _frame(
    rows: dict[tuple[str, str], dict[str, Number]],
    pick: Callable[[Column, Cell, str], Any],
    absent: Any,
) -> pd.DataFrame:
    columns = [LIKELIHOOD, *(t for t in DETAILS.values() if any(t in row for row in rows.values()))]
    cells = [[pick(*row[c]) if c in row else absent for c in columns] for row in rows.values()]
    index = pd.MultiIndex.from_tuples(list(rows), names=["protocol", "model"])
    return pd.DataFrame(cells, index=index, columns=columns)


def _short_names(protocols: Sequence[Protocol]) -> list[str]:
    """Return names as short as they may be to differ: ``dynamic|label``."""
    for long in (False, True):
        names = [_name(protocol, long) for protocol in protocols]
        if len(set(names)) == len(names):
            return names
    return [protocol.text for protocol in protocols]


def _name(protocol: Protocol, long: bool) -> str:
    view = f"{protocol.dataset} {protocol.pixels}" if long else protocol.pixels
    condition = f"|{protocol.condition}" if protocol.condition else ""
    return f"{view}{condition}" if protocol.pixels else protocol.text


def style(table: pd.DataFrame) -> Styler:
    """Return a table as people read it: ``≥ −22.81 ± 0.16``, the best in bold.

    ``≥`` marks a lower bound, ``≤`` an upper one; what follows ``±`` is the standard error over the
    test set.

    Args:
        table: What :func:`genbench.table` returned, or some of its rows and columns.

    Raises:
        ConfigError: It is another frame.
    """
    stderr, kind, standing = (_beside(table, name) for name in ("stderr", "kind", "standing"))
    parts = zip(*(frame.to_numpy().tolist() for frame in (table, stderr, kind)), strict=True)
    texts = [list(map(_text, *row)) for row in parts]
    css = standing.map(lambda word: f"text-align: right{_BOLD if word == BEST else ''}")
    styler = pd.DataFrame(texts, table.index, table.columns).style.apply(lambda _: css, axis=None)
    styler = styler.format(escape="html").format_index(escape="html")
    return styler.set_caption("<br>".join(map(escape, _answers(table)))).set_table_styles(_LOOK)


def _beside(table: pd.DataFrame, name: str) -> pd.DataFrame:
    beside = table.attrs.get(name)
    if not isinstance(beside, pd.DataFrame) or not (
        table.index.isin(beside.index).all() and table.columns.isin(beside.columns).all()
    ):
        raise ConfigError(
            "style takes what genbench.table returned, or rows and columns of it, such as"
            " table.loc[[protocol]]"
        )
    return beside.reindex(index=table.index, columns=table.columns)


def _text(value: float, stderr: float, kind: str) -> str:
    if math.isnan(value):
        return "–"
    number, error = numbers.measured(value, stderr)
    text = f"{SIGNS.get(kind, '')}{number} ± {error}" if error else number
    return numbers.minus(text)


def _answers(table: pd.DataFrame) -> Iterator[str]:
    """Yield the answers of the protocols that the table shows."""
    answers: dict[str, str] = table.attrs.get("answer", {})
    several = len(answers) > 1
    for name in table.index.unique(0):
        if name in answers:
            yield f"{name}: {answers[name]}" if several else answers[name]
