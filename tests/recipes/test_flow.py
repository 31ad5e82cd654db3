"""The recipe of a flow: where it starts, and what it refuses."""

from functools import partial

import pytest
import torch
from pydantic import ValidationError

from genbench.core.errors import ConfigError
from genbench.objectives.likelihood import NegativeLogLikelihood
from tests.recipes.helpers import IMAGE, build_recipe

build = partial(build_recipe, "real_nvp")


@pytest.mark.parametrize("alpha", [0.0, 0.05])
def test_an_untrained_flow_is_centred_at_the_mean_image(alpha):
    model = build(hidden=(8,), alpha=alpha).model
    with torch.no_grad():
        for coupling in model.couplings:
            coupling.output.weight.zero_()
            coupling.output.bias.zero_()
        image = model.from_noise(torch.zeros(1, 20))[0]
    assert torch.allclose(image, IMAGE, atol=1e-5)


def test_its_couplings_start_as_nearly_nothing_and_scales_as_those_of_binary_pixels():
    model, x = build(alpha=0.0).model, IMAGE[None]
    with torch.no_grad():
        z, log_det = model.to_noise(x)
        assert float(z.abs().max()) < 0.05
    expected = -(IMAGE * (1 - IMAGE)).log().sum() / 2  # of 1 / (m (1 - m)) over its root
    assert float(log_det) == pytest.approx(float(expected), abs=0.05)


def test_a_mean_pixel_at_the_end_of_the_range_starts_inside_of_it():
    image = torch.tensor([0.0, 1.0, 0.5]).reshape(1, 1, 3)
    model = build(image, alpha=0.0).model
    assert torch.isfinite(model.log_prob(torch.full((1, 3), 0.5))).all()


def test_it_is_trained_on_its_exact_density():
    built = build()
    (update,) = built.updates
    assert update.objective == NegativeLogLikelihood()
    assert (built.observation.measure, built.observation.domain) == ("density", "unit_interval")
    assert built.observation_name == "density by change of variables, alpha 0.001"
    assert built.needs_noise


def test_the_options_are_those_of_the_model():
    model = build(n_couplings=3, hidden=(7, 6), activation="tanh", alpha=0.2).model
    assert model.alpha == 0.2
    shapes = [[layer.out_features for layer in c.body[::2]] for c in model.couplings]
    assert shapes == [[7, 6]] * 3
    assert {type(c.body[1]) for c in model.couplings} == {torch.nn.Tanh}


def test_one_number_cannot_be_moved_given_another():
    with pytest.raises(ConfigError, match=r"^recipe: 'real_nvp' moves pixels given others, but"):
        build(torch.full((1, 1, 1), 0.5))
    assert build(torch.full((2, 1, 1), 0.5)).model.sides == [1, 1]


@pytest.mark.parametrize(
    "option", [{"n_couplings": 0}, {"n_couplings": 101}, {"alpha": 0.5}, {"alpha": -0.1}]
)
def test_options_have_limits(option):
    with pytest.raises(ValidationError):
        build(**option)
