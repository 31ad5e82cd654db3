"""Files of figures say what was drawn."""

import io

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image

from genbench.reporting.style import colours, figure_png, new_figure


def test_a_small_mark_keeps_its_colour_beside_large_grey_images():
    palette = list(colours([f"model {i}" for i in range(10)]).values())
    figure = new_figure(6, 3)
    left, right = figure.subplots(1, 2)
    left.scatter(range(10), range(10), c=palette, s=30)
    right.imshow(np.random.default_rng(0).random((400, 400)), cmap="gray")
    image = np.asarray(Image.open(io.BytesIO(figure_png(figure))).convert("RGB")).astype(int)
    pixels = np.unique(image.reshape(-1, 3), axis=0)
    for colour in palette:
        drawn = np.round(255 * np.array(to_rgb(colour)))
        assert np.abs(pixels - drawn).max(axis=1).min() <= 4, colour
