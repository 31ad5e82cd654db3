"""Pictures of models on the GPU: the tensors behind them, and a page."""

import pytest
import torch

from genbench import cli
from genbench.core.figures import FIGURES
from genbench.core.seeding import Stream
from genbench.evaluation.figures import collect_figures
from tests.gpu.small import built, digits, grey_digits

CPU = torch.device("cpu")
MODELS = {
    "vae": (digits, {}),
    "vae of two dimensions": (digits, {"latent_dim": 2}),
    "cvae": (digits, {}),
    "ae": (digits, {"latent_dim": 2}),
    "gan": (grey_digits, {}),
    "linear_gaussian": (grey_digits, {}),
    "gaussian_mixture": (grey_digits, {"n_components": 3}),
    "real_nvp": (grey_digits, {}),
    "diffusion": (grey_digits, {"n_steps": 20}),
    "flow_matching": (grey_digits, {"n_steps": 5}),
    "discrete_vae": (digits, {}),
    "made": (digits, {}),
    "mixture_vae": (digits, {"latent_dim": 2}),
    "hierarchical_vae": (digits, {"upper_latent_dims": (2,)}),
    "cvae_pixels": (digits, {}),
    "nn_pixels": (digits, {}),
}
DRAWN = ("samples", "class_samples", "completions")
"""Figures of random numbers, of which each device has its own."""


def tensors(name, device):
    serve, options = MODELS[name]
    data = serve(device)
    made = built(data, name.split()[0], **options)
    return collect_figures(made.model, data, Stream(0), FIGURES)


@pytest.mark.parametrize("name", MODELS)
def test_the_tensors_behind_figures_are_those_of_the_processor(device, name):
    here, there = tensors(name, CPU), tensors(name, device)
    assert there
    assert there.keys() == here.keys()
    for key, found in there.items():
        expected = here[key]
        assert (found.device.type, found.shape, found.dtype) == (
            "cpu", expected.shape, expected.dtype,
        )  # fmt: skip
        if not key.startswith(DRAWN):
            levels = 1 if found.dtype == torch.uint8 else 1e-4
            assert (found.double() - expected.double()).abs().max() <= levels, key


SUITE = """
title = "Pictures"
[data]
name = "digits"
binarisation = "dynamic"
limit = 60
[train]
epochs = 3
batch_size = 20
[[model]]
recipe = "vae"
hidden = [16]
latent_dim = 2
[[model]]
recipe = "cvae"
hidden = [16]
latent_dim = 3
[[model]]
recipe = "gan"
hidden = [16]
latent_dim = 3
binarisation = "none"
dequantisation = "uniform"
assume = { n_data = 10, n_temperatures = 5, n_leapfrog = 1 }
"""


def test_a_page_is_made_of_models_on_the_device(device, tmp_path):
    suite, results, reports = (tmp_path / name for name in ("own.toml", "results", "reports"))
    suite.write_text(SUITE)
    command = ["run", "--suite", suite, "--device", device.type, "--results", results]
    assert cli.main([str(part) for part in (*command, "--reports", reports)]) == 0
    page = (reports / "own" / "index.html").read_text(encoding="utf-8")
    assert page.count("<img") + page.count("<svg") > 5
    for model in ("vae", "cvae", "gan+normal"):
        assert model in page
