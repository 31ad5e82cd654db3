"""Grids of small images: samples, reconstructions, classes, the manifold, interpolations."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from genbench.reporting.figures.lettering import fitted, height_of
from genbench.reporting.figures.panels import title_of
from genbench.reporting.figures.style import TITLE_SIZE, new_figure, png_bytes
from genbench.results.sealed_folder import Arrays

Pixels = NDArray[np.uint8]
_GAP = 58  # grey level of the lines between tiles: visible beside black and beside white


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


def sample_grid(arrays: Arrays) -> Pixels | None:
    """Samples in rows of eight."""
    samples = arrays.get("samples")
    return None if samples is None else tiled(samples[:64], 8)


def sample_strip(arrays: Arrays, n: int = 10) -> Pixels | None:
    """The first ``n`` samples in one row, edge to edge; None for a model that draws none."""
    samples = arrays.get("samples")
    if samples is None and "class_samples" in arrays:
        samples = arrays["class_samples"][:, 0]
    if samples is None or not len(samples):
        return None
    row = np.moveaxis(samples[:n], 1, -1)  # (n, H, W, C)
    return np.concatenate(list(row), axis=1)


def reconstruction_grid(arrays: Arrays) -> Pixels | None:
    """Rows of originals, each above the row of its reconstructions."""
    if "originals" not in arrays or "reconstructions" not in arrays:
        return None
    originals, reconstructions = arrays["originals"], arrays["reconstructions"]
    n = min(len(originals), len(reconstructions))
    columns = 10 if n >= 20 else min(8, n)
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
    first = next(iter(grids.values()))
    lines = max(height_of(*fitted(title, width - 0.2, TITLE_SIZE, bold=True)) for title in grids)
    inches = rows * (width * first.shape[0] / first.shape[1] + 0.08 + lines)
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
