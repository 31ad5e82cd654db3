"""Grids of small images: samples, reconstructions, classes, the manifold, interpolations."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from genbench.reporting.figures.drawing import png_bytes
from genbench.reporting.figures.lettering import fitted, height_of
from genbench.reporting.figures.panels import title_of
from genbench.reporting.figures.style import TITLE_SIZE, new_figure
from genbench.results.sealed_folder import Arrays

Pixels = NDArray[np.uint8]
_GAP = 58  # grey level of the lines between tiles: visible beside black and beside white
_SQUARISH = 2
"""Up to this ratio of its sides an image is laid out like a square one."""
MOST_NUMBERS = 220_000
"""In a grid of a small figure; pages of large images in colour would grow without bound."""


def tiled(images: NDArray[Any], columns: int) -> Pixels:
    """Lay (n, C, H, W) images out in rows of ``columns``, one pixel apart: (H', W', C)."""
    n, channels, height, width = images.shape
    rows = -(-n // columns)
    shape = (rows * (height + 1) + 1, columns * (width + 1) + 1, channels)
    canvas = np.full(shape, _GAP, dtype=np.uint8)
    for i, image in enumerate(images):
        top, left = (i // columns) * (height + 1) + 1, (i % columns) * (width + 1) + 1
        canvas[top : top + height, left : left + width] = np.moveaxis(image, 0, -1)
    return canvas


def columns_of(images: NDArray[Any], columns: int) -> int:
    """How many columns give a grid the shape that ``columns`` have for square images."""
    return max(1, round(columns * math.sqrt(_slimness(images))))


def _slimness(images: NDArray[Any]) -> float:
    """Height over width; 1 for images that are laid out like square ones."""
    height, width = map(int, images.shape[-2:])
    squarish = max(height, width) <= _SQUARISH * min(height, width)
    return 1.0 if squarish else height / width


def _room(images: NDArray[Any], columns: int) -> int:
    """For how many rows of images a small figure has room."""
    return MOST_NUMBERS // (columns * int(images[0].size))


def padded(images: NDArray[Any]) -> NDArray[Any]:
    """Put long images (..., H, W) in the middle of tiles half as wide as they are long."""
    sides = images.shape[-2:]
    lacking = [max(0, max(sides) // _SQUARISH - side) for side in sides]
    around = [(0, 0)] * (images.ndim - 2) + [(n // 2, n - n // 2) for n in lacking]
    return np.pad(images, around, constant_values=_GAP)


def reduced(grid: Pixels, most: int = MOST_NUMBERS) -> Pixels:
    """The grid with its pixels averaged over areas if it has more than ``most`` numbers."""
    factor = (most / grid.size) ** 0.5
    if factor >= 1:
        return grid
    image = Image.fromarray(grid[..., 0] if grid.shape[-1] == 1 else grid)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    small = np.asarray(image.resize(size, Image.Resampling.BOX))
    return small.reshape(*small.shape[:2], grid.shape[-1])


def sample_grid(arrays: Arrays) -> Pixels | None:
    """Samples in rows of eight, or fewer of large or long images."""
    samples = arrays.get("samples")
    if samples is None:
        return None
    columns = columns_of(samples, 8)
    n = columns * max(4, _room(samples, columns))
    return tiled(samples[: min(64, n)], columns)


def sample_strip(arrays: Arrays, n: int = 10) -> Pixels | None:
    """The first ``n`` samples in one row, edge to edge; None for a model that draws none.

    It has fewer samples of wide images, and more of high ones.
    """
    samples = arrays.get("samples")
    if samples is None and "class_samples" in arrays:
        samples = arrays["class_samples"][:, 0]
    if samples is None or not len(samples):
        return None
    n = min(64, max(1, round(n * _slimness(samples))))
    row = np.moveaxis(samples[:n], 1, -1)  # (n, H, W, C)
    return np.concatenate(list(row), axis=1)


def reconstruction_grid(arrays: Arrays) -> Pixels | None:
    """Rows of originals, each above the row of its reconstructions."""
    if "originals" not in arrays or "reconstructions" not in arrays:
        return None
    originals, reconstructions = arrays["originals"], arrays["reconstructions"]
    n = min(len(originals), len(reconstructions))
    columns = min(columns_of(originals, 10 if n >= 20 else 8), n)
    n = min(n, columns * max(1, _room(originals, 2 * columns)))
    pairs = [
        tiled(
            np.concatenate([originals[i : i + columns], reconstructions[i : i + columns]]), columns
        )
        for i in range(0, n - columns + 1, columns)
    ]
    gap = np.full((3, *pairs[0].shape[1:]), 255, dtype=np.uint8)
    return np.concatenate([part for pair in pairs for part in (gap, pair)][1:])


def class_grid(arrays: Arrays) -> Pixels | None:
    """One column per class, in the order of the labels."""
    samples = arrays.get("class_samples")
    if samples is None:
        return None
    by_row = np.swapaxes(samples, 0, 1)
    return tiled(by_row.reshape(-1, *samples.shape[2:]), samples.shape[0])


def manifold_grid(arrays: Arrays) -> Pixels | None:
    """The images of a (rows, columns, C, H, W) grid, edge to edge."""
    images = arrays.get("manifold")
    if images is None:
        return None
    rows, columns, channels, height, width = images.shape
    by_pixel = images.transpose(0, 3, 1, 4, 2)  # (rows, H, columns, W, C)
    return np.ascontiguousarray(by_pixel.reshape(rows * height, columns * width, channels))


def interpolation_grid(arrays: Arrays) -> Pixels | None:
    """One row per pair: the first image, the images on the way, the second image."""
    if "interpolations" not in arrays or "interpolation_ends" not in arrays:
        return None
    ends, path = arrays["interpolation_ends"], arrays["interpolations"]
    first, last = tiled(ends[:, 0], 1), tiled(ends[:, 1], 1)
    way = tiled(path.reshape(-1, *path.shape[2:]), path.shape[1])
    gap = np.full((len(way), 4, way.shape[-1]), 255, dtype=np.uint8)
    return np.concatenate((first, gap, way, gap, last), axis=1)


def grid_png(grid: Pixels, wanted_width: int = 460) -> bytes:
    """Encode a grid as PNG, enlarged by a whole factor so that pixels stay square."""
    image = Image.fromarray(grid[..., 0] if grid.shape[-1] == 1 else grid)
    factor = max(1, round(wanted_width / image.width))
    return png_bytes(image.resize((image.width * factor, image.height * factor), 0))


def side_by_side(grids: Mapping[str, Pixels], width: float = 2.4) -> Figure:
    """All models' grids side by side in one figure, each that wide in inches, for papers."""
    columns = min(round(9.6 / width), len(grids))
    rows = -(-len(grids) // columns)
    slimmest = max(grid.shape[0] / grid.shape[1] for grid in grids.values())
    lines = max(height_of(*fitted(title, width - 0.2, TITLE_SIZE, bold=True)) for title in grids)
    inches = rows * (width * slimmest + 0.08 + lines)
    figure = new_figure(width * columns, inches)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, (title, grid) in zip(axes, grids.items(), strict=False):
        draw_grid(axis, grid, "")
        title_of(axis, title, width - 0.2)
    for axis in axes[len(grids) :]:
        axis.set_axis_off()
    return figure


def draw_grid(axis: Any, grid: Pixels, title: str) -> None:
    """Show a grid in an axis, with a title and no ticks."""
    shown = grid[..., 0] if grid.shape[-1] == 1 else grid
    axis.imshow(shown, cmap="gray", vmin=0, vmax=255, interpolation="none")
    axis.set_title(title)
    axis.set_axis_off()
