"""Suite files written for a test."""

import pytest

from tests.studies.tiny import register

HEAD = """
title = "Small"

[data]
name = "digits"
binarisation = "dynamic"
limit = 70

[train]
epochs = 1
batch_size = 35
"""
MODELS = """
[[model]]
recipe = "vae"
hidden = [8]
latent_dim = 2

[[model]]
name = "pca"
recipe = "linear_gaussian"
latent_dim = 2
binarisation = "none"
dequantisation = "uniform"
"""
EVALUATE = """
[evaluate]
metrics = ["elbo", "kl_per_dim", "log_likelihood"]
elbo = { n_samples = 2 }
"""


@pytest.fixture
def suite_file(tmp_path):
    """Write a suite file: ``suite_file(text)``, or the small suite without a text."""

    def write(text: str | None = None, *, head=HEAD, models=MODELS, evaluate=EVALUATE) -> str:
        path = tmp_path / "small.toml"
        path.write_text(text if text is not None else head + models + evaluate)
        return str(path)

    return write


@pytest.fixture
def coins(monkeypatch):
    """The study ``coins``, registered; counts its runs."""
    return register(monkeypatch)
