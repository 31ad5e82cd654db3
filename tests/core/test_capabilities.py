"""Capabilities are had by having the methods."""

from typing import Protocol

import pytest
import torch
from torch import nn

from genbench.core import capabilities as caps
from genbench.core.capabilities import bind, missing

METHODS = {
    caps.HasPrior: ["prior()"],
    caps.HasObservationModel: ["observation_model(z)"],
    caps.HasPosterior: ["posterior(x)"],
    caps.Encodes: ["encode(x)"],
    caps.Decodes: ["decode(z)"],
    caps.Samples: ["sample(n)"],
    caps.Conditions: ["given(y)"],
    caps.ConditionsOnPixels: ["given_pixels(x)", "hidden()"],
    caps.HasCritic: ["critic(x)"],
    caps.HasExactDensity: ["log_prob(x)"],
    caps.DrawsElbo: ["elbo_draws(x, n)"],
    caps.Generative: ["prior()", "observation_model(z)"],
    caps.Variational: ["prior()", "observation_model(z)", "posterior(x)"],
    caps.Autoencodes: ["encode(x)", "decode(z)"],
}


class Everything:
    def prior(self): ...
    def observation_model(self, z): ...
    def posterior(self, x): ...
    def encode(self, x): ...
    def decode(self, z): ...
    def sample(self, n): ...
    def given(self, y):
        return ("view", y)

    def given_pixels(self, x): ...
    def hidden(self): ...
    def critic(self, x): ...
    def log_prob(self, x): ...
    def elbo_draws(self, x, n): ...


@pytest.mark.parametrize("needs", METHODS, ids=lambda needs: needs.__name__)
def test_missing_names_exactly_the_methods_of_the_capability(needs):
    assert missing(object(), needs) == METHODS[needs]
    assert missing(Everything(), needs) == []


@pytest.mark.parametrize("needs", METHODS, ids=lambda needs: needs.__name__)
def test_one_method_less_is_one_name_more(needs):
    for method in METHODS[needs]:
        name = method.split("(")[0]
        body = {k: v for k, v in vars(Everything).items() if callable(v) and k != name}
        assert missing(type("Lacking", (), body)(), needs) == [method]


@pytest.mark.parametrize(
    ("methods", "lacking"),
    [
        ("prior posterior", ["observation_model(z)"]),
        ("", ["prior()", "observation_model(z)", "posterior(x)"]),
        ("elbo_draws", []),
        ("prior posterior observation_model", []),
    ],
)
def test_a_bound_of_its_own_is_the_last_that_a_model_is_asked_for(methods, lacking):
    body = {name: getattr(Everything, name) for name in methods.split()}
    model = type("Some", (), body)()
    assert caps.to_add(model, (caps.Variational, caps.DrawsElbo)) == lacking


def test_a_capability_that_a_user_writes_names_its_methods_too():
    class Tempered(caps.Variational, Protocol):
        def at_temperature(self, t, *, exact): ...

    assert missing(Everything(), Tempered) == ["at_temperature(t, exact)"]


def test_a_module_has_what_its_methods_say():
    class Partly(nn.Module):
        def prior(self): ...
        def posterior(self, x): ...

    assert missing(Partly(), caps.Variational) == ["observation_model(z)"]


def test_bind_gives_the_view_only_where_there_is_a_condition():
    y = torch.arange(3)
    model = Everything()
    assert bind(model, y) == ("view", y)
    assert bind(model, None) is model
    plain = object()
    assert bind(plain, y) is plain
