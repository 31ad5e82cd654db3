"""The negative ELBO and its weight on the KL."""

import math

import pytest
import torch

from genbench.core.objective import Batch
from genbench.core.seeding import seeded
from genbench.inference import bounds
from genbench.objectives.elbo import NegativeElbo
from tests.inference.exact_models import DiscreteVae, WrongPosterior, correlated_data, fitted

X = correlated_data()
MODEL = WrongPosterior(fitted(X))


def loss_of(objective, epoch=0.0, model=MODEL):
    with seeded(0, "z"):
        return objective(model, Batch(X, torch.zeros(len(X)), epoch))


def terms():
    with seeded(0, "z"):
        return bounds.elbo_terms(MODEL, X)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 4.0])
def test_beta_weighs_the_kl_and_nothing_else(beta):
    exact = terms()
    expected = (-exact.log_px_given_z + beta * exact.kl).mean()
    assert loss_of(NegativeElbo(beta)).value.item() == pytest.approx(expected.item(), rel=1e-14)


def test_the_loss_is_a_sum_over_pixels_and_a_mean_over_data():
    value = loss_of(NegativeElbo()).value
    gap = MODEL.gap()
    per_datum = MODEL.model.log_prob(X) - gap
    spread = 4 * float(terms().elbo.std()) / math.sqrt(len(X))
    assert abs(-value.item() - per_datum.mean().item()) < spread


@pytest.mark.parametrize("beta", [0.0, 4.0])
def test_the_logged_elbo_does_not_know_beta(beta):
    logged = loss_of(NegativeElbo(beta)).logged
    exact = terms()
    assert logged["elbo"].item() == pytest.approx(exact.elbo.mean().item(), rel=1e-13)
    assert logged["kl"].item() == pytest.approx(exact.kl.mean().item(), rel=1e-14)
    expected = exact.log_px_given_z.mean().item()
    assert logged["log_px_given_z"].item() == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize(
    ("epoch", "weight"), [(0.0, 0.0), (1.0, 0.25), (3.0, 0.75), (4.0, 1.0), (math.inf, 1.0)]
)
def test_warm_up_raises_the_weight_linearly_and_then_holds_it(epoch, weight):
    exact = terms()
    expected = (-exact.log_px_given_z + 2.0 * weight * exact.kl).mean().item()
    value = loss_of(NegativeElbo(2.0, warmup_epochs=4.0), epoch).value
    assert value.item() == pytest.approx(expected, rel=1e-13)


def test_a_conditional_model_is_bound_to_the_labels_of_the_batch():
    class Conditional:
        def __init__(self):
            self.seen = []

        def given(self, y):
            self.seen.append(y)
            return MODEL

    model, y = Conditional(), torch.arange(len(X))
    with seeded(0, "z"):
        value = NegativeElbo()(model, Batch(X, y)).value
    assert model.seen[0] is y
    assert value.item() == loss_of(NegativeElbo()).value.item()


def test_a_discrete_latent_gives_the_enumerated_loss():
    model, x = DiscreteVae(), DiscreteVae.all_data().repeat(2000, 1)
    with seeded(0, "z"):
        value = NegativeElbo()(model, Batch(x, torch.zeros(len(x)))).value.item()
        spread = float(bounds.elbo_terms(model, x).elbo.std())
    exact = model.exact_bound(DiscreteVae.all_data(), 1).mean().item()
    assert abs(-value - exact) < 4 * spread / math.sqrt(len(x))
