"""How a finished figure becomes the bytes of its files; as a script, for the process that asks.

``python drawing.py HANDLE``, with the handle of a socket that it inherits. It imports nothing of
genbench, so that it starts quickly, and ends where the socket does.
"""

import gc
import io
import pickle
import sys
import warnings
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from typing import Any
from weakref import ref

import matplotlib.backends.backend_pdf  # noqa: F401  or the first figure would wait for it
import numpy as np
from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import TransformNode
from PIL import Image

Reference = ref[TransformNode]

MISSING_GLYPH = "Glyph .* missing"
"""A warning that does not matter: the font lacks a name's letters."""
_DPI = 150
_MOST_DOTS = 2**15
"""Along a side of a figure: matplotlib draws twice as many at most."""


def files_of(figure: Figure) -> tuple[bytes, bytes]:
    """Draw a figure as PNG and as PDF, without dates."""
    png, pdf = figure_png(figure), io.BytesIO()
    figure.set_layout_engine("none")  # keep the places just found
    figure.savefig(
        pdf, format="pdf", dpi=100, metadata=dict.fromkeys(("CreationDate", "Creator", "Producer"))
    )
    return png, pdf.getvalue()


def size_of(figure: Figure) -> tuple[int, int]:
    """Return width and height that a figure's PNG will have, in pixels."""
    figure.set_dpi(min(_DPI, _MOST_DOTS / max(figure.get_size_inches())))
    return FigureCanvasAgg(figure).get_width_height()


def figure_png(figure: Figure) -> bytes:
    """Draw a figure as PNG without a date: in 256 colours, unless it shows images in colour."""
    size_of(figure)
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


def unpickled(pickled: bytes) -> Figure:
    """Return a figure whose transforms know each other.

    Matplotlib finds what depends on a transform by its address in memory, and pickles the old one.
    A new transform at such an address would take that place, and what was there before would keep
    the resolution that it was first drawn at.
    """
    figure: Figure = pickle.loads(pickled)
    for node in gc.get_objects():
        if issubclass(type(node), TransformNode):
            node._parents = _by_address(node._parents)
    return figure


def _by_address(parents: dict[int, Reference]) -> dict[int, Reference]:
    found: dict[int, Reference] = {}
    for parent in filter(None, (reference() for reference in parents.values())):
        found[id(parent)] = ref(parent, partial(_forget, found, id(parent)))
    return found


def _forget(parents: dict[int, Reference], place: int, _: Reference) -> None:
    parents.pop(place, None)


def main(handle: int) -> None:
    """Take settings of matplotlib from a socket, then figures, until it ends."""
    connection: Connection[Any, Any] = Connection(handle)
    warnings.simplefilter("error", UserWarning)
    warnings.filterwarnings("ignore", MISSING_GLYPH)
    with suppress(EOFError, OSError):
        rcParams.update(connection.recv())
        while True:
            connection.send(_files_or_none(connection.recv_bytes()))


def _files_or_none(pickled: bytes) -> tuple[bytes, bytes] | None:
    """Draw a figure; None where it fails or warns: the parent then tries, for all to see."""
    try:
        return files_of(unpickled(pickled))
    except Exception:  # noqa: BLE001  whatever it is, it comes again
        return None


if __name__ == "__main__":
    main(int(sys.argv[1]))
