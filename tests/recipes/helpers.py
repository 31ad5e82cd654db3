"""A recipe built as a run builds it, from the mean image of the data, and how good it must be."""

import torch

from genbench.core.seeding import seeded
from genbench.models.densities import IndependentGaussian
from genbench.recipes import DataFacts, recipes
from genbench.training.config import TrainConfig

IMAGE = 0.1 + 0.8 * torch.rand(1, 4, 5, generator=torch.Generator().manual_seed(0))


def build_recipe(name, image=IMAGE, seed=0, **options):
    known = recipes[name]
    facts = DataFacts(tuple(image.shape), 10, image)
    with seeded(seed, "init"):
        return known.build(facts, known.options(**options), TrainConfig())


def passes_independent_pixels(log_px, x, train):
    """Whether log p(x) (B,) of images x is significantly above that of independent pixels."""
    pixels = IndependentGaussian(x.shape[1:])
    pixels.fit(train)
    better = log_px - pixels.log_prob(x)
    return float(better.mean()) > 4 * float(better.std()) / len(better) ** 0.5
