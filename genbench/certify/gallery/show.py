"""The gallery for people and programs: a table, JSON, and a page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genbench.certify.gallery.exhibits import Exhibit
from genbench.core.files import readable_json
from genbench.core.numbers import plain
from genbench.core.texts import Terminal
from genbench.reporting.page.impossible_page import Story, write_impossible_page
from genbench.reporting.tables.small_table import SmallTable, TableCell, heads_of, row_of
from genbench.reporting.tables.text import text_tables

FOLDER = "impossible_likelihoods"
TITLE = "Impossible likelihoods"
LEAD = (
    "Bugs that were published, each injected into a tiny model whose claims can be summed over all"
    " images that there are. A likelihood sums to 1, a lower bound of it to at most 1; none of the"
    " checks knows the true distribution, or which bug it looks at."
)
_HEADS = (
    "fault, told by the pattern", "expected", "found", "± by chance", "honest sum", "check",
    "passed for",
)  # fmt: skip
_NUMBERS = _HEADS[2:5]


def gallery_table(shown: Sequence[Exhibit]) -> SmallTable:
    """Return a row for each bug: what unmasks it, and the sum of the honest claim."""
    heads = heads_of(*_HEADS, words=set(_HEADS) - set(_NUMBERS))
    return SmallTable("gallery", headline(shown), heads, tuple(map(_row, shown)))


def _row(exhibit: Exhibit) -> tuple[TableCell, ...]:
    verdict = exhibit.verdict
    return row_of(
        verdict.reason if not verdict.passed else f"NOT CAUGHT: {exhibit.bug.name}",
        verdict.expected,
        *(_number(value) for value in (verdict.found, verdict.tolerance, exhibit.honest)),
        verdict.check,
        verdict.subject,
    )


def _number(value: float) -> TableCell:
    return TableCell(plain(value, 3), value=value)


def headline(shown: Sequence[Exhibit]) -> str:
    """Return how many are caught."""
    n = sum(exhibit.is_caught for exhibit in shown)
    return f"{n} of {len(shown)} are caught, each under its name"


def as_text(shown: Sequence[Exhibit], terminal: Terminal) -> str:
    """Return the table for a terminal."""
    return text_tables([gallery_table(shown)], terminal)


def as_json(shown: Sequence[Exhibit]) -> str:
    """Return a list with an object for each bug."""
    return readable_json([_as_row(exhibit) for exhibit in shown])


def _as_row(exhibit: Exhibit) -> dict[str, Any]:
    bug = exhibit.bug
    about = {"bug": bug.name, "caught": exhibit.is_caught, "story": bug.story}
    return about | {
        "thread": bug.thread or None,
        "honest_sum": exhibit.honest,
        **exhibit.verdict._asdict(),
    }


def write_page(shown: Sequence[Exhibit], reports: Path) -> Path:
    """Write the page below ``reports``, and return its path.

    Raises:
        StorageError: It cannot be written.
    """
    stories = [Story(e.bug.name, e.bug.story, e.bug.thread) for e in shown]
    facts = [f"{len(shown)} published bugs"]
    return write_impossible_page(
        TITLE, facts, LEAD, gallery_table(shown), stories, reports / FOLDER
    )
