"""Colours that are told apart, and files of figures that show what was drawn."""

import io
from dataclasses import replace
from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from genbench.reporting.figures.drawing import figure_png
from genbench.reporting.figures.style import (
    LABEL_COLOURS,
    EmbeddedFigure,
    colours,
    markers,
    new_figure,
    styled,
)


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


def test_images_in_colour_keep_every_colour():
    images = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    figure = new_figure(2, 2)
    figure.set_layout_engine("none")
    axis = figure.add_axes((0, 0, 40 / 300, 40 / 300))
    axis.imshow(images, interpolation="none")
    axis.set_axis_off()
    drawn = np.asarray(Image.open(io.BytesIO(figure_png(figure))).convert("RGB"))
    assert (drawn[-40:, :40] == images).all()


def test_a_strip_is_no_wider_than_its_place():
    one = EmbeddedFigure(bytes, "", width=200, height=5)
    assert one.shown_at(24, 36, 400).width == 400
    assert replace(one, width=50, height=10).shown_at(24, 36, 400).height == 30


def test_drawing_leaves_the_settings_of_matplotlib_alone(report):
    assert mpl.rcParams["text.parse_math"]
    assert mpl.rcParams["pdf.fonttype"] == mpl.rcParamsDefault["pdf.fonttype"]


def test_settings_of_the_user_change_no_figure():
    def drawn():
        with styled():
            figure = new_figure(2, 2)
            figure.subplots().plot([0, 1, 3], label="a line")
            figure.axes[0].legend()
            return figure_png(figure)

    theirs = {"lines.linewidth": 9.0, "savefig.bbox": "tight", "figure.dpi": 20.0}
    with mpl.rc_context(theirs):
        changed = drawn()
    assert changed == drawn()


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


def seen(colours, sight):
    """CIE L*a*b* of colours as a sight sees them."""
    rgb = np.array([to_rgb(colour) for colour in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return lab(np.clip(linear @ np.array(SIGHTS[sight]).T, 0, 1))


def ciede2000(first, second):
    """The colour difference of the CIE of 2000, as written by Sharma, Wu and Dalal 2005."""
    (l1, a1, b1), (l2, a2, b2) = first, second
    chroma = (np.hypot(a1, b1) + np.hypot(a2, b2)) / 2
    wider = 1 + (1 - np.sqrt(chroma**7 / (chroma**7 + 25.0**7))) / 2
    c1, c2 = np.hypot(wider * a1, b1), np.hypot(wider * a2, b2)
    h1, h2 = (np.degrees(np.arctan2(b, wider * a)) % 360 for a, b in ((a1, b1), (a2, b2)))
    turn = (h2 - h1 + 180) % 360 - 180
    light, c, h = (l1 + l2) / 2, (c1 + c2) / 2, (h1 + turn / 2) % 360
    waves = ((-0.17, 1, -30), (0.24, 2, 0), (0.32, 3, 6), (-0.2, 4, -63))
    t = 1 + sum(size * np.cos(np.radians(k * h + at)) for size, k, at in waves)
    dl = (l2 - l1) / (1 + 0.015 * (light - 50) ** 2 / np.sqrt(20 + (light - 50) ** 2))
    dc = (c2 - c1) / (1 + 0.045 * c)
    dh = 2 * np.sqrt(c1 * c2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * c * t)
    blue = np.sin(np.radians(60 * np.exp(-(((h - 275) / 25) ** 2))))
    mixed = -2 * np.sqrt(c**7 / (c**7 + 25.0**7)) * blue
    return np.sqrt(dl**2 + dc**2 + dh**2 + mixed * dc * dh)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
        ((6.7747, -0.2908, -2.4247), (5.8714, -0.0985, -2.2286), 0.6377),
    ],
)
def test_the_colour_difference_is_the_published_one(first, second, expected):
    assert ciede2000(first, second) == pytest.approx(expected, abs=5e-5)


MODELS = [f"model {i}" for i in range(60)]


@pytest.mark.parametrize(("sight", "least"), [(s, 14 if s == "normal" else 8.9) for s in SIGHTS])
def test_twenty_models_are_told_apart_by_every_sight(sight, least):
    shown = seen(colours(MODELS[:20]).values(), sight)
    assert len(shown) == 20
    assert min(ciede2000(a, b) for a, b in combinations(shown, 2)) > least


def test_colours_of_models_suit_a_white_page_and_a_dark_one():
    lightness = seen(colours(MODELS[:20]).values(), "normal")[:, 0]
    assert 27 < lightness.min() < lightness.max() < 79


def test_a_model_added_at_the_end_changes_no_others_look():
    few, many = MODELS[:7], MODELS
    assert colours(many).items() > colours(few).items()
    assert markers(many).items() > markers(few).items()


def test_each_model_has_a_look_of_its_own():
    assert len(set(colours(MODELS).values())) == 60
    shapes = markers(MODELS).values()
    assert len({marker.shape for marker in shapes}) == len(set(shapes)) == 8
    base = [colours(MODELS[:20])[MODELS[i % 20]] for i in range(160)]
    of_shape = markers([str(i) for i in range(160)]).values()
    assert len(set(zip(base, of_shape, strict=True))) == 160


@pytest.mark.parametrize("sight", SIGHTS)
def test_ten_labels_are_told_apart_by_every_sight(sight):
    shown = seen(LABEL_COLOURS, sight)
    assert len(shown) == 10
    distances = [np.linalg.norm(a - b) for a, b in combinations(shown, 2)]
    assert min(distances) > (45 if sight == "normal" else 25)
    white = lab(np.ones((1, 3)))[0]
    assert min(np.linalg.norm(colour - white) for colour in shown) > 25


def test_a_figure_of_any_size_is_drawn_within_bounds():
    for width, height in ((600.0, 0.1), (0.1, 600.0)):
        size = Image.open(io.BytesIO(figure_png(new_figure(width, height)))).size
        assert 30_000 < max(size) <= 2**15
