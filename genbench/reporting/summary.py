"""What a suite's results say at a terminal: the comparison, the checks of its studies, its members.

May import the standard library, pandas and this package's readers and texts.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from genbench.core.numbers import cell
from genbench.reporting.stored import load_suite
from genbench.reporting.studied import StoredStudy, load_studies
from genbench.reporting.text import terminal_table
from genbench.results.metrics_table import load_results

Layout = Callable[[Sequence[Sequence[object]], Sequence[str]], str]
_HEADS = ("study", "check", "expected", "found", "tolerance", "holds")


def terminal_summary(results_dir: Path, suite: str, layout: Layout) -> str:
    """The results of a suite as text; ``layout`` aligns rows under heads.

    Raises:
        StorageError: They are missing or damaged.
    """
    record, frame = load_suite(results_dir, suite), load_results(results_dir, suite)
    own = frame[frame["suite"] == record.name] if record.members else frame
    rows = _check_rows(load_studies(results_dir, suite))
    parts = [
        terminal_table(own),
        layout(rows, _HEADS) if rows else "",
        f"suites of this collection: {', '.join(record.members)}" if record.members else "",
    ]
    return "\n\n".join(part for part in parts if part)


def _check_rows(studies: Sequence[StoredStudy]) -> list[tuple[str, ...]]:
    signs = {"=": "", "<=": "≤ ", ">=": "≥ "}
    return [
        (
            study.name,
            check.name,
            f"{signs[check.claim]}{cell(check.expected)}",
            cell(check.found),
            cell(check.tolerance),
            "yes" if check.passed else "NO",
        )
        for study in studies
        for check in study.checks
    ]
