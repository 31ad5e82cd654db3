"""The leaderboard: one number per model, best first, and the answer that it gives."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from genbench.core import numbers
from genbench.core.statistics import ALPHA
from genbench.core.texts import noun
from genbench.reporting.tables.captions import notes_caption
from genbench.reporting.tables.comparison import number_cell
from genbench.reporting.tables.small_table import (
    Head,
    Row,
    SmallTable,
    TableCell,
    model_cell,
    row_of,
)
from genbench.results.cells import BEST, TIED, Cell, Column, ProtocolBlock
from genbench.results.headline import DETAILS
from genbench.results.leaderboard import UNIT, Entry, Leaderboard

_OF_SAMPLES = ", of sample quality over the images that are compared"
_RANK = "rank"
_ODD = "!"
_CERTIFIED = "✓"


def leaderboard_tables(boards: Sequence[Leaderboard]) -> list[SmallTable]:
    """The leaderboard of each protocol."""
    return [leaderboard_table(board, f"leaderboard-{i}") for i, board in enumerate(boards, 1)]


def leaderboard_table(board: Leaderboard, name: str = "leaderboard") -> SmallTable:
    """Rank, model, log-likelihood and what else there is: reconstruction, rate, sample quality."""
    likelihood = Head("log-likelihood", (board.unit,), arrow="↑")
    first = (Head(_RANK), Head("model", words=True), likelihood)
    rows = tuple(_row(board, entry) for entry in board.entries)
    heads = (*first, *map(detail_head, board.details))
    explained = (*_warnings(board.entries), *_certified(board.entries))
    table = SmallTable(name, heading(board), heads, rows, lead=board.sentence, explained=explained)
    signs = "; ".join(legend([table], sequential=board.block.sequential))
    caption = " ".join(filter(None, (signs and f"{signs}.", notes_caption(board.details))))
    return replace(table, caption=caption)


def heading(board: Leaderboard) -> str:
    """Protocol, number of images, number of seeds."""
    block = board.block
    images = _images(block) if block.n else block.split
    return f"{block.protocol.short}: {images}, {block.seeds_text}"


def _images(block: ProtocolBlock) -> str:
    return f"{numbers.grouped(block.n)} {block.split} {noun(block.n, 'image')}"


def legend(
    tables: Sequence[SmallTable], best: str = "bold", tied: str = "≈", *, sequential: bool = False
) -> list[str]:
    """What the signs in leaderboards mean.

    Args:
        tables: The leaderboards.
        best: How the best number is marked.
        tied: How those that are tied for best are; empty where they are not.
        sequential: Whether seeds were added until all pairs were decided.
    """
    pairs = [
        pair
        for table in tables
        for row in table.rows
        for pair in zip(table.heads, row, strict=True)
    ]
    cells = [cell for _, cell in pairs]
    n_ranked = sum(bool(cell.text) for head, cell in pairs if head.text == _RANK)
    standings = {cell.standing for cell in cells}
    compared = any(cell.error for head, cell in pairs if head.text == DETAILS["samples"])
    first = "an anytime-valid test over seeds and " if sequential else ""
    level = f"{100 * ALPHA:.0f} %, Holm-corrected"
    test = f"{first}a paired test over images and seeds ({level})"
    error = "±: standard error over test images"
    signs = {
        "rank: the order of the numbers, of which the first place alone is tested": n_ranked > 1,
        "≥: lower bound": any(cell.text.startswith("≥") for cell in cells),
        "≤: upper bound": any(cell.text.startswith("≤") for cell in cells),
        f"{error}{_OF_SAMPLES if compared else ''}": any(cell.error for cell in cells),
        f"{best}: best number by {test}": BEST in standings,
        f"{tied}: tied for best by {'that test' if BEST in standings else test}": (
            bool(tied) and TIED in standings
        ),
    }
    return [text for text, used in signs.items() if used]


def detail_head(column: Column) -> Head:
    """What stands above reconstruction, rate or sample quality."""
    record = column.record
    name = record.short or column.metric.removeprefix(f"{record.leaderboard}_")
    below = UNIT if column.unit == UNIT else name
    text = DETAILS.get(record.leaderboard, record.leaderboard)
    return Head(text, (below,), arrow=column.arrow, title=record.title)


def _row(board: Leaderboard, entry: Entry) -> Row:
    rank = TableCell(str(entry.rank), value=entry.rank) if entry.rank else TableCell()
    model = replace(model_cell(entry.row), marks=_ODD if entry.warnings else "")
    details = (_detail(board.block, *pair) if pair else "–" for pair in entry.details)
    return row_of(rank, model, _likelihood(board, entry), *details)


def _likelihood(board: Leaderboard, entry: Entry) -> TableCell:
    if entry.cell is None or entry.column is None:
        return TableCell(entry.text)
    cell = _plainly(number_cell(board.block, entry.column, entry.cell))
    marks = f"{cell.marks}{_CERTIFIED if entry.certified else ''}"
    return replace(cell, text=f"{entry.sign}{cell.text}", marks=marks, standing=entry.standing)


def _detail(block: ProtocolBlock, column: Column, cell: Cell) -> TableCell:
    """A number with its standard error, and its n where it is another."""
    size = block.other_size(column, cell)
    return replace(_plainly(number_cell(block, column, cell)), below=(size,) if size else ())


def _plainly(cell: TableCell) -> TableCell:
    """A number with its standard error alone; everything else stands in the comparison."""
    return replace(cell, below=(), badge="", note="")


def _warnings(entries: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    """Signs that training went wrong, in short, each once for all models that show it."""
    said = ((e.row.label, warning.partition(":")[0]) for e in entries for warning in e.warnings)
    yield from ((_ODD, sentence) for sentence in _once(said))


def _certified(entries: Sequence[Entry]) -> Iterator[tuple[str, str]]:
    """By which checks numbers were certified, each once for all models that passed the same."""
    said = ((entry.row.label, entry.certified) for entry in entries if entry.certified)
    yield from ((_CERTIFIED, sentence) for sentence in _once(said))


def _once(said: Iterable[tuple[str, str]]) -> Iterator[str]:
    """What is said of models, each sentence once: ``vae, iwae: below independent_pixels``."""
    models: dict[str, list[str]] = {}
    for label, words in said:
        models.setdefault(words, []).append(label)
    yield from (f"{', '.join(labels)}: {words}" for words, labels in models.items())
