"""Reports: tables, figures and one HTML page, built from stored results alone; never torch."""

from pathlib import Path

from genbench.reporting.summary import terminal_summary
from genbench.results.suite import StoredSuite

__all__ = ["build_report", "terminal_summary"]


def build_report(suite: StoredSuite, reports: Path) -> Path:
    """Write page, tables and figures of a suite; return the path of the page.

    Raises:
        StorageError: The results are damaged, or the report cannot be written.
    """
    if suite.record.page == "lectures":
        from genbench.reporting.page.lectures import build as build_lectures

        return build_lectures(suite, reports)
    from genbench.reporting.report import build  # the plotting libraries take a second to load

    return build(suite, reports)
