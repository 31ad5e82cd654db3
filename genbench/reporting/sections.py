"""The report's chapters of declared figures and of studies.

May import this package's readers, sheets, figures and drawing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from pandas.api.types import is_numeric_dtype

from genbench.core import numbers
from genbench.core.plot import Plot
from genbench.reporting.chapters import Chapter
from genbench.reporting.declared import draw, draw_images, image_grid, told
from genbench.reporting.figures import FigureMaker, Gallery
from genbench.reporting.grids import grid_png
from genbench.reporting.looks import words
from genbench.reporting.runtables import of_models, run_table
from genbench.reporting.sheets import Sheet
from genbench.reporting.stored import Arrays, SuiteRecord
from genbench.reporting.studied import CheckRecord, StoredStudy
from genbench.reporting.style import Picture, embedded, styled

MOST_ROWS = 40
_WIDE = 1000
_MOST_COLUMNS = 8
_SIGNS = {"=": "", "<=": "≤ ", ">=": "≥ "}


def declared_chapters(
    record: SuiteRecord, folder: Path, frame: pd.DataFrame, maker: FigureMaker
) -> list[Chapter]:
    """Draw the figures that the suite file declares; those without rows are left out.

    Raises:
        ConfigError: A figure shows a column that there is not.
    """
    with styled():
        made = [_declared(plot, record, folder, frame, maker) for plot in record.plots]
    found = tuple(entry for entry in made if entry is not None)
    return [Chapter("declared", "What this suite shows", found)] if found else []


def _declared(
    plot: Plot, record: SuiteRecord, folder: Path, frame: pd.DataFrame, maker: FigureMaker
) -> Gallery | None:
    table = of_models(run_table(plot.table, folder, frame, record.runs), plot.models)
    if not len(table):
        return None
    return plot_gallery(plot, {plot.table: table}, {}, maker)


def study_chapters(studies: Sequence[StoredStudy], maker: FigureMaker) -> list[Chapter]:
    """Draw and collect what the studies found, a chapter each."""
    with styled():
        return [_study_chapter(study, maker) for study in studies]


def _study_chapter(study: StoredStudy, maker: FigureMaker) -> Chapter:
    found = [
        plot_gallery(plot, study.tables, study.arrays, maker, f"{study.name}-")
        for plot in study.plots
    ]
    sheets = [check_sheet(study)] if study.checks else []
    sheets += [sheet for name in study.tables if (sheet := table_sheet(study, name))]
    caption = f"Computed in {numbers.seconds(study.seconds)}. {_left_out(study)}".strip()
    found.append(Gallery(f"{study.name}-numbers", "The numbers", caption, (), sheets=tuple(sheets)))
    return Chapter(f"study-{study.name}", study.title, tuple(found), study.description)


def _left_out(study: StoredStudy) -> str:
    long = {name: len(t) for name, t in study.tables.items() if len(t) > MOST_ROWS}
    told_of = (f"{name}.csv ({numbers.grouped(n)} rows)" for name, n in long.items())
    return f"Too long to print here: {', '.join(told_of)}." if long else ""


def plot_gallery(
    plot: Plot,
    tables: Mapping[str, pd.DataFrame],
    arrays: Arrays,
    maker: FigureMaker,
    prefix: str = "",
) -> Gallery:
    """Draw one figure, write its files, and put it into a gallery of its own."""
    name = f"{prefix}{plot.name}".replace("_", "-")
    picture = draw_plot(plot, tables, arrays, maker, name)
    shape = "wide" if picture.width > (_WIDE if plot.kind != "images" else 700) else "large"
    return Gallery(name, plot.title, plot.caption, (picture,), shape)


def draw_plot(
    plot: Plot,
    tables: Mapping[str, pd.DataFrame],
    arrays: Arrays,
    maker: FigureMaker,
    name: str,
) -> Picture:
    """Draw one figure and write its files; images keep their pixels on the page."""
    if plot.kind != "images":
        return maker.save(draw(plot, tables[plot.table], maker.palette), name, told(plot))
    grid = image_grid(arrays[plot.array])
    maker.save(draw_images(grid), name, told(plot))
    columns = arrays[plot.array].shape[1]
    return embedded(grid_png(grid, 920 if columns > _MOST_COLUMNS else 460), told(plot))


def check_sheet(study: StoredStudy) -> Sheet:
    """Each check: what must be, what was found, and whether it holds."""
    rows = tuple(_check_row(check) for check in study.checks)
    caption = (
        "A check holds where the number found lies within the tolerance of what is expected, or"
        " not beyond it where that is a bound (≤, ≥)."
    )
    heads = ("check", "expected", "found", "tolerance", "holds", "note")
    noted = heads if any(row[-1] for row in rows) else heads[:-1]
    shown = tuple(row[: len(noted)] for row in rows)
    title = f"Checks of {study.title}"
    return Sheet(f"{study.name}-checks", title, noted, shown, caption, (0, 4, 5))


def _check_row(check: CheckRecord) -> tuple[str, ...]:
    expected = f"{_SIGNS[check.claim]}{numbers.cell(check.expected)}"
    holds = "yes" if check.passed else "NO"
    found, tolerance = numbers.cell(check.found), numbers.cell(check.tolerance)
    return check.name, expected, found, tolerance, holds, check.note


def table_sheet(study: StoredStudy, name: str) -> Sheet | None:
    """A table of the study, if it is short enough to be read."""
    table = study.tables[name]
    if not len(table) or len(table) > MOST_ROWS:
        return None
    texts = [i for i, kind in enumerate(table.dtypes) if not is_numeric_dtype(kind)]
    heads = tuple(words(str(column)) for column in table)
    rows = tuple(tuple(map(numbers.cell, row)) for row in table.itertuples(index=False, name=None))
    title = f"{study.title}: {words(name)}"
    return Sheet(f"{study.name}-{name}", title, heads, rows, "", tuple({0, *texts}))
