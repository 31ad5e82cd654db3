"""Which pictures a report shows, and where each image, label and number of them stands."""

import json
from itertools import combinations
from shutil import copytree

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from safetensors.numpy import load_file, save_file

from genbench.core.figures import DEFAULT_FIGURES, FIGURES
from genbench.reporting import build_report, galleries, grids, plots
from genbench.reporting.figures import FigureMaker, FigureInputs
from genbench.results.records import load_suite
from genbench.reporting.style import LABEL_COLOURS
from tests.reporting.conftest import write_manifest

TITLES = {
    "samples": "Samples",
    "reconstructions": "Reconstructions",
    "class_samples": "Samples for a given class",
    "latent": "Two latent dimensions",
    "manifold": "The manifold of a two-dimensional latent space",
    "interpolations": "Between two images",
    "traversals": "One latent dimension at a time",
}


def numbered(*shape):
    """One-pixel images, each with its own intensity."""
    return np.arange(np.prod(shape), dtype=np.uint8).reshape(*shape, 1, 1, 1)


def more_arrays():
    images = np.random.default_rng(0).integers(0, 256, (400, 1, 8, 8), dtype=np.uint8)
    return {
        "manifold": images.reshape(20, 20, 1, 8, 8),
        "interpolations": images[:45].reshape(5, 9, 1, 8, 8),
        "interpolation_ends": images[:10].reshape(5, 2, 1, 8, 8),
        "traversals": images[:22].reshape(2, 11, 1, 8, 8),
        "traversal_values": np.linspace(-3, 3, 11, dtype=np.float32),
        "traversal_dims": np.array([5, 2]),
        "traversal_kl": np.array([2.345, 0.5]),
    }


@pytest.fixture(scope="module")
def drawn(few_results, tmp_path_factory):
    """Results whose runs hold the tensors of every figure."""
    root = copytree(few_results, tmp_path_factory.mktemp("drawn") / "results")
    for run in (root / "tiny" / "runs").iterdir():
        path = run / "artifacts" / "figures.safetensors"
        arrays = load_file(path) | more_arrays()
        path.unlink()
        save_file(arrays, path)
        write_manifest(run)
    return root


def asked(root, figures):
    path = root / "tiny" / "suite.json"
    suite = json.loads(path.read_text())
    suite["spec"].pop("figures", None)
    if figures is not None:
        suite["spec"]["figures"] = figures
    path.write_text(json.dumps(suite))


def shown(root, reports):
    text = build_report(root, reports, "tiny").read_text()
    return {name for name, title in TITLES.items() if f">{title}</h3>" in text}


def test_each_figure_that_can_be_asked_for_has_a_gallery():
    assert set(galleries.IMAGES) | set(galleries.LATENT_SPACE) == set(FIGURES)


def test_a_report_shows_what_its_suite_asks_for_and_nothing_else(drawn, tmp_path):
    wanted = ["manifold", "traversals", "samples"]
    asked(drawn, wanted)
    assert shown(drawn, tmp_path) == set(wanted)
    names = {path.name for path in (tmp_path / "tiny" / "figures").glob("*.png")}
    assert {"manifold.png", "samples.png", "traversals-gan.png", "overview.png"} <= names
    assert not {"interpolations.png", "reconstructions.png", "latent-cvae.png"} & names


def test_a_suite_that_says_nothing_has_the_default_figures(drawn):
    asked(drawn, None)
    assert load_suite(drawn, "tiny").figures == DEFAULT_FIGURES


def test_what_no_run_has_stored_is_left_out(few_results, tmp_path):
    root = copytree(few_results, tmp_path / "results")
    asked(root, list(FIGURES))
    assert shown(root, tmp_path / "reports") <= set(DEFAULT_FIGURES)


def test_the_manifold_is_laid_out_row_by_row_without_gaps():
    images = np.arange(2 * 3 * 1 * 4 * 2, dtype=np.uint8).reshape(2, 3, 1, 4, 2)
    grid = grids.manifold_grid({"manifold": images})
    assert grid.shape == (8, 6, 1)
    for row, column in np.ndindex(2, 3):
        tile = grid[4 * row : 4 * row + 4, 2 * column : 2 * column + 2, 0]
        assert (tile == images[row, column, 0]).all()


def test_a_path_stands_between_its_two_images():
    arrays = {"interpolations": numbered(2, 3), "interpolation_ends": 100 + numbered(2, 2)}
    grid = grids.interpolation_grid(arrays)[1::2, :, 0]
    assert grid[0][[1, 8, 10, 12, 19]].tolist() == [100, 0, 1, 2, 101]
    assert grid[1][[1, 8, 10, 12, 19]].tolist() == [102, 3, 4, 5, 103]
    assert (grid[:, 3:7] == 255).all()


def test_no_picture_without_its_tensors():
    assert grids.manifold_grid({}) is None
    assert grids.interpolation_grid({"interpolations": numbered(1, 3)}) is None


def labels_of(figure):
    (axis,) = figure.axes
    return [text.get_text() for text in axis.get_yticklabels()]


def test_the_kl_stands_beside_its_row_of_the_traversal():
    arrays = more_arrays()
    figure = plots.traversals(arrays, "vae")
    assert labels_of(figure) == ["z5   2.35 nats", "z2   0.50 nats"]
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.get_xticklabels()] == ["−3", "0", "3"]
    image = axis.images[0].get_array()
    for row, place in enumerate(axis.get_yticks()):
        top = round(place - 3.5)
        assert (image[top : top + 8, 1:9] == arrays["traversals"][row, 0, 0]).all()


def test_a_traversal_without_a_known_kl_names_its_dimensions_only():
    arrays = more_arrays()
    del arrays["traversal_kl"]
    assert labels_of(plots.traversals(arrays, "vae")) == ["z5", "z2"]


def codes(labels):
    points = np.random.default_rng(0).normal(size=(len(labels), 2))
    return {"latent_means": points + np.array(labels)[:, None], "latent_labels": np.array(labels)}


def test_each_label_has_a_colour_a_key_and_its_name_at_the_median():
    arrays = codes([0] * 30 + [7] * 31)
    (axis,) = plots.latent_scatter(arrays, "vae").axes
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["0", "7"]
    for text, label in zip(axis.texts, (0, 7), strict=True):
        assert text.get_text() == str(label)
        at = arrays["latent_means"][arrays["latent_labels"] == label]
        np.testing.assert_allclose(text.get_position(), np.median(at, axis=0))
    faces = {tuple(found.get_facecolor()[0]) for found in axis.collections}
    assert len(faces) == 2


def test_labels_that_would_overlap_stand_side_by_side():
    points = np.zeros((6, 2))
    points[4:] = 1.0
    arrays = {"latent_means": points, "latent_labels": np.array([4, 4, 9, 9, 1, 1])}
    (axis,) = plots.latent_scatter(arrays, "vae").axes
    texts = {text.get_text(): text.get_position() for text in axis.texts}
    assert texts == {"1": (1.0, 1.0), "4 9": (0.0, 0.0)}


def test_codes_of_a_single_dimension_have_no_map(tmp_path):
    arrays = codes([0] * 30 + [7] * 31)
    arrays["latent_means"] = arrays["latent_means"][:, :1]
    run = FigureInputs("vae_1", None, None, arrays)
    assert galleries.scatters(FigureMaker(tmp_path, {}), [run]).pictures == ()
    assert not list(tmp_path.iterdir())


def test_codes_without_labels_have_no_legend():
    (axis,) = plots.latent_scatter(codes([0] * 30), "vae").axes
    assert axis.get_legend() is None
    assert not axis.texts
    assert len(axis.collections) == 1


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
