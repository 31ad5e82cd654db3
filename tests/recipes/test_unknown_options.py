"""An option with an unknown value is refused wherever it gets past validation.

Suite files are validated; options that a program copies, or that a plugin extends, are not.
"""

from typing import Literal

import pytest
import torch

from genbench.core.errors import ConfigError
from genbench.core.options import Options
from genbench.recipes import DataFacts, recipes
from genbench.recipes.options import NetworkOptions, observation_head
from genbench.training.config import TrainConfig

FACTS = DataFacts((1, 8, 8), 10, torch.full((1, 8, 8), 0.5), 20)
UNKNOWN = [
    ("vae", "observation", "bernouli", "bernoulli"),
    ("discrete_vae", "observation", "learned_gausian", "learned_gaussian"),
    ("cvae_pixels", "observation", "bernouli", "bernoulli"),
    ("variational_em", "observation", "bernouli", "bernoulli"),
    ("vae", "posterior", "diag", "diagonal"),
    ("vae", "network", "mpl", "mlp"),
    ("variational_em", "network", "convo", "conv"),
    ("ae", "init", "glorott", "glorot"),
    ("variational_em", "init", "glorott", "glorot"),
    ("ae", "activation", "rellu", "relu"),
    ("real_nvp", "activation", "rellu", "relu"),
    ("diffusion", "activation", "rellu", "relu"),
    ("diffusion", "schedule", "cos", "cosine"),
    ("diffusion", "weighting", "hybird", "hybrid"),
    ("flow_matching", "activation", "rellu", "relu"),
    ("nn_pixels", "activation", "rellu", "relu"),
    ("made", "observation", "bernouli", "bernoulli"),
    ("made", "activation", "rellu", "relu"),
    ("vae", "gradient", "score", "score_function"),
    ("hierarchical_vae", "bound", "importance", "importance_weighted"),
    ("iwae", "gradient", "doubly_reparam", "doubly_reparameterised"),
    ("variational_em", "scheme", "per_data", "per_datum"),
    ("cvae_pixels", "prior", "learnt", "learned"),
    ("independent_pixels", "observation", "gausian", "gaussian"),
]


def build(recipe, **changes):
    options = recipes[recipe].options().model_copy(update=changes)  # not validated
    return recipes[recipe].build(FACTS, options, TrainConfig())


@pytest.mark.parametrize(("recipe", "key", "value", "nearest"), UNKNOWN)
def test_an_unknown_value_is_refused_with_its_key_and_the_nearest_name(recipe, key, value, nearest):
    build(recipe)
    with pytest.raises(ConfigError, match=rf"{key}.*did you mean '{nearest}'\? known: .*{nearest}"):
        build(recipe, **{key: value})


class Poisson(Options):
    """An observation model that genbench does not have."""

    kind: Literal["poisson"] = "poisson"


@pytest.mark.parametrize(("options", "name"), [(Poisson(), "poisson"), (None, "None")])
def test_an_observation_model_of_another_kind_is_not_taken_for_bernoulli(options, name):
    with pytest.raises(ConfigError, match=f"unknown observation '{name}'; .*known: bernoulli, "):
        observation_head(options)


class Transformers(NetworkOptions):
    """A plugin's options with one network more than the recipes know."""

    network: Literal["mlp", "conv", "transformer"] = "transformer"


def test_a_network_of_a_plugins_own_is_not_taken_for_a_convolutional_one():
    with pytest.raises(ConfigError, match="unknown network 'transformer'"):
        recipes["ae"].build(FACTS, Transformers(), TrainConfig())
