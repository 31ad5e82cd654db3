"""Options of recipes: short forms, limits, hints."""

import pytest
from pydantic import ValidationError

from genbench.distributions import observation as heads
from genbench.recipes.options import (
    BernoulliOptions,
    BetaVaeOptions,
    GanOptions,
    LinearGaussianOptions,
    NetworkOptions,
    VaeOptions,
    observation_head,
)


@pytest.mark.parametrize(
    ("stated", "head", "description"),
    [
        ("bernoulli", heads.BernoulliHead, "Bernoulli"),
        ("unit_gaussian", heads.FixedGaussianHead, "unit Gaussian"),
        ({"kind": "gaussian", "scale": 0.2}, heads.FixedGaussianHead, "Gaussian, fixed scale 0.2"),
        ("learned_gaussian", heads.SharedGaussianHead, "Gaussian, one learned scale"),
        (
            {"kind": "pixel_gaussian", "min_scale": 0.05},
            heads.PixelGaussianHead,
            "Gaussian, learned scale per pixel (at least 0.05)",
        ),
    ],
)
def test_an_observation_model_is_named_by_its_kind(stated, head, description):
    options = VaeOptions(observation=stated)
    built = observation_head(options.observation)
    assert type(built) is head
    assert built.name == description
    assert VaeOptions.model_validate(options.model_dump()) == options


def test_bernoulli_is_the_default():
    assert VaeOptions().observation == BernoulliOptions()


@pytest.mark.parametrize(
    "stated",
    [
        "gaussian",  # its scale has to be stated
        {"kind": "gaussian", "scale": 0},
        {"kind": "gaussian", "scale": -1},
        {"kind": "bernoulli", "scale": 1},
        {"kind": "poisson"},
        {"kind": "pixel_gaussian", "min_scale": 0},
    ],
)
def test_an_impossible_observation_model_is_refused(stated):
    with pytest.raises(ValidationError, match="observation"):
        VaeOptions(observation=stated)


@pytest.mark.parametrize(
    "stated",
    [
        {"hidden": (0,)},
        {"channels": ()},
        {"latent_dim": 0},
        {"activation": "sigmoid"},
        {"network": "transformer"},
        {"latentdim": 3},
    ],
)
def test_impossible_networks_are_refused(stated):
    with pytest.raises(ValidationError, match=next(iter(stated))):
        NetworkOptions(**stated)


@pytest.mark.parametrize(
    ("options", "stated"),
    [
        (BetaVaeOptions, {"beta": -0.1}),
        (GanOptions, {"dropout": 1.0}),
        (GanOptions, {"beta1": 1.0}),
        (GanOptions, {"discriminator_rate": 0}),
        (LinearGaussianOptions, {"latent_dim": 0}),
    ],
)
def test_values_out_of_range_are_refused(options, stated):
    with pytest.raises(ValidationError, match=next(iter(stated))):
        options(**stated)


def test_a_weight_of_zero_on_the_kl_is_allowed():
    assert BetaVaeOptions(beta=0).beta == 0
