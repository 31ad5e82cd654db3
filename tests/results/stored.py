"""A small suite that was really run: rows and runs of every kind, for tests of what is stored."""

from pathlib import Path

import pytest
import torch

import genbench
from genbench.runs.run_options import RunOptions
from genbench.suites.run import run_suite
from tests.studies.tiny import register

SUITE = """
title = "Small"
seeds = 2

[data]
name = "digits"
binarisation = "static"
limit = 40

[train]
epochs = 2
batch_size = 20

[evaluate]
metrics = [
    "elbo", "iw_log_likelihood", "label_marginal_log_likelihood", "log_likelihood", "kl_per_dim",
]
iw_log_likelihood = { n_samples = 5, chunk_size = 5 }
label_marginal_log_likelihood = { n_samples = 5, chunk_size = 5 }

[[model]]
recipe = "vae"
hidden = [8]
latent_dim = 2

[[model]]
recipe = "cvae"
hidden = [8]
latent_dim = 2

[[model]]
name = "wild"
recipe = "vae"
hidden = [8]
latent_dim = 2
learning_rate = 1e30
optimizer = "sgd"

[[model]]
recipe = "linear_gaussian"
latent_dim = 2
binarisation = "none"
dequantisation = "uniform"

[[study]]
name = "coins"
"""


class Coin:
    """A model of somebody else: every pixel is on with probability one half."""

    def log_prob(self, x):
        return torch.full((len(x),), -x[0].numel() * 0.6931471805599453)


def store(folder: Path) -> Path:
    """Run the suite ``small``, add a model that was trained elsewhere; return the results."""
    results = folder / "results"
    (folder / "small.toml").write_text(SUITE)
    with pytest.MonkeyPatch.context() as patch:
        register(patch)
        options = RunOptions(str(folder / "small.toml"), results=results, device="cpu")
        run_suite(options)
        genbench.add(Coin(), "small", "coin", results=results, report=False, progress=False)
    return results
