"""Reports: tables, figures and one HTML page, built from stored results alone.

May import :mod:`genbench.core`, numpy, pandas, matplotlib, seaborn and jinja2; never torch, and
nothing of the layers that train or evaluate.
"""

from pathlib import Path

from genbench.reporting.stored import load_suite
from genbench.reporting.summary import terminal_summary
from genbench.reporting.tables import headline
from genbench.reporting.text import terminal_table
from genbench.results.metrics_table import load_results

__all__ = ["build_report", "headline", "load_results", "terminal_summary", "terminal_table"]


def build_report(results_dir: Path, reports_dir: Path, suite: str) -> Path:
    """Write page, tables and figures of ``suite``; return the path of the page.

    Raises:
        StorageError: The results are missing or damaged, or the report cannot be written.
    """
    if load_suite(results_dir, suite).page == "lectures":
        from genbench.reporting.lectures import build as build_lectures

        return build_lectures(results_dir, reports_dir, suite)
    from genbench.reporting.report import build  # the plotting libraries take a second to load

    return build(results_dir, reports_dir, suite)
