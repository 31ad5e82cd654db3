"""Recipes: named functions that put networks, densities and updates together.

To add one, write a function from (data facts, options, training budget) to :class:`Built` and
decorate it; its second annotation is the pydantic class of its options. Suites, the command line,
the contract tests and the reports pick it up by name.
"""

import genbench.recipes.archives
import genbench.recipes.autoregressive
import genbench.recipes.builtin
import genbench.recipes.controls
import genbench.recipes.diffusion
import genbench.recipes.exact
import genbench.recipes.flow
import genbench.recipes.flow_matching
import genbench.recipes.gan_2014
import genbench.recipes.hierarchical_vae
import genbench.recipes.inference_schemes
import genbench.recipes.mixture_prior
import genbench.recipes.mixtures
import genbench.recipes.pixels
import genbench.recipes.variants  # noqa: F401  importing the module registers its recipes
from genbench.core.options import Options
from genbench.core.plugins import load_plugins
from genbench.recipes.registry import Built, DataFacts, Recipe, recipe, recipes
from genbench.training.config import TrainConfig
from genbench.training.update import Update

__all__ = [
    "Built",
    "DataFacts",
    "Options",
    "Recipe",
    "TrainConfig",
    "Update",
    "load_plugins",
    "recipe",
    "recipes",
]
