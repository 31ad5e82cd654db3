"""Reports: tables, figures and one HTML page, built from stored results alone; never torch."""

from pathlib import Path

from genbench.core.locks import locked
from genbench.reporting.report_folder import PAGE, ReportFolder
from genbench.reporting.summary import terminal_summary
from genbench.results.suite import StoredSuite

__all__ = ["build_report", "terminal_summary"]


def build_report(suite: StoredSuite, reports: Path) -> Path:
    """Write page, tables and figures of a suite; return the path of the page.

    Another command that reports the same suite at the same time waits.

    Raises:
        StorageError: The results are damaged, or the report cannot be written.
    """
    place = (ReportFolder.of(suite, reports) / PAGE).parent  # no link leads there
    with locked(place):
        if suite.record.page == "lectures":
            from genbench.reporting.page.lectures import build as build_lectures

            return build_lectures(suite, reports)
        from genbench.reporting.report import build  # the plotting libraries take a second to load

        return build(suite, reports)
