"""Figures and tables of the page: each from a stored study or suite, or a note that it is missing.

May import this package's tables, plots and galleries.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from genbench.core import numbers
from genbench.core.errors import ConfigError
from genbench.core.plot import Plot
from genbench.reporting.cells import Block, Column
from genbench.reporting.declared import draw, image_grid, told
from genbench.reporting.figures import FigureMaker
from genbench.reporting.galleries import IMAGES, LATENT_SPACE
from genbench.reporting.grids import grid_png
from genbench.reporting.lectures.shelf import Shelf, StoredSuite
from genbench.reporting.lectures.topics import Shown
from genbench.reporting.published import published_sheet
from genbench.reporting.sheets import Sheet, number
from genbench.reporting.stored import Arrays
from genbench.reporting.style import Picture, embedded, figure_png, styled
from genbench.reporting.tables import arranged, headline

_AT_LENGTH = ("how ours was measured", "note on the protocol")
PICTURES = IMAGES | LATENT_SPACE


@dataclass(frozen=True)
class Exhibit:
    """A figure or a table with its words; ``missing`` is the command that would make it."""

    title: str
    caption: str = ""
    pictures: tuple[Picture, ...] = ()
    shape: str = "wide"
    sheets: tuple[Sheet, ...] = ()
    source: str = ""
    missing: str = ""
    number: int = 0

    @property
    def kind(self) -> str:
        """What it is counted as."""
        return "Table" if self.sheets else "Figure"


class Embedder(FigureMaker):
    """Puts figures on the page and writes no files."""

    def __init__(self, palette: dict[str, str]) -> None:
        super().__init__(Path(), palette)

    def save(self, figure: Figure, name: str, alt: str, **words: str) -> Picture:
        """Return the figure for the page; ``name`` plays no part."""
        return embedded(figure_png(figure), alt, **words)


def exhibit(show: Shown, shelf: Shelf) -> Exhibit:
    """Draw what a topic asks for; what is not stored yet is named with the command that makes it.

    Raises:
        StorageError: The results are damaged.
    """
    with styled():
        made = _of_study(show, shelf) if show.study else _of_suite(show, shelf)
    if made is None:
        made = _missing(show, shelf)
    return replace(made, title=show.title or made.title, caption=show.caption or made.caption)


def _missing(show: Shown, shelf: Shelf) -> Exhibit:
    what = show.plot or show.table or show.picture or "numbers"
    if show.study:
        source, command = _study(show.study), shelf.study_command(show.study)
    else:
        source, command = f"suite {show.suite}", shelf.suite_command(show.suite)
    return Exhibit(f"{what.replace('_', ' ')} of the {source}", source=source, missing=command)


def _study(name: str) -> str:
    return f"study {name.rpartition('/')[2]}"


def _of_study(show: Shown, shelf: Shelf) -> Exhibit | None:
    study, source = shelf.study(show.study), _study(show.study)
    if study is None:
        return None
    if show.table in study.tables:
        sheet = _sheet(show, study.tables[show.table])
        return Exhibit(study.title, sheets=(sheet,), source=source)
    plot = next((plot for plot in study.plots if plot.name == show.plot), None)
    if plot is None:
        return None
    return _drawn(plot, study.tables.get(plot.table), study.arrays, {}, source)


def _of_suite(show: Shown, shelf: Shelf) -> Exhibit | None:
    suite, source = shelf.suite(show.suite), f"suite {show.suite}"
    if suite is None:
        return None
    if show.metrics:
        sheets = tuple(_metric_sheets(show, suite))
        title = suite.record.title or show.suite
        return Exhibit(title, sheets=sheets, source=source) if sheets else None
    if show.published and not suite.record.published:
        return None
    if show.published:
        sheet = published_sheet(suite.record.published, arranged(suite.frame, suite.models))
        return Exhibit(sheet.title, sheets=(_narrow(sheet),), source=source)
    if show.picture:
        gallery = PICTURES[show.picture](Embedder(suite.palette), suite.shown(show.models))
        words = (gallery.title, gallery.caption, gallery.pictures, gallery.shape)
        return Exhibit(*words, source=source) if gallery.pictures else None
    plot = suite.plot(show.plot)
    if plot is None:
        return None
    return _drawn(plot, suite.table(plot), {}, suite.palette, source)


def _drawn(
    plot: Plot,
    table: pd.DataFrame | None,
    arrays: Arrays,
    palette: dict[str, str],
    source: str,
) -> Exhibit | None:
    if plot.kind == "images":
        png = grid_png(image_grid(arrays[plot.array]), 920)
    elif table is not None and len(table):
        try:
            png = figure_png(draw(plot, table, palette))
        except ConfigError:  # results that are older than the figure lack a column
            return None
    else:
        return None
    return Exhibit(plot.title, plot.caption, (embedded(png, told(plot)),), "wide", source=source)


def _narrow(sheet: Sheet) -> Sheet:
    """Published values without the columns that tell the protocols apart at length."""
    kept = [i for i, head in enumerate(sheet.heads) if head not in _AT_LENGTH]
    return replace(
        sheet,
        title="",
        heads=tuple(sheet.heads[i] for i in kept),
        rows=tuple(tuple(row[i] for i in kept) for row in sheet.rows),
        texts=tuple(place for place, i in enumerate(kept) if i in sheet.texts),
        caption=f"{sheet.caption} How protocols differ stands in the report of the suite.",
    )


def _metric_sheets(show: Shown, suite: StoredSuite) -> Iterator[Sheet]:
    """One table per protocol, with the wanted columns that it has."""
    titles = {metric.name: metric.title for metric in suite.record.metrics}
    rows = arranged(suite.rows(show.models), show.models or suite.models)
    for block in headline(rows, show.models or suite.models):
        places = [
            i for name in show.metrics for i, c in enumerate(block.columns) if c.metric == name
        ]
        if places:
            yield _metric_sheet(block, places, titles)


def _metric_sheet(block: Block, places: Sequence[int], titles: dict[str, str]) -> Sheet:
    heads = []
    for column in (block.columns[i] for i in places):
        name = titles.get(column.metric) or column.metric.replace("_", " ")
        heads.append(f"{name} {column.arrow} ({', '.join(_beside(block, column))})")
    lines = [
        (row.title, *(number(block, block.columns[i], row.cells[i]) for i in places))
        for row in block.rows
        if any(row.cells[i].ok for i in places)
    ]
    return Sheet(block.protocol.text, block.protocol.short, ("model", *heads), tuple(lines))


def _beside(block: Block, column: Column) -> Iterator[str]:
    """Unit, K and n; how long a chain is stands in the report of the suite."""
    settings = (part for part in column.settings.split(", ") if part.startswith("K = "))
    size = f"n = {numbers.grouped(column.n)}" if column.n not in (None, block.n) else ""
    return (part for part in (column.unit, *settings, size) if part)


def _sheet(show: Shown, table: pd.DataFrame) -> Sheet:
    """A study's table as texts, its wanted columns under their heads."""
    stated = {name: words for name, words in show.columns.items() if name in table}
    columns = stated or {name: name.replace("_", " ") for name in table.columns}
    lines = [tuple(_text(row[name]) for name in columns) for _, row in table.iterrows()]
    kinds = [table[name].dtype.kind for name in columns]
    texts = tuple(i for i, kind in enumerate(kinds) if kind not in "iufb")
    return Sheet(show.table, "", tuple(columns.values()), tuple(lines), texts=(0, *texts))


def _text(value: object) -> str:
    if isinstance(value, float):
        return "–" if value != value else numbers.plain(value)
    return str(value)
