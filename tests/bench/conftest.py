"""Rows as they are stored, and contexts that need no file."""

import pytest
import torch

from genbench.bench.context import BenchContext
from genbench.bench.rows import digest
from genbench.bench.settings import Settings

MACHINE = {"device": "cpu", "threads": 2, "torch": "2.15.0", "genbench": "0.1"}


@pytest.fixture
def row():
    """Return a stored row with some of its values changed."""

    def make(**changes):
        fingerprint = {**MACHINE, **changes.pop("fingerprint", {})}
        stored = {
            "recipe": "vae",
            "task": "train",
            "batch_size": 128,
            "device": "cpu",
            "data": "mnist",
            "options": {"hidden": [400], "latent_dim": 20},
            "study": None,
            "study_value": None,
            "samples_per_s": 16_000.0,
            "limit_samples_per_s": 20_000.0,
            "share_of_limit": 0.8,
            "flops_per_step": 419_840_000,
            "relative_error": 0.01,
            "share_relative_error": 0.005,
            "fingerprint": fingerprint,
            "fingerprint_digest": digest(fingerprint),
        }
        return stored | changes

    return make


@pytest.fixture
def make_context(tmp_path):
    """Return a make_context with small networks and random images."""

    def make(**changes):
        small = {"hidden": (16,), "latent_dim": 3, "batch_sizes": (8,), "seconds": 0.01}
        here = {"device": "cpu", "data_dir": tmp_path}
        return BenchContext(Settings(**{**here, **small, **changes}))

    return make


@pytest.fixture(autouse=True)
def one_thread():
    """Two threads wait for each other at every product, for ever when the cores are taken."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
