"""Builds a whole report from a suite's stored results.

May import everything of this package.
"""

from pathlib import Path

import pandas as pd

from genbench.core.files import write_atomic
from genbench.reporting.chapters import chapters, sheets_of
from genbench.reporting.datumwise import PerDatum
from genbench.reporting.figures import FigureMaker, shown_runs
from genbench.reporting.galleries import draw_all
from genbench.reporting.html import page, published_page
from genbench.reporting.latex import latex_tables
from genbench.reporting.markdown import markdown_tables
from genbench.reporting.published import published_sheet
from genbench.reporting.sections import declared_chapters, study_chapters
from genbench.reporting.sheets import Sheet
from genbench.reporting.standing import ranked
from genbench.reporting.stored import SuiteRecord, load_suite
from genbench.reporting.studied import load_studies
from genbench.reporting.style import colours
from genbench.reporting.tables import arranged, headline
from genbench.results.metrics_table import load_results, suite_folder

CONTROLS = (
    "independent_pixels",
    "mean_image",
    "copier",
    "data",
    "linear_gaussian",
    "kmeans",
    "gaussian_mixture",
)
"""Recipes that are there to be compared with, and win nothing."""


def build(results_dir: Path, reports_dir: Path, suite: str) -> Path:
    """Write ``index.html``, ``table.md``, ``table.tex`` and ``figures/``; return the page's path.

    ``published.html`` is written where the suite quotes published values, else removed. The same
    results give the same bytes. Figures of models that are gone are removed.

    Raises:
        StorageError: The results are missing or damaged, or the report cannot be written.
    """
    record, frame = load_suite(results_dir, suite), load_results(results_dir, suite)
    frame = frame[frame["suite"] == record.name] if record.members else frame
    studies = load_studies(results_dir, suite)
    models = list(dict.fromkeys([*(run.model for run in record.runs), *frame["model"]]))
    controls = {run.model for run in record.runs if run.recipe in CONTROLS}
    values = PerDatum(suite_folder(results_dir, suite))
    rows = arranged(frame, models)
    blocks = [ranked(block, values) for block in headline(frame, models, controls)]
    folder = reports_dir / suite
    maker = FigureMaker(folder / "figures", colours(models))
    galleries = draw_all(
        record, frame, blocks, shown_runs(suite_folder(results_dir, suite), record.runs), maker
    )
    found = [
        *declared_chapters(record, suite_folder(results_dir, suite), frame, maker),
        *study_chapters(studies, maker),
        *chapters(rows, blocks, values, maker),
    ]
    _remove_others(maker)
    sheets = [*sheets_of(found), *_published(folder, record, rows)]
    title = record.title or record.name
    write_atomic(folder / "table.md", markdown_tables(title, blocks, sheets))
    write_atomic(folder / "table.tex", latex_tables(title, blocks, sheets))
    made = [name for name in record.members if (results_dir / name / "suite.json").is_file()]
    members = {name: load_suite(results_dir, name).title for name in made}
    text = page(record, blocks, found, galleries, maker.palette, controls, studies, members)
    write_atomic(folder / "index.html", text)
    return folder / "index.html"


def _published(folder: Path, record: SuiteRecord, rows: pd.DataFrame) -> list[Sheet]:
    path = folder / "published.html"
    if not record.published:
        path.unlink(missing_ok=True)
        return []
    sheet = published_sheet(record.published, rows)
    write_atomic(path, published_page(record, sheet))
    return [sheet]


def _remove_others(maker: FigureMaker) -> None:
    for path in maker.folder.glob("*"):
        if path.suffix in (".png", ".pdf") and path.stem not in maker.names:
            path.unlink(missing_ok=True)
