"""Builds a whole report from a suite's stored results.

May import everything of this package.
"""

from pathlib import Path

from genbench.core.files import write_atomic
from genbench.reporting.figures import FigureMaker, draw_all, shown_runs
from genbench.reporting.frames import load_results, suite_folder
from genbench.reporting.html import page
from genbench.reporting.stored import load_suite
from genbench.reporting.style import colours
from genbench.reporting.tables import headline
from genbench.reporting.text import latex_tables, markdown_tables


def build(results_dir: Path, reports_dir: Path, suite: str) -> Path:
    """Write ``index.html``, ``table.md``, ``table.tex`` and ``figures/``; return the page's path.

    The same results give the same bytes. Figures of models that are gone are removed.

    Raises:
        StorageError: The results are missing or damaged, or the report cannot be written.
    """
    record, frame = load_suite(results_dir, suite), load_results(results_dir, suite)
    models = list(dict.fromkeys([*(run.model for run in record.runs), *frame["model"]]))
    blocks = headline(frame, models)
    folder = reports_dir / suite
    maker = FigureMaker(folder / "figures", colours(models))
    runs = shown_runs(suite_folder(results_dir, suite), record.runs)
    galleries = draw_all(record, frame, blocks, runs, maker)
    _remove_others(maker)
    title = record.title or record.name
    write_atomic(folder / "table.md", markdown_tables(title, blocks))
    write_atomic(folder / "table.tex", latex_tables(title, blocks))
    write_atomic(folder / "index.html", page(record, blocks, galleries, maker.palette))
    return folder / "index.html"


def _remove_others(maker: FigureMaker) -> None:
    for path in maker.folder.glob("*"):
        if path.suffix in (".png", ".pdf") and path.stem not in maker.names:
            path.unlink(missing_ok=True)
