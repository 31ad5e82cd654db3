"""What is timed: the trainable recipes on images of MNIST's shape."""

from functools import cache

import pytest
import torch

from genbench.core.capabilities import (
    Generative,
    HasExactDensity,
    HasPosterior,
    Samples,
    bind,
    missing,
)
from genbench.core.seeding import seeded
from genbench.data import DataConfig, Dataset
from genbench.recipes import DataFacts, recipes
from genbench.training.config import TrainConfig

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
SHAPE, N_CLASSES, N_LEVELS = (1, 28, 28), 10, 256
BATCH_SIZE = 128
MOST_STEPS = 10
"""Batches of the longest epoch that is timed."""
NETWORKS = ("mlp", "conv")
SIZE = {"hidden": (400,), "latent_dim": 20}
"""Of the networks of every recipe that lets them be chosen."""


@cache
def build(name, network):
    """Build a recipe with its shipped options but for the size; called anew it is the same one."""
    known = recipes[name].options
    asked = SIZE | {"network": network}
    options = known(**{key: asked[key] for key in asked if key in known.model_fields})
    facts = DataFacts(SHAPE, N_CLASSES, torch.full(SHAPE, 0.2), MOST_STEPS * BATCH_SIZE)
    with seeded(0, "init"):
        return recipes[name].build(facts, options, TrainConfig())


def fresh(name, network):
    """Build a recipe anew, on the device."""
    built = build.__wrapped__(name, network)
    built.model.to(DEVICE)
    return built


def trainable(able=lambda view: True, networks=("mlp",)):
    """Parametrise over (recipe, network) where a network is trained and its model is able."""
    y = torch.zeros(1, dtype=torch.long)
    cases = [
        pytest.param(name, network, id=f"{name}-{network}")
        for name in recipes
        for network in networks
        if network == "mlp" or "network" in recipes[name].options.model_fields
        if build(name, network).updates and able(bind(build(name, network).model, y))
    ]
    return pytest.mark.parametrize(("name", "network"), cases)


def weighs(view):
    """Whether importance weights of draws from the posterior can be had."""
    return not missing(view, Generative) and isinstance(view, HasPosterior)


def anneals(view):
    """Whether log p(x) is unknown, so that chains run for it."""
    return not missing(view, Generative) and not isinstance(view, HasExactDensity)


def samples(view):
    return isinstance(view, Samples)


def images(n_train, n_test):
    """Make a data set of noise in memory, drawn anew as binary images; speed sees no difference."""
    n = n_train + 1 + n_test
    generator = torch.Generator().manual_seed(0)
    levels = torch.randint(N_LEVELS, (n, *SHAPE), dtype=torch.uint8, generator=generator)
    labels = torch.randint(N_CLASSES, (n,), generator=generator)
    return Dataset(
        config=DataConfig(name="mnist", binarisation="dynamic"),
        name="noise",
        image_shape=SHAPE,
        n_classes=N_CLASSES,
        n_levels=N_LEVELS,
        digest="",
        protocol="noise",
        domain="binary",
        levels=levels.to(DEVICE),
        labels=labels.to(DEVICE),
        sizes={"train": n_train, "validation": 1, "test": n_test},
    )


def synchronised(function):
    """Return ``function``, which also waits for what it has started."""

    def call():
        result = function()
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        return result

    return call
