"""What is seen of a model that was trained elsewhere: likelihood, condition, weights."""

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Categorical, Independent, MultivariateNormal, Normal

from genbench.core.errors import ConfigError
from genbench.core.seeding import Stream
from genbench.data import DataConfig, load
from genbench.runs.elsewhere.describe import describe, hand_over, weights_in

BINARY = {"binarisation": "static"}
NOISY = {"dequantisation": "uniform"}


@pytest.fixture(scope="module")
def digits():
    """The digits, by how their pixels are presented."""

    def get(**pixels):
        return load(DataConfig(name="digits", limit=20, **pixels))

    return get


class Latent:
    """A latent variable model whose p(x given z) is what the test says."""

    def __init__(self, p):
        self.p = p

    def prior(self):
        return Normal(torch.zeros(2), torch.ones(2))

    def observation_model(self, z):
        return self.p(torch.zeros(*z.shape[:-1], 1, 8, 8))


class Labelled(Latent):
    """The same given the label."""

    def given(self, y):
        return Latent(self.p)


class Density:
    """Only ``log_prob``."""

    def log_prob(self, x):
        return x.flatten(1).sum(1)


class Bound:
    """Only a bound of its own."""

    def elbo_draws(self, x, n):
        return x.flatten(1).sum(1).expand(n, -1)


class Sampler:
    """Only ``sample``."""

    def sample(self, n):
        return torch.zeros(n, 1, 8, 8)


def described(model, dataset, measure=None, note=""):
    handed = hand_over(model, dataset, None, note, measure)
    return describe(handed, dataset, Stream(0))


@pytest.mark.parametrize(
    ("model", "pixels", "measure", "observation"),
    [
        (Latent(lambda zero: Bernoulli(logits=zero)), BINARY, "mass", "Bernoulli"),
        (Latent(lambda zero: Independent(Normal(zero, 1.0), 3)), NOISY, "density", "Normal"),
        (Latent(lambda zero: Normal(zero, 1.0)), BINARY, "density", "Normal"),
        (Density(), BINARY, "mass", "none"),
        (Density(), NOISY, "density", "none"),
        (Bound(), NOISY, "density", "none"),
        (Sampler(), NOISY, "none", "none"),
    ],
)
def test_the_measure_is_that_of_the_distribution_or_of_the_data(
    digits, model, pixels, measure, observation
):
    found = described(model, digits(**pixels))
    assert (found["measure"], found["observation"]) == (measure, observation)


def test_what_the_user_says_of_the_measure_holds(digits):
    found = described(Density(), digits(), "mass")
    assert found["measure"] == found["comparable_measure"] == "mass"


def test_a_model_without_a_likelihood_is_compared_as_is_natural_for_the_data(digits):
    assert described(Sampler(), digits(**BINARY))["comparable_measure"] == "mass"
    assert described(Sampler(), digits(**NOISY))["comparable_measure"] == "density"


def test_a_conditional_model_is_one_and_its_likelihood_is_seen_through_the_label(digits):
    found = described(Labelled(lambda zero: Bernoulli(logits=zero)), digits(**BINARY))
    assert (found["conditional"], found["measure"]) == (True, "mass")


def test_the_note_follows_the_word(digits):
    assert described(Sampler(), digits())["about"] == "Trained elsewhere."
    assert described(Sampler(), digits(), note="By me.")["about"] == "Trained elsewhere. By me."


def test_a_model_of_hidden_pixels_and_an_unknown_measure_are_refused(digits):
    class Completer(Sampler):
        def given_pixels(self, x):
            return Sampler()

        def hidden(self):
            return torch.ones(1, 8, 8, dtype=torch.bool)

    with pytest.raises(ConfigError, match="make it a recipe instead"):
        described(Completer(), digits())
    with pytest.raises(ConfigError, match="measure: unknown 'densty'; did you mean 'density'"):
        hand_over(Density(), digits(), None, "", "densty")
    with pytest.raises(ConfigError, match="kind: unknown 'bound'"):
        hand_over(Density(), digits(), "bound", "", None)


def test_weights_of_one_module_have_its_names_and_those_of_several_are_numbered():
    linear, other = nn.Linear(2, 3), nn.Linear(3, 1)

    class Holder:
        def __init__(self, *parts):
            self.parts = list(parts)

    assert weights_in(Holder(linear)).keys() == linear.state_dict().keys()
    assert [*weights_in(Holder(linear, other))] == ["0.weight", "0.bias", "1.weight", "1.bias"]
    whole = nn.Sequential(linear, other)
    assert weights_in(Holder(whole, linear)).keys() == whole.state_dict().keys()
    assert weights_in(Density()) == {}


def test_weights_are_copies_and_each_parameter_is_counted_once(digits):
    class Tied(Density, nn.Module):
        def __init__(self):
            super().__init__()
            self.one = nn.Linear(4, 4, bias=False)
            self.two = nn.Linear(4, 4, bias=False)
            self.two.weight = self.one.weight

    model = Tied()
    kept = weights_in(model)
    model.one.weight.data.zero_()
    assert kept["one.weight"].any()
    assert described(model, digits())["n_parameters"] == 16
    assert described(Density(), digits())["n_parameters"] is None


def test_levels_that_are_served_as_intensities_are_no_categories(digits):
    model = Latent(lambda zero: Categorical(logits=torch.zeros(*zero.shape, 17)))
    with pytest.raises(ConfigError, match="outside the support"):
        described(model, digits())


def test_a_likelihood_that_is_not_of_single_pixels_has_its_name(digits):
    def joint(zero):
        flat = MultivariateNormal(torch.zeros(64), torch.eye(64))
        return flat.expand(zero.shape[:-3])

    assert described(Latent(joint), digits(**NOISY))["observation"] == "MultivariateNormal"
