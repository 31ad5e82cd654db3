"""Builds a whole report from a suite's stored results."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genbench.core.files import write_atomic
from genbench.reporting.figures.drawers import Drawers
from genbench.reporting.figures.maker import FigureMaker
from genbench.reporting.figures.model_figures import draw_all
from genbench.reporting.figures.style import colours
from genbench.reporting.made_by import made_by
from genbench.reporting.page.chapters import chapters, tables_of
from genbench.reporting.page.report_page import page, published_page
from genbench.reporting.page.sections import declared_chapters, study_chapters
from genbench.reporting.report_folder import PAGE, ReportFolder
from genbench.reporting.tables.comparison import comparison_tables
from genbench.reporting.tables.latex import latex_tables
from genbench.reporting.tables.leaderboard import leaderboard_tables
from genbench.reporting.tables.markdown import markdown_tables
from genbench.reporting.tables.published import published_tables
from genbench.reporting.tables.small_table import SmallTable
from genbench.results.part_of_suite import best_part
from genbench.results.suite import StoredSuite

_MOST_NEW = 50_000
"""Objects that are made before garbage is looked for: a third of the time went into looking."""


def build(suite: StoredSuite, reports: Path) -> Path:
    """Write ``index.html``, ``table.md``, ``table.tex`` and ``figures/``; return the page's path.

    A manifest seals them, with the digests of the results that they show.

    ``published.html`` is written where the suite quotes published values, else removed. The same
    results give the same bytes. Figures of models that are gone are removed. Of very many models
    the page shows the best; the other files have all.

    Raises:
        StorageError: The results are damaged, or the report cannot be written.
    """
    folder = ReportFolder.of(suite, reports)
    with _rarely_collected(), Drawers.of_this_machine() as drawers:
        _write(suite, folder, drawers)
    folder.seal_with(suite)
    return folder / PAGE


@contextmanager
def _rarely_collected() -> Iterator[None]:
    """Look for garbage after more objects: a figure has thousands, and ends as a whole."""
    before = gc.get_threshold()
    gc.set_threshold(max(_MOST_NEW, before[0]) if before[0] else 0, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _write(suite: StoredSuite, folder: ReportFolder, drawers: Drawers) -> None:
    shown = best_part(suite)
    maker = FigureMaker(folder / "figures", colours(shown.models), drawers)
    figures = draw_all(shown, maker)
    parts = [
        *declared_chapters(suite, maker),
        *study_chapters(suite, maker),
        *chapters(shown, maker, figures),
    ]
    _remove_others(maker)
    tables = [
        *leaderboard_tables(suite.leaderboards),
        *comparison_tables(suite.blocks),
        *tables_of(parts),
        *_published(folder, suite),
    ]
    remark = made_by(suite.record)
    write_atomic(folder / "table.md", markdown_tables(suite.title, tables, remark))
    write_atomic(folder / "table.tex", latex_tables(suite.title, tables, remark))
    drawers.finish()
    write_atomic(folder / PAGE, page(shown, parts, maker.palette))


def _published(folder: ReportFolder, suite: StoredSuite) -> list[SmallTable]:
    path = folder / "published.html"
    if not suite.record.published:
        path.unlink(missing_ok=True)
        return []
    tables = published_tables(suite)
    write_atomic(path, published_page(suite.record, tables))
    return tables


def _remove_others(maker: FigureMaker) -> None:
    for path in maker.folder.glob("*"):
        if path.suffix in (".png", ".pdf") and path.stem not in maker.names:
            path.unlink(missing_ok=True)
