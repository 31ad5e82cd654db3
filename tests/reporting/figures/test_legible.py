"""Every figure of a report can be read: nothing is cut off, and no words lie on others."""

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from genbench.core.figures import FIGURES
from genbench.reporting.figures.maker import FigureMaker
from genbench.reporting.figures.model_figures import draw_all
from genbench.reporting.figures.overview import overview
from genbench.reporting.figures.plots import latent_scatter
from genbench.reporting.figures.style import EmbeddedFigure, colours, new_figure, styled
from genbench.reporting.figures.user_plots import draw
from genbench.reporting.page.chapters import chapters
from genbench.results.suite import StoredSuite
from tests.reporting.figures.legible import problems
from tests.reporting.figures.test_model_figures import more_arrays
from tests.results import rich
from tests.results.fabricate import fabricate, write_manifest

LONG = [f"{i:02d}_is_a_variational_autoencoder_so_named"[:40] for i in range(25)]
OF_MODELS = {"table": "metrics", "x": "model", "y": ["elbo"], "error": "elbo_stderr"}
OF_EPOCHS = {"table": "history", "x": "epoch", "y": ["train_loss"]}
PLOTS = [
    {"name": "bars", "title": "Bars", "kind": "bars", **OF_MODELS},
    {"name": "points", "title": "Points", "kind": "points", "hue": "model", **OF_MODELS},
    {"name": "lines", "title": "Lines", "hue": "model", **OF_EPOCHS},
    {"name": "panels", "title": "Panels", "panel": "model", "models": LONG[:4], **OF_EPOCHS},
]


class Reader(FigureMaker):
    """Writes no files: remembers what could not be read in each figure.

    Of figures with one model each it draws two.
    """

    def __init__(self, suite):
        super().__init__(suite.folder, colours(suite.models))
        self.found = {}

    def curves(self, runs):
        return super().curves(runs[:2])

    def bars(self, metric, frame, inputs):
        return super().bars(metric, frame, inputs[:2])

    def save(self, figure, name, alt, **words):
        self.found[name] = problems(figure)
        return EmbeddedFigure(bytes, alt, 1, 1, **words)


def read(root):
    """Draw all figures of suite ``tiny``; return what could not be read, by figure."""
    suite = StoredSuite.open(root, "tiny")
    reader = Reader(suite)
    groups = draw_all(suite, reader)
    with styled():
        for plot in suite.record.plots:
            reader.save(draw(plot, suite.table_of(plot), reader.palette), plot.name, "")
    chapters(suite, reader, groups)
    return reader.found


def test_the_helper_sees_what_is_cut_off_and_what_overlaps():
    figure = new_figure(2, 2)
    axis = figure.subplots()
    axis.set_title("a title that is wider than the figure by far", loc="left")
    axis.set_xticks([0, 0.01], ["first", "second"])
    found = problems(figure)
    assert [line.partition(":")[0] for line in found] == ["cut off", "overlap"]
    axis.set_title("a title", loc="left")
    axis.set_xticks([0, 1], ["first", "second"])
    assert problems(figure) == []


def lend_arrays(root):
    """Give each run arrays for the figures of latent space."""
    for path in root.glob("tiny/runs/*/artifacts/figures.safetensors"):
        arrays = load_file(path) | more_arrays()
        path.unlink()
        save_file(arrays, path)
        write_manifest(path.parents[1])


def unreadable(found):
    return {name: lines for name, lines in found.items() if lines}


def test_many_models_with_long_names_can_be_read_in_every_figure(tmp_path):
    root = fabricate(tmp_path, tuple(LONG), (0,), (), plot=PLOTS, figures=["samples"])
    found = read(root)
    assert {"overview", "bounds-1", "samples", "bars", "points", "lines", "panels"} <= found.keys()
    assert any(name.startswith("learning-") for name in found)
    assert unreadable(found) == {}


def test_long_names_can_be_read_in_every_figure_of_many_parts(tmp_path, monkeypatch):
    heights = {name: ("vae", -20.0 - 0.4 * i, -30.0 - i) for i, name in enumerate(LONG[::4])}
    monkeypatch.setattr(rich, "MODELS", heights)
    root = rich.fabricate_rich(tmp_path, tuple(heights), (0,), figures=list(FIGURES))
    lend_arrays(root)
    found = read(root)
    kinds = {name.split("-1")[0] for name in found}
    assert {"ranks", "iw-curve", "kl-decomposition", "active-units-sweep"} <= kinds
    assert {"manifold", "interpolations", "overview"} <= found.keys()
    assert any(name.startswith("traversals-") for name in found)
    assert unreadable(found) == {}


def test_numbers_of_five_digits_do_not_touch(tmp_path, monkeypatch):
    heights = {name: ("vae", -2150.0 - 20 * i, -2300.0) for i, name in enumerate("abcde")}
    monkeypatch.setattr(rich, "MODELS", heights)
    root = rich.fabricate_rich(tmp_path, tuple(heights), (0,), figures=["samples"])
    suite = StoredSuite.open(root, "tiny")
    with styled():
        samples = {name: np.zeros((9, 9, 1), dtype=np.uint8) for name in heights}
        figure = overview("Faces", suite.blocks, samples, colours(suite.models))
    assert problems(figure) == []


@pytest.mark.parametrize("places", [(0, 0), (1, 1), (0, 1), (0.5, 0.5)])
def test_labels_of_codes_that_lie_together_are_inside_and_apart(places):
    x, y = places
    labels = np.repeat(np.arange(10), 3)
    means = np.full((30, 2), (x, y), dtype=float)
    means[labels < 2] = ((0, 0), (1, 1), (0.4, 0.6)) * 2
    arrays = {"latent_means": means, "latent_labels": labels}
    with styled():
        assert problems(latent_scatter(arrays, "vae")) == []


@pytest.mark.parametrize("centre", [0, 0.026, -3.7, 120, -1e-9])
@pytest.mark.parametrize("spread", [1e-12, 1e-7, 1e-3, 0.3, 100])
def test_scales_of_codes_are_legible_whatever_their_size(centre, spread):
    means = centre + spread * np.random.default_rng(0).normal(size=(200, 2))
    arrays = {"latent_means": means.astype(np.float32), "latent_labels": np.arange(200) % 10}
    with styled():
        assert problems(latent_scatter(arrays, "vae")) == []
