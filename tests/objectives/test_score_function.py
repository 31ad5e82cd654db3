"""Gradients of the ELBO by the score function, against enumeration and quadrature."""

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal

from genbench.core.errors import ConfigError
from genbench.core.objective import Batch
from genbench.core.seeding import seeded
from genbench.objectives.elbo import NegativeElbo
from genbench.objectives.score_function import mean_of_the_others
from tests.inference.exact_models import DiscreteVae

SCORE = ("score_function", "score_function_baseline")
GRADIENTS = ("reparameterised", *SCORE)


class OnePixel(nn.Module):
    """z ~ N(0, 1), x ~ Bernoulli(sigmoid(w z)), q(z given x) = N(m, s^2): one of everything."""

    def __init__(self, m=0.4, s=0.7, w=-1.3):
        super().__init__()
        self.m, self.log_s, self.w = (
            nn.Parameter(torch.tensor([v], dtype=torch.float64)) for v in (m, np.log(s), w)
        )

    def prior(self):
        return Independent(Normal(torch.zeros_like(self.m), 1.0, validate_args=False), 1)

    def posterior(self, x):
        loc = self.m.expand(len(x), 1)
        return Independent(Normal(loc, self.log_s.exp().expand_as(loc), validate_args=False), 1)

    def observation_model(self, z):
        return Independent(Bernoulli(logits=self.w * z, validate_args=False), 1)

    def exact_gradient(self, x, beta):
        """Return the loss's derivatives in m, log s and w, by quadrature and the chain rule."""
        m, s, w = self.m.item(), self.log_s.exp().item(), self.w.item()

        def mean(g):
            return quad(lambda z: norm.pdf(z, m, s) * g(z), m - 12 * s, m + 12 * s)[0]

        def slope(z):  # of log p(x given z) in w z
            return x - 1 / (1 + np.exp(-w * z))

        by_m = mean(lambda z: slope(z) * w) - beta * m
        by_log_s = mean(lambda z: slope(z) * w * (z - m)) - beta * (s**2 - 1)
        return -np.array([by_m, by_log_s, mean(lambda z: slope(z) * z)])


def gradients(objective, model, parameters, x, n=300):
    """Return n gradients of the loss, (n, number of parameters)."""
    batch, draws = Batch(x, torch.zeros(len(x))), []
    with seeded(0, "gradients"):
        for _ in range(n):
            slopes = torch.autograd.grad(objective(model, batch).value, parameters)
            draws.append(torch.cat([slope.flatten() for slope in slopes]))
    return torch.stack(draws).numpy()


def assert_unbiased(draws, exact):
    error = draws.std(axis=0, ddof=1) / np.sqrt(len(draws))
    assert (error > 0).all()
    assert (abs(draws.mean(axis=0) - exact) < 4 * error).all()


@pytest.mark.parametrize("beta", [1.0, 3.0])
@pytest.mark.parametrize("n_samples", [1, 3])
@pytest.mark.parametrize("gradient", GRADIENTS)
def test_the_mean_gradient_of_a_gaussian_posterior_is_the_exact_one(gradient, n_samples, beta):
    model, x = OnePixel(), torch.ones(4, 1, dtype=torch.float64)
    objective = NegativeElbo(beta, n_samples=n_samples, gradient=gradient)
    draws = gradients(objective, model, list(model.parameters()), x)
    assert_unbiased(draws, model.exact_gradient(1.0, beta))


def trainable(model):
    """Return what a discrete model learns, as leaves of a graph."""
    model.prior_logits = model.prior_logits.clone().requires_grad_()
    model.pixel_logits = model.pixel_logits.clone().requires_grad_()
    return model.prior_logits, model.pixel_logits


@pytest.mark.parametrize("n_samples", [1, 3])
@pytest.mark.parametrize("gradient", SCORE)
def test_the_mean_gradient_of_a_discrete_latent_is_that_of_the_enumerated_elbo(gradient, n_samples):
    model, x = DiscreteVae(), DiscreteVae.all_data()[5:9]
    parameters = trainable(model)
    exact = torch.autograd.grad(-model.exact_bound(x, 1).mean(), parameters)
    draws = gradients(NegativeElbo(n_samples=n_samples, gradient=gradient), model, parameters, x)
    assert_unbiased(draws, torch.cat([slope.flatten() for slope in exact]).numpy())


@pytest.mark.parametrize("gradient", SCORE)
@pytest.mark.parametrize("n_samples", [1, 4])
def test_the_value_and_what_is_logged_do_not_depend_on_the_gradient(gradient, n_samples):
    model, batch = OnePixel(), Batch(torch.ones(5, 1, dtype=torch.float64), torch.zeros(5), 1.0)
    losses = []
    for kind in ("reparameterised", gradient):
        with seeded(0, "z"):
            losses.append(NegativeElbo(2.0, 3.0, n_samples, kind)(model, batch))
    plain, other = losses
    assert other.value.item() == plain.value.item()
    assert {k: v.item() for k, v in other.logged.items()} == {
        k: v.item() for k, v in plain.logged.items()
    }


@pytest.mark.parametrize("n_samples", [1, 3])
def test_a_constant_in_the_log_density_moves_no_gradient_that_has_a_baseline(n_samples):
    x = DiscreteVae.all_data()[5:9]

    def once(gradient, constant):
        model = DiscreteVae()
        parameters = trainable(model)
        log_qz = model.log_qz(x).detach().clone().requires_grad_()
        model.log_qz = lambda x: log_qz
        # a sixth pixel that is 1 in every datum, of the same small probability for every z
        extra = torch.full((model.n_states, 1), constant, dtype=torch.float64)
        model.pixel_logits = torch.cat((parameters[1], extra), dim=1)
        with seeded(0, "z"):
            batch = Batch(torch.cat((x, torch.ones(4, 1).double()), dim=1), torch.zeros(4))
            loss = NegativeElbo(n_samples=n_samples, gradient=gradient)(model, batch)
        return torch.autograd.grad(loss.value, log_qz)[0]

    low, high = (once("score_function_baseline", c) for c in (-40.0, 40.0))
    assert torch.allclose(low, high, atol=1e-12)
    assert not torch.allclose(*(once("score_function", c) for c in (-40.0, 40.0)), atol=1.0)


def test_the_baseline_is_the_mean_of_the_other_draws_or_else_of_the_other_data():
    values = torch.tensor([[1.0, 10.0], [2.0, 20.0], [6.0, 60.0]])
    expected = torch.tensor([[4.0, 40.0], [3.5, 35.0], [1.5, 15.0]])
    assert torch.equal(mean_of_the_others(values), expected)
    assert torch.equal(mean_of_the_others(values[:1]), torch.tensor([[10.0, 1.0]]))
    assert torch.equal(mean_of_the_others(values[:1, :1]), torch.zeros(1, 1))


def test_an_unknown_gradient_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="gradient: did you mean 'score_function'"):
        NegativeElbo(gradient="score_funktion")
