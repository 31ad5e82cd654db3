"""A suite on somebody's colour images: every metric and every figure, from the file to the page."""

import base64
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

import genbench
from genbench.core.figures import FIGURES
from genbench.evaluation.spec import evaluators
from genbench.results.suite import StoredSuite

SHAPE = (8, 6, 3)
FEW = {
    "n_samples": 4,
    "n_chains": 2,
    "n_temperatures": 3,
    "n_leapfrog": 1,
    "n_steps": 2,
    "n_data": 3,
}
MODELS = """
[[model]]
recipe = "vae"
hidden = [6]
latent_dim = 2
observation = "learned_gaussian"

[[model]]
recipe = "cvae"
network = "conv"
hidden = [6]
channels = [3]
latent_dim = 2
observation = "learned_gaussian"

[[model]]
recipe = "cvae_pixels"
hidden = [6]
latent_dim = 2
observation = "learned_gaussian"

[[model]]
recipe = "linear_gaussian"
latent_dim = 2

[[model]]
recipe = "independent_pixels"
observation = "gaussian"

[[model]]
recipe = "data"
"""
PICTURE = re.compile(r'base64,([^"]+)" alt="Grid of images sampled from data"')


def suite_text():
    """Every metric with few draws, and every figure."""
    options = []
    for name in evaluators:
        few = {k: v for k, v in FEW.items() if k in evaluators[name].options.model_fields}
        stated = ", ".join(f"{key} = {value}" for key, value in few.items())
        options += [f"{name} = {{ {stated} }}"] if few else []
    head = (
        f"figures = {json.dumps(list(FIGURES))}",
        '[data]\npath = "photos.npz"\ndequantisation = "uniform"',
        "[train]\nepochs = 1\nbatch_size = 20",
        f"[evaluate]\nmetrics = {json.dumps(list(evaluators))}",
    )
    return "\n".join([*head, *options]) + MODELS


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """The folder where the suite ran, and its table."""
    folder = tmp_path_factory.mktemp("colour")
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (70, *SHAPE), dtype=np.uint8)
    x[..., 2] //= 8  # little blue: a channel that is mixed up would be seen
    np.savez(folder / "photos.npz", images=x, labels=np.arange(70) % 3)
    (folder / "photos.toml").write_text(suite_text())
    places = {"results": folder / "results", "reports": folder / "reports"}
    return folder, genbench.run(str(folder / "photos.toml"), progress=False, **places)


def test_every_metric_has_a_number_or_a_reason(ran):
    _, table = ran
    assert set(table["status"]) == {"ok", "not_applicable"}
    lacking = table[table["status"] == "not_applicable"]
    known = r"the (model|posterior)|posterior and prior|no extrapolation in 1/K"
    too_few = r"needs \d+|no cell has"
    unexplained = lacking[~lacking["reason"].str.match(f"{known}|{too_few}")]
    assert list(unexplained["reason"]) == []
    numbers = table[table["status"] == "ok"]
    assert np.isfinite(numbers["value"]).all()
    known = {metric.partition("[")[0] for metric in numbers["metric"]}
    marginal = {evaluators[name].metric for name in evaluators if evaluators[name].of == "data"}
    assert known >= marginal  # there are too few images for some distances


def test_the_pictures_keep_the_channels(ran):
    folder, _ = ran
    inputs = StoredSuite.open(folder / "results", "photos").figure_inputs()
    arrays = {run.record.model: run.arrays for run in inputs}
    height, width, channels = SHAPE
    pictures = [a for of_model in arrays.values() for a in of_model.values() if a.dtype == np.uint8]
    assert len(pictures) > 12
    assert all(picture.shape[-3:] == (channels, height, width) for picture in pictures)
    for picture in (arrays["data"]["samples"], arrays["vae"]["originals"]):
        assert picture[..., 2, :, :].max() < 40 < picture[..., 0, :, :].mean()


def test_the_page_shows_them_in_colour(ran):
    folder, _ = ran
    page = (folder / "reports" / "photos" / "index.html").read_text()
    assert "Images have 8 × 6 pixels in colour (RGB)." in page
    found = PICTURE.search(page)
    assert found is not None
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(found[1]))))
    assert shown.shape[-1] == 3
    assert 2 * shown[..., 2].mean() < shown[..., 0].mean() > 40  # the rest of the grid is grey
