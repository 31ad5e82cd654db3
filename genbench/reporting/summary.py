"""A suite's results at a terminal: the comparison, the checks of its studies, its members."""

from collections.abc import Sequence

from genbench.core.claims import SIGNS
from genbench.core.numbers import cell
from genbench.core.texts import aligned
from genbench.reporting.tables.comparison import comparison_tables
from genbench.reporting.tables.text import text_tables
from genbench.results.blocks import blocks_of
from genbench.results.studies import StoredStudy
from genbench.results.suite import StoredSuite

_HEADS = ("study", "check", "expected", "found", "tolerance", "holds")


def terminal_summary(suite: StoredSuite) -> str:
    """The results of a suite as text.

    Raises:
        StorageError: A study is damaged.
    """
    rows = _check_rows(suite.studies)
    members = ", ".join(suite.record.members)
    parts = [
        text_tables(comparison_tables(blocks_of(suite.frame, suite.metrics))),
        aligned(rows, _HEADS) if rows else "",
        f"suites of this collection: {members}" if members else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _check_rows(studies: Sequence[StoredStudy]) -> list[tuple[str, ...]]:
    return [
        (
            study.record.name,
            check.name,
            f"{SIGNS[check.claim]}{cell(check.expected)}",
            cell(check.found),
            cell(check.tolerance),
            "yes" if check.passed else "NO",
        )
        for study in studies
        for check in study.record.checks
    ]
