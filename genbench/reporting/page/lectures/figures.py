"""Figures and tables of the page, each from a stored study or suite; a note where it is missing."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from genbench.core import numbers
from genbench.core.errors import ConfigError
from genbench.core.plot import Plot
from genbench.reporting.figures.drawing import figure_png
from genbench.reporting.figures.grids import grid_png
from genbench.reporting.figures.maker import FigureMaker
from genbench.reporting.figures.model_figures import IMAGES, LATENT_SPACE
from genbench.reporting.figures.style import EmbeddedFigure, colours, embedded, styled
from genbench.reporting.figures.user_plots import describe, draw, image_grid
from genbench.reporting.page.lectures.sources import Sources
from genbench.reporting.page.lectures.topics import Shown
from genbench.reporting.tables.comparison import number_cell
from genbench.reporting.tables.published import published_tables
from genbench.reporting.tables.small_table import (
    Head,
    SmallTable,
    TableCell,
    heads_of,
    model_cell,
    row_of,
    warnings_of,
)
from genbench.results.blocks import blocks_of
from genbench.results.cells import Column, ProtocolBlock
from genbench.results.run_tables import of_models
from genbench.results.sealed_folder import Arrays
from genbench.results.suite import StoredSuite

_AT_LENGTH = ("how ours was measured", "note on the protocol")
MODEL_FIGURES = IMAGES | LATENT_SPACE


@dataclass(frozen=True)
class LectureFigure:
    """A figure or a table with its words; ``missing`` is the command that would make it."""

    title: str
    caption: str = ""
    figures: tuple[EmbeddedFigure, ...] = ()
    shape: str = "wide"
    tables: tuple[SmallTable, ...] = ()
    source: str = ""
    missing: str = ""
    number: int = 0

    @property
    def kind(self) -> str:
        """What it is counted as."""
        return "Table" if self.tables else "Figure"


class Embedder(FigureMaker):
    """Puts figures on the page and writes no files."""

    def __init__(self, palette: dict[str, str]) -> None:
        super().__init__(Path(), palette)

    def save(self, figure: Figure, name: str, alt: str, **words: str) -> EmbeddedFigure:
        """Return the figure for the page; ``name`` plays no part."""
        return embedded(figure_png(figure), alt, **words)


def figure_of(show: Shown, sources: Sources) -> LectureFigure:
    """Draw what a topic asks for; what is not stored yet is named with the command that makes it.

    Raises:
        StorageError: The results are damaged.
    """
    with styled():
        figure = _of_study(show, sources) if show.study else _of_suite(show, sources)
    if figure is None:
        figure = _missing(show, sources)
    return replace(figure, title=show.title or figure.title, caption=show.caption or figure.caption)


def _missing(show: Shown, sources: Sources) -> LectureFigure:
    what = show.plot or show.table or show.figure or "numbers"
    if show.study:
        source, command = _study(show.study), sources.study_command(show.study)
    else:
        source, command = f"suite {show.suite}", sources.suite_command(show.suite)
    return LectureFigure(
        f"{what.replace('_', ' ')} of the {source}", source=source, missing=command
    )


def _study(name: str) -> str:
    return f"study {name.rpartition('/')[2]}"


def _of_study(show: Shown, sources: Sources) -> LectureFigure | None:
    study, source = sources.study(show.study), _study(show.study)
    if study is None:
        return None
    if show.table in study.tables:
        table = _study_table(show, study.tables[show.table])
        return LectureFigure(study.record.title, tables=(table,), source=source)
    plot = next((plot for plot in study.record.plots if plot.name == show.plot), None)
    if plot is None:
        return None
    return _drawn(plot, study.tables.get(plot.table), study.arrays, {}, source)


def _of_suite(show: Shown, sources: Sources) -> LectureFigure | None:
    suite, source = sources.suite(show.suite), f"suite {show.suite}"
    if suite is None:
        return None
    palette = colours(suite.models)
    if show.metrics:
        tables = tuple(_metric_tables(show, suite))
        return LectureFigure(suite.title, tables=tables, source=source) if tables else None
    if show.published and not suite.record.published:
        return None
    if show.published:
        tables = tuple(map(_narrow, published_tables(suite)))
        return LectureFigure("Published values", tables=tables, source=source)
    if show.figure:
        group = MODEL_FIGURES[show.figure](Embedder(palette), suite.figure_inputs(show.models))
        words = (group.title, group.caption, group.figures, group.shape)
        return LectureFigure(*words, source=source) if group.figures else None
    plot = suite.plot(show.plot)
    if plot is None:
        return None
    return _drawn(plot, suite.table_of(plot), {}, palette, source)


def _drawn(
    plot: Plot,
    table: pd.DataFrame | None,
    arrays: Arrays,
    palette: dict[str, str],
    source: str,
) -> LectureFigure | None:
    if plot.kind == "images":
        png = grid_png(image_grid(arrays[plot.array]), 920)
    elif table is not None and len(table):
        try:
            png = figure_png(draw(plot, table, palette))
        except ConfigError:  # results that are older than the figure lack a column
            return None
    else:
        return None
    return LectureFigure(
        plot.title, plot.caption, (embedded(png, describe(plot)),), "wide", source=source
    )


def _narrow(table: SmallTable) -> SmallTable:
    """Published values without the columns that tell the protocols apart at length."""
    kept = [i for i, head in enumerate(table.heads) if head.text not in _AT_LENGTH]
    caption = f"{table.caption} How protocols differ stands in the report of the suite."
    return replace(table.only(kept), caption=caption)


def _metric_tables(show: Shown, suite: StoredSuite) -> Iterator[SmallTable]:
    """One table per protocol, with the columns that the topic names."""
    models = show.models or suite.models
    for block in blocks_of(of_models(suite.frame, show.models), suite.metrics, models):
        places = [i for name in show.metrics for i in block.columns_of(name)]
        if places:
            yield _metric_table(block, places, suite.titles)


def _metric_table(
    block: ProtocolBlock, places: Sequence[int], titles: dict[str, str]
) -> SmallTable:
    columns = {i: block.columns[i] for i in places}
    heads = (_head(block, column, titles) for column in columns.values())
    rows = [
        row_of(
            model_cell(row), *(number_cell(block, block.columns[i], row.cells[i]) for i in places)
        )
        for row in block.rows
        if any(row.cells[i].ok for i in places)
    ]
    title, name = block.protocol.short, block.protocol.text
    table_heads, warnings = heads_of("model", *heads), warnings_of(columns.values())
    return SmallTable(name, title, table_heads, tuple(rows), warnings=warnings)


def _head(block: ProtocolBlock, column: Column, titles: dict[str, str]) -> Head:
    name = titles.get(column.metric) or column.metric.replace("_", " ")
    return Head(name, tuple(_beside(block, column)), arrow=column.arrow)


def _beside(block: ProtocolBlock, column: Column) -> Iterator[str]:
    """Unit, K and n; how long a chain is stands in the report of the suite."""
    settings = (part for part in column.settings.split(", ") if part.startswith("K = "))
    size = f"n = {numbers.grouped(column.n)}" if column.n not in (None, block.n) else ""
    return (part for part in (column.unit, *settings, size) if part)


def _study_table(show: Shown, table: pd.DataFrame) -> SmallTable:
    """A study's table as texts, the columns that the topic names under its heads."""
    stated = {name: words for name, words in show.columns.items() if name in table}
    columns = stated or {name: name.replace("_", " ") for name in table.columns}
    rows = tuple(tuple(_cell(row[name]) for name in columns) for _, row in table.iterrows())
    texts = {columns[name] for name in columns if table[name].dtype.kind not in "iufb"}
    return SmallTable(show.table, "", heads_of(*columns.values(), words=texts), rows)


def _cell(value: object) -> TableCell:
    if not isinstance(value, float):
        return TableCell(str(value))
    return TableCell("–") if math.isnan(value) else TableCell(numbers.plain(value), value=value)
