"""Models that are in memory: what they claim against what they compress to."""

import math
from itertools import count

import pytest
import torch

from genbench.certify.coding import compress_model
from genbench.core.estimate import NotApplicableError
from genbench.core.seeding import seeded
from genbench.inference.bounds import elbo_terms
from genbench.models.densities import IndependentBernoulli, IndependentGaussian
from tests.certify.coding.test_coder import SHAPE, binary, tiny_vae

X = binary(700)


class OwnVae:
    """A model of a user's: no module of torch's, flat images, its own classes."""

    def __init__(self):
        self._model = tiny_vae().double()

    def prior(self):
        return torch.distributions.Normal(torch.zeros(2).double(), torch.ones(2).double())

    def posterior(self, x):
        q = self._model.posterior(x.double()).base_dist
        return torch.distributions.Normal(q.loc, q.scale)

    def observation_model(self, z):
        logits = self._model.decoder(z).flatten(-3)
        return torch.distributions.Bernoulli(logits=logits)


def test_a_module_and_a_users_own_class_are_certified_alike():
    (_, theirs), (came_back, ours) = compress_model(OwnVae(), X), compress_model(tiny_vae(), X)
    assert came_back.verdict == ours.verdict == theirs.verdict == "pass"
    assert ours.subject == "model: bound on log p(x)"
    assert ours.found == theirs.found


class OwnPixels:
    """A model of a user's: a pixel repeats the one before it with probability 0.9."""

    class Images:
        def __init__(self):
            self.last = torch.full((1, 1, 1, 1), 0.5, dtype=torch.float64)

        def next(self):
            return torch.distributions.Bernoulli(0.1 + 0.8 * self.last)

        def put(self, x):
            self.last = x

    def pixel_by_pixel(self, n):
        assert n == 1
        return self.Images()

    def log_prob(self, x):
        flat = x.flatten(1).double()
        kept = (flat[:, 1:] == flat[:, :-1]).sum(dim=1)
        return math.log(0.5) + kept * math.log(0.9) + (15 - kept) * math.log(0.1)


def test_pixels_of_a_users_own_class_are_coded_one_given_the_other():
    x = (torch.rand(300, 16, generator=torch.Generator().manual_seed(0)) < 0.1).cumsum(1) % 2
    x = x.reshape(300, *SHAPE).float()
    came_back, length = compress_model(OwnPixels(), x)
    assert came_back.verdict == length.verdict == "pass"
    assert length.subject == "model: log p(x)"
    assert length.found < 10  # of 16 independent bits
    claim = torch.full((len(x),), -7 * math.log(2))
    assert compress_model(OwnPixels(), x, claim=claim)[1].verdict == "fail"


def test_a_reconstruction_that_is_called_a_likelihood_fails():
    model = tiny_vae()
    with torch.no_grad(), seeded(0, "claim"):
        terms = elbo_terms(model, X, 10)
    verdict = compress_model(model, X, claim=terms.log_px_given_z, name="mine")[1]
    assert (verdict.subject, verdict.verdict) == ("mine: bound on log p(x)", "fail")
    assert "promises more than the model keeps" in verdict.reason


def test_a_mean_over_pixels_fails():
    model = IndependentBernoulli(SHAPE)
    model.fit(X)
    claim = model.log_prob(X)
    assert [v.verdict for v in compress_model(model, X, claim=claim)] == ["pass", "pass"]
    assert compress_model(model, X, claim=claim / 16)[1].verdict == "fail"


def test_a_model_that_changes_between_calls_is_not_decoded():
    calls = count()

    class Restless(IndependentBernoulli):
        def distribution(self):
            self.mean += 0.001 * next(calls)
            return super().distribution()

    came_back, _ = compress_model(Restless(SHAPE), X, claim=torch.full((700,), -16.0).double())
    assert came_back.verdict == "fail"


def test_the_mode_of_the_model_is_left_alone():
    model = tiny_vae().train()
    compress_model(model, X)
    assert model.training


def test_a_density_is_refused():
    with pytest.raises(NotApplicableError, match="density"):
        compress_model(IndependentGaussian(SHAPE), X)
