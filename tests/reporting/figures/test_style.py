"""Colours that are told apart, and files of figures that show what was drawn."""

import io
from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from genbench.reporting.figures.style import LABEL_COLOURS, colours, figure_png, new_figure


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


def test_drawing_leaves_the_settings_of_matplotlib_alone(report):
    assert mpl.rcParams["text.parse_math"]
    assert mpl.rcParams["pdf.fonttype"] == mpl.rcParamsDefault["pdf.fonttype"]


# Machado, Oliveira, Fernandes 2009, table of full severity, on linear RGB
SIGHTS = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}  # fmt: skip


def lab(linear):
    """CIE L*a*b* (D65) of linear RGB."""
    matrix = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = linear @ np.array(matrix).T / (0.9505, 1.0, 1.089)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack((116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])), 1)


@pytest.mark.parametrize("sight", SIGHTS)
def test_ten_labels_are_told_apart_by_every_sight(sight):
    colours = np.array([to_rgb(colour) for colour in LABEL_COLOURS])
    linear = np.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055) ** 2.4)
    seen = lab(np.clip(linear @ np.array(SIGHTS[sight]).T, 0, 1))
    assert len(seen) == 10
    distances = [np.linalg.norm(a - b) for a, b in combinations(seen, 2)]
    assert min(distances) > (45 if sight == "normal" else 25)
    white = lab(np.ones((1, 3)))[0]
    assert min(np.linalg.norm(colour - white) for colour in seen) > 25
