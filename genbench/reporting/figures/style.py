"""How figures look and how they become files: one colour per model, the same bytes each time.

Figures are drawn on :class:`matplotlib.figure.Figure` objects with the Agg canvas, so that no
global state of matplotlib changes.
"""

import base64
import io
import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import seaborn as sns
from matplotlib import rc_context, rcParamsDefault
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from genbench.core.files import write_atomic

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
_DPI = 150
_MOST_DOTS = 2**15
"""Along a side of a figure: matplotlib draws twice as many at most."""


@dataclass(frozen=True)
class EmbeddedFigure:
    """A figure for the page, as a data address, with the words that go with it."""

    source: str
    alt: str
    width: int
    height: int
    title: str = ""
    note: str = ""

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


@contextmanager
def styled() -> Iterator[None]:
    """Draw with the style of the report, whatever matplotlib is set to; that comes back after."""
    defaults = {key: rcParamsDefault[key] for key in rcParamsDefault if key != "backend"}
    settings: Any = {**defaults, **sns.axes_style("whitegrid"), **_SETTINGS}
    with rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # the font lacks a name's letters
        yield


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches, bound to no window and to no global list."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, folder: Path, name: str, alt: str, **words: str) -> EmbeddedFigure:
    """Write a figure as PNG and PDF without dates, and return it for the page."""
    small, pdf = figure_png(figure), io.BytesIO()
    figure.set_layout_engine("none")  # keep the places just found
    figure.savefig(
        pdf, format="pdf", dpi=100, metadata=dict.fromkeys(("CreationDate", "Creator", "Producer"))
    )
    write_atomic(folder / f"{name}.png", small)
    write_atomic(folder / f"{name}.pdf", pdf.getvalue())
    return embedded(small, alt, **words)


def embedded(png: bytes, alt: str, **words: str) -> EmbeddedFigure:
    """Turn the bytes of a PNG file into a figure for the page."""
    width, height = Image.open(io.BytesIO(png)).size
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return EmbeddedFigure(source, alt, width, height, **words)


def figure_png(figure: Figure) -> bytes:
    """Draw a figure as PNG without a date: in 256 colours, unless it shows images in colour."""
    figure.set_dpi(min(_DPI, _MOST_DOTS / max(figure.get_size_inches())))
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    return png_bytes(image if _in_colour(figure) else _reduced(image))


def _in_colour(figure: Figure) -> bool:
    shown = (image.get_array() for axis in figure.axes for image in axis.images)
    return any(array is not None and array.ndim == 3 for array in shown)


def _reduced(image: Image.Image) -> Image.Image:
    """The same image in 256 colours: a third of the size, no difference to the eye.

    They are chosen to cover what occurs, not by how often it does: beside large grey images the
    few pixels of a coloured line must keep their colour.
    """
    return image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)


def png_bytes(image: Image.Image) -> bytes:
    """Encode an image as PNG, without metadata."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=7)  # 9: a fifth of the speed, 6 % smaller
    return buffer.getvalue()
