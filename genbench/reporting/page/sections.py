"""The report's chapters of declared figures and of studies."""

from collections.abc import Mapping

import pandas as pd
from pandas.api.types import is_numeric_dtype

from genbench.core import numbers
from genbench.core.claims import SIGNS
from genbench.core.plot import Plot
from genbench.core.texts import noun
from genbench.reporting.figures.grids import grid_png
from genbench.reporting.figures.maker import FigureGroup, FigureMaker
from genbench.reporting.figures.style import EmbeddedFigure, embedded, styled
from genbench.reporting.figures.user_plot_style import words
from genbench.reporting.figures.user_plots import describe, draw, draw_images, image_grid
from genbench.reporting.page.chapters import Chapter
from genbench.reporting.tables.small_table import (
    Row,
    SmallTable,
    TableCell,
    heads_of,
    plain_cell,
    row_of,
)
from genbench.results.sealed_folder import Arrays
from genbench.results.studies import CheckRecord, StoredStudy
from genbench.results.suite import StoredSuite

MOST_ROWS = 40
_WIDE = 1000
_MOST_COLUMNS = 8
_MOST_UNFOLDED = 3


def declared_chapters(suite: StoredSuite, maker: FigureMaker) -> list[Chapter]:
    """Draw the figures that the suite file declares; those without rows are left out.

    They stand open: whoever declares figures made the suite for them.

    Raises:
        ConfigError: A figure shows a column that there is not.
    """
    tables = {plot.name: suite.table_of(plot) for plot in suite.record.plots}
    with styled():
        groups = tuple(
            plot_group(plot, {plot.table: tables[plot.name]}, {}, maker)
            for plot in suite.record.plots
            if len(tables[plot.name])
        )
    chapter = Chapter("declared", "What this suite shows", groups, unfolded=True)
    return [chapter] if groups else []


def study_chapters(suite: StoredSuite, maker: FigureMaker) -> list[Chapter]:
    """Draw and collect what the studies found, a chapter each.

    They stand open where they are few and all that there is.
    """
    unfolded = not suite.leaderboards and len(suite.studies) <= _MOST_UNFOLDED
    with styled():
        return [_study_chapter(study, maker, unfolded) for study in suite.studies]


def _study_chapter(study: StoredStudy, maker: FigureMaker, unfolded: bool) -> Chapter:
    record = study.record
    groups = [
        plot_group(plot, study.tables, study.arrays, maker, f"{record.name}-")
        for plot in record.plots
    ]
    tables = [check_table(study)] if record.checks else []
    tables += [table for name in study.tables if (table := study_table(study, name))]
    caption = f"Computed in {numbers.seconds(record.seconds)}. {_left_out(study)}".strip()
    name = f"{record.name}-numbers"
    groups.append(FigureGroup(name, "The numbers", caption, (), tables=tuple(tables)))
    return Chapter(
        f"study-{record.name}",
        record.title,
        tuple(groups),
        record.description,
        about=_about(study),
        unfolded=unfolded,
    )


def _about(study: StoredStudy) -> str:
    checks, figures = len(study.record.checks), len(study.record.plots)
    parts = [
        f"{checks - len(study.failed_checks)} of {checks} checks hold" if checks else "",
        f"{figures} {noun(figures, 'figure')}" if figures else "",
    ]
    return ", ".join(part for part in parts if part)


def _left_out(study: StoredStudy) -> str:
    long = {name: len(t) for name, t in study.tables.items() if len(t) > MOST_ROWS}
    files = (f"{name}.csv ({numbers.grouped(n)} rows)" for name, n in long.items())
    return f"Too long to print here: {', '.join(files)}." if long else ""


def plot_group(
    plot: Plot,
    tables: Mapping[str, pd.DataFrame],
    arrays: Arrays,
    maker: FigureMaker,
    prefix: str = "",
) -> FigureGroup:
    """Draw one figure, write its files, and put it into a group of its own."""
    name = f"{prefix}{plot.name}".replace("_", "-")
    figure = draw_plot(plot, tables, arrays, maker, name)
    shape = "wide" if figure.width > (_WIDE if plot.kind != "images" else 700) else "large"
    return FigureGroup(name, plot.title, plot.caption, (figure,), shape)


def draw_plot(
    plot: Plot,
    tables: Mapping[str, pd.DataFrame],
    arrays: Arrays,
    maker: FigureMaker,
    name: str,
) -> EmbeddedFigure:
    """Draw one figure and write its files; images keep their pixels on the page."""
    if plot.kind != "images":
        return maker.save(draw(plot, tables[plot.table], maker.palette), name, describe(plot))
    grid = image_grid(arrays[plot.array])
    maker.save(draw_images(grid), name, describe(plot))
    columns = arrays[plot.array].shape[1]
    return embedded(grid_png(grid, 920 if columns > _MOST_COLUMNS else 460), describe(plot))


def check_table(study: StoredStudy) -> SmallTable:
    """Each check: what must be, what was found, and whether it holds."""
    rows = tuple(_check_row(check) for check in study.record.checks)
    caption = (
        "A check holds where the number found lies within the tolerance of what is expected, or"
        " not beyond it where that is a bound (≤, ≥)."
    )
    heads = heads_of(
        "check", "expected", "found", "tolerance", "holds", "note", words=("holds", "note")
    )
    title = f"Checks of {study.record.title}"
    name = f"{study.record.name}-checks"
    return SmallTable(name, title, heads, rows, caption).without_empty()


def _check_row(check: CheckRecord) -> Row:
    expected = f"{SIGNS[check.claim]}{numbers.cell(check.expected)}"
    holds = "yes" if check.passed else "NO"
    values = (plain_cell(check.found), plain_cell(check.tolerance))
    return row_of(check.name, TableCell(expected, value=check.expected), *values, holds, check.note)


def study_table(study: StoredStudy, name: str) -> SmallTable | None:
    """A table of the study, if it is short enough to be read."""
    table = study.tables[name]
    if not len(table) or len(table) > MOST_ROWS:
        return None
    texts = {words(str(name)) for name, kind in table.dtypes.items() if not is_numeric_dtype(kind)}
    heads = heads_of(*(words(str(column)) for column in table), words=texts)
    rows = tuple(tuple(map(plain_cell, row)) for row in table.itertuples(index=False, name=None))
    title = f"{study.record.title}: {words(name)}"
    return SmallTable(f"{study.record.name}-{name}", title, heads, rows)
