"""The enumerated ELBO against the exact one, and against its sampled estimate."""

import pytest
import torch
from torch.distributions import Categorical

from genbench.core.objective import Batch
from genbench.core.seeding import seeded
from genbench.inference.bounds import elbo_terms
from genbench.objectives.elbo import NegativeEnumeratedElbo, enumerated_terms
from tests.inference.exact_models import DiscreteVae

MODEL = DiscreteVae()
X = DiscreteVae.all_data()
BATCH = Batch(X, torch.zeros(len(X), dtype=torch.int64))


class Learned(DiscreteVae):
    """The same with a posterior that has parameters of its own."""

    def __init__(self):
        super().__init__()
        self.logits = self.log_qz(X).clone().requires_grad_()

    def posterior(self, x):
        return Categorical(logits=self.logits)


def test_it_is_the_elbo_without_sampling_error():
    terms = enumerated_terms(MODEL, X)
    exact = MODEL.exact_bound(X, 1)
    assert torch.allclose(terms.log_px_given_z - terms.kl, exact, rtol=1e-12)
    value = NegativeEnumeratedElbo()(MODEL, BATCH).value
    assert float(value) == pytest.approx(float(-exact.mean()), rel=1e-12)


def test_the_sampled_estimate_agrees():
    with seeded(0, "z"):
        sampled = elbo_terms(MODEL, X, 4000)
    terms = enumerated_terms(MODEL, X)
    assert torch.allclose(sampled.kl, terms.kl, rtol=1e-10)
    assert torch.allclose(sampled.log_px_given_z, terms.log_px_given_z, atol=0.15)


def test_its_gradient_vanishes_at_the_true_posterior_and_only_there():
    model = Learned()
    objective = NegativeEnumeratedElbo()
    (away,) = torch.autograd.grad(objective(model, BATCH).value, model.logits)
    assert float(away.abs().max()) > 1e-3
    with torch.no_grad():
        model.logits.copy_(model.log_joint(X))
    loss = objective(model, BATCH).value
    (there,) = torch.autograd.grad(loss, model.logits)
    assert float(there.abs().max()) < 1e-15
    assert float(loss.detach()) == pytest.approx(float(-model.log_px(X).mean()), rel=1e-12)


def test_warm_up_weights_the_kl():
    objective = NegativeEnumeratedElbo(warmup_epochs=10)
    terms = enumerated_terms(MODEL, X)
    for epoch, weight in ((0.0, 0.0), (5.0, 0.5), (30.0, 1.0)):
        loss = objective(MODEL, BATCH._replace(epoch=epoch))
        expected = float((-terms.log_px_given_z + weight * terms.kl).mean())
        assert float(loss.value) == pytest.approx(expected, rel=1e-12)
        assert float(loss.logged["elbo"]) == pytest.approx(
            float((terms.log_px_given_z - terms.kl).mean()), rel=1e-12
        )


def test_a_category_that_is_all_but_impossible_gives_no_nan():
    model = Learned()
    with torch.no_grad():
        model.logits.copy_(torch.tensor([0.0, -500, -1e4, -1e30, -3e38]).expand(len(X), 5))
    loss = NegativeEnumeratedElbo()(model, BATCH).value
    (gradient,) = torch.autograd.grad(loss, model.logits)
    assert torch.isfinite(loss)
    assert torch.isfinite(gradient).all()
