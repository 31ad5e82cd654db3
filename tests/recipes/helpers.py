"""A recipe that is built as a run builds it, from the mean image of the data."""

import torch

from genbench.core.seeding import seeded
from genbench.recipes import DataFacts, recipes
from genbench.training.config import TrainConfig

IMAGE = 0.1 + 0.8 * torch.rand(1, 4, 5, generator=torch.Generator().manual_seed(0))


def build_recipe(name, image=IMAGE, seed=0, **options):
    known = recipes[name]
    facts = DataFacts(tuple(image.shape), 10, image)
    with seeded(seed, "init"):
        return known.build(facts, known.options(**options), TrainConfig())
