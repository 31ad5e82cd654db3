"""How figures look and how they become files: one colour per model, the same bytes each time.

Figures are drawn on :class:`matplotlib.figure.Figure` objects with the Agg canvas, so that no
global state of matplotlib changes.
"""

import base64
import io
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import seaborn as sns
from matplotlib import rc_context, rcParamsDefault
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from genbench.core.files import write_atomic
from genbench.reporting.figures.drawing import MISSING_GLYPH, files_of

# Okabe and Ito's set without its yellow and black, and fourteen more, found by search: any two are
# at least 14 apart (CIEDE2000) for normal sight, and 9 for each colour blindness as simulated by
# Machado et al. 2009; their lightness (28 to 78) suits a white page and a dark one. The more
# distinct come first.
_COLOURS = [
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#772244",
    "#8877FF",
    "#0000FF",
    "#881111",
    "#99BB99",
    "#771188",
    "#11DD77",
    "#BB3388",
    "#116666",
    "#BB0044",
    "#885500",
    "#445533",
    "#997755",
    "#AA9955",
]
# Ten colours at least 45 apart (CIE 1976) for normal sight, and 25 for each colour blindness as
# simulated by Machado et al. 2009; found by search, dealt out so that 3, 5, 8 and 4, 7, 9 contrast.
LABEL_COLOURS = [
    "#1010f9",
    "#f9ca10",
    "#38d3fa",
    "#630303",
    "#bd60fb",
    "#a0bd75",
    "#2e6056",
    "#f91010",
    "#fa38ac",
    "#500363",
]
TITLE_SIZE, LABEL_SIZE = 10.5, 9.5
"""Of letters, in points."""
INK, MUTED = "#1f2933", "#52606d"
_SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": LABEL_SIZE,
    "text.parse_math": False,
    "axes.titlesize": TITLE_SIZE,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # a given height, which saves measuring every tick label
    "axes.labelcolor": INK,
    "axes.edgecolor": "#9aa5b1",
    "axes.linewidth": 0.8,
    "grid.color": "#e4e7eb",
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "pdf.fonttype": 3,  # whole seconds faster than the subsetting that type 42 needs
}


@dataclass(frozen=True)
class EmbeddedFigure:
    """A figure for the page, with the words that go with it; ``png`` waits until it is drawn."""

    png: Callable[[], bytes]
    alt: str
    width: int
    height: int
    title: str = ""
    note: str = ""

    @property
    def source(self) -> str:
        """Its pixels as a data address."""
        return f"data:image/png;base64,{base64.b64encode(self.png()).decode()}"

    def shown_at(self, least: int, most: int, widest: int) -> "EmbeddedFigure":
        """The same pixels, shown so high: enlarged by a whole factor, or made smaller."""
        factor = min(
            max(1, math.ceil(least / self.height)), most / self.height, widest / self.width
        )
        return replace(self, width=round(self.width * factor), height=round(self.height * factor))


class Marker(NamedTuple):
    """The shape of a model's points: matplotlib's name, and the one of charts on the page."""

    shape: str
    chart: str
    rotation: int = 0  # degrees by which the shape on the page is turned


SHAPES = (
    Marker("o", "circle"),
    Marker("s", "rect"),
    Marker("^", "triangle"),
    Marker("D", "rectRot"),
    Marker("v", "triangle", 180),
    Marker("P", "cross"),
    Marker("X", "crossRot"),
    Marker("*", "star"),
)
_SHADES = ((0, 0.0), (0, 0.45), (255, 0.45))
"""Of the first round of colours and the next ones: a grey level, and its share in the mixture."""


def colours(models: Sequence[str]) -> dict[str, str]:
    """Give each model its colour, the same in all figures of a report.

    A model that is added at the end changes no other's. The first 20 are told apart by eye; the
    next 20 are darker, and 20 more are lighter.
    """
    return {model: _colour(i) for i, model in enumerate(dict.fromkeys(models))}


def _colour(place: int) -> str:
    level, share = _SHADES[place // len(_COLOURS) % len(_SHADES)]
    parts = bytes.fromhex(_COLOURS[place % len(_COLOURS)][1:])
    return "#" + bytes(round(level * share + part * (1 - share)) for part in parts).hex().upper()


def markers(models: Sequence[str]) -> dict[str, Marker]:
    """Give each model its shape: with its colour it is unique among the first 160 models."""
    known = enumerate(dict.fromkeys(models))
    return {model: SHAPES[(i + i // len(_COLOURS)) % len(SHAPES)] for i, model in known}


def settings() -> dict[str, Any]:
    """Return every setting of matplotlib with which figures are drawn."""
    defaults = {key: rcParamsDefault[key] for key in rcParamsDefault if key != "backend"}
    return {**defaults, **sns.axes_style("whitegrid"), **_SETTINGS}


@contextmanager
def styled() -> Iterator[None]:
    """Draw with the style of the report, whatever matplotlib is set to; that comes back after."""
    with rc_context(settings()), warnings.catch_warnings():  # type: ignore[arg-type]
        warnings.filterwarnings("ignore", MISSING_GLYPH)
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches, bound to no window and to no global list."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, folder: Path, name: str, alt: str, **words: str) -> EmbeddedFigure:
    """Write a figure as PNG and PDF without dates, and return it for the page."""
    return embedded(written(files_of(figure), folder / name), alt, **words)


def written(files: tuple[bytes, bytes], path: Path) -> bytes:
    """Write a figure's PNG and PDF, with a path without what their names end in; return the PNG."""
    for content, ending in zip(files, (".png", ".pdf"), strict=True):
        write_atomic(path.with_name(path.name + ending), content)
    return files[0]


def embedded(png: bytes, alt: str, **words: str) -> EmbeddedFigure:
    """Turn the bytes of a PNG file into a figure for the page."""
    width, height = Image.open(io.BytesIO(png)).size
    return EmbeddedFigure(lambda: png, alt, width, height, **words)
