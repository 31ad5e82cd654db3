"""A suite's results at a terminal: the leaderboards, the checks of its studies, its members."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from genbench.core.claims import SIGNS
from genbench.core.numbers import cell
from genbench.core.texts import Terminal, aligned
from genbench.reporting.tables.budgets import budget_tables
from genbench.reporting.tables.captions import UNRELIABLE_WORDS
from genbench.reporting.tables.comparison import comparison_tables
from genbench.reporting.tables.leaderboard import leaderboard_tables, legend
from genbench.reporting.tables.small_table import SmallTable, TableCell
from genbench.reporting.tables.text import STAR, text_tables, text_width, titled_rows
from genbench.results.budgets import budgets_of
from genbench.results.cells import UNRELIABLE
from genbench.results.studies import CheckRecord, StoredStudy
from genbench.results.suite import StoredSuite

_HEADS = ("study", "check", "expected", "found", "tolerance", "holds")
_N_FIRST, _LEAST_NAME, _SHORTEST, _FEW = 2, 16, 4, 12


def terminal_summary(
    suite: StoredSuite, terminal: Terminal | None = None, *, verbose: bool = False
) -> str:
    """The results of a suite as text that fits the terminal.

    Args:
        suite: What is stored.
        terminal: Where the text is printed.
        verbose: Add all metrics with their notes, budgets and options, and the checks that hold.

    Raises:
        StorageError: A study is damaged.
    """
    here = terminal or Terminal()
    return "\n\n".join(part for part in _parts(suite, here, verbose) if part)


def _parts(suite: StoredSuite, terminal: Terminal, verbose: bool) -> Iterator[str]:
    boards = fitted(leaderboard_tables(suite.leaderboards), terminal)
    yield from (_board(board, terminal) for board in boards)
    sequential = suite.record.until_decided is not None
    yield terminal.paragraph("; ".join(_legend(boards, sequential=sequential)))
    if verbose:
        tables = [*comparison_tables(suite.blocks), *budget_tables(budgets_of(suite))]
        yield text_tables(tables, terminal)
    yield _checks(suite.studies, terminal, verbose)
    members = ", ".join(suite.record.members)
    yield terminal.paragraph(f"suites of this collection: {members}") if members else ""


def _board(board: SmallTable, terminal: Terminal) -> str:
    notes = (f"{mark} {sentence}".strip() for mark, sentence in board.explained)
    below = (terminal.paragraph(note, 2, 2) for note in notes)
    return "\n".join([titled_rows(board, terminal), *below])


def _legend(boards: Sequence[SmallTable], *, sequential: bool) -> list[str]:
    """What all signs mean, said once."""
    unreliable = any(UNRELIABLE in board.marks for board in boards)
    signs = legend(boards, STAR, tied="", sequential=sequential)
    return [*signs, *([UNRELIABLE_WORDS] if unreliable else [])]


def fitted(boards: Sequence[SmallTable], terminal: Terminal) -> list[SmallTable]:
    """Leaderboards without ranks, and without what the terminal has no room for.

    Standard errors of details go first, in all of them, then the middle of long names, then
    details.
    """
    whole = [board.only(range(1, len(board.heads))) for board in boards]
    calm = list(map(_controls_below, whole))
    for tables in (whole, calm):
        if all(text_width(table, terminal) <= terminal.width for table in tables):
            return tables
    return [_narrowed(_without_errors(table), terminal) for table in calm]


def _narrowed(table: SmallTable, terminal: Terminal) -> SmallTable:
    """The table with the middle of long names, and at last some columns, left out."""
    longest = max(len(row[0].line) for row in table.rows)
    for n in range(len(table.heads), 1, -1):
        part = table.only(range(n))
        excess = text_width(part, terminal) - terminal.width
        if excess <= 0 or longest - excess >= _LEAST_NAME:
            break
    return _with_names(part, longest - max(excess, 0), terminal)


def _controls_below(table: SmallTable) -> SmallTable:
    controls = [row[0].text for row in table.rows if row[0].badge]
    rows = tuple((replace(row[0], badge=""), *row[1:]) for row in table.rows)
    said = (("", f"controls: {', '.join(controls)}"),) if controls else ()
    return replace(table, rows=rows, explained=(*table.explained, *said))


def _without_errors(table: SmallTable) -> SmallTable:
    rows = (
        (*row[:_N_FIRST], *(replace(cell, error="") for cell in row[_N_FIRST:]))
        for row in table.rows
    )
    return replace(table, rows=tuple(rows))


def _with_names(table: SmallTable, width: int, terminal: Terminal) -> SmallTable:
    def name(cell: TableCell) -> TableCell:
        rest = len(cell.line) - len(cell.text)
        return replace(cell, text=terminal.shortened(cell.text, max(width - rest, _SHORTEST)))

    return replace(table, rows=tuple((name(row[0]), *row[1:]) for row in table.rows))


def _checks(studies: Sequence[StoredStudy], terminal: Terminal, verbose: bool) -> str:
    """The checks: all of a few, else those that fail and how many hold."""
    checks = [(study, check) for study in studies for check in study.record.checks]
    few = verbose or len(checks) <= _FEW
    shown = [(study, check) for study, check in checks if few or not check.passed]
    n_passed = sum(check.passed for _, check in checks)
    table = aligned([_row(*pair) for pair in shown], _HEADS, terminal) if shown else ""
    count = "" if few else f"{n_passed} of {len(checks)} checks hold"
    return "\n\n".join(part for part in (table, count) if part)


def _row(study: StoredStudy, check: CheckRecord) -> tuple[str, ...]:
    return (
        study.record.name,
        check.name,
        f"{SIGNS[check.claim]}{cell(check.expected)}",
        cell(check.found),
        cell(check.tolerance),
        "yes" if check.passed else "NO",
    )
