"""The importance-weighted objective and its two gradients, against enumeration and theory."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal

from genbench.core.objective import Batch
from genbench.core.seeding import Stream, seeded
from genbench.inference import bounds
from genbench.models.vae import Vae
from genbench.objectives.elbo import NegativeElbo
from genbench.objectives.importance import NegativeIwBound
from genbench.recipes import DataFacts, recipes
from genbench.training.config import TrainConfig
from tests.inference.exact_models import WrongPosterior, correlated_data, fitted

X = correlated_data()
MODEL = WrongPosterior(fitted(X))


def batch(x=X):
    return Batch(x, torch.zeros(len(x)))


def value_of(objective, model=MODEL, x=X, seed=0):
    with seeded(seed, "z"):
        return objective(model, batch(x)).value


def small_vae(seed=0):
    facts = DataFacts((1, 2, 3), 2, torch.full((1, 2, 3), 0.4))
    known = recipes["vae"].options(hidden=(5,), latent_dim=2, activation="tanh")
    with seeded(seed, "init"):
        model = recipes["vae"].build(facts, known, TrainConfig()).model
    assert isinstance(model, Vae)
    return model.double()


def pictures(n):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(n, 1, 2, 3, generator=generator).round().double()


@pytest.mark.parametrize("doubly", [False, True])
@pytest.mark.parametrize("k", [1, 2, 7])
def test_value_is_minus_the_log_of_the_mean_weight(k, doubly):
    with seeded(0, "z"):
        q = bounds.posterior_of(MODEL, X)
        z = bounds.draw(q, k)
    log_w = bounds.log_weights(MODEL, X, z, q)
    expected = -log_w.exp().mean(dim=0).log().mean()
    objective = NegativeIwBound(k, doubly_reparameterised=doubly)
    with torch.no_grad():
        assert value_of(objective).item() == pytest.approx(expected.item(), rel=1e-12)


def test_value_is_exact_for_any_k_under_the_true_posterior():
    model = fitted(X)
    exact = -model.log_prob(X).mean().item()
    for k in (1, 5):
        assert value_of(NegativeIwBound(k), model).item() == pytest.approx(exact, rel=1e-13)


def test_evaluation_and_training_share_one_bound():
    """The validation loss of K draws has the evaluator's expectation, never a surrogate's."""
    k, repeats = 3, 400
    losses = torch.stack([value_of(NegativeIwBound(k), seed=i) for i in range(repeats)])
    stream = Stream(0, ("bound",))
    x = X.repeat(4, 1, 1, 1) if X.ndim == 4 else X.repeat(4, 1)
    bound = bounds.iw_log_likelihood(MODEL, x, k, k, stream)
    error = math.hypot(
        losses.std().item() / math.sqrt(repeats), bound.std().item() / math.sqrt(len(bound))
    )
    assert abs(losses.mean().item() + bound.mean().item()) < 4 * error


class Movable:
    """A linear-Gaussian model whose posterior has two numbers to learn; at zero it is the truth."""

    def __init__(self, shift=0.0, stretch=0.0):
        self.model = fitted(X)
        self.shift = torch.tensor(shift, dtype=torch.float64, requires_grad=True)
        self.stretch = torch.tensor(stretch, dtype=torch.float64, requires_grad=True)
        self.prior, self.observation_model = self.model.prior, self.model.observation_model

    def posterior(self, x):
        q = self.model.posterior(x).base_dist
        return Independent(Normal(q.loc + self.shift, q.scale * self.stretch.exp()), 1)

    def gradients(self, objective, repeats):
        """Return the gradient of each repeated datum, (repeats, 2): rows are independent."""
        x = X[:1].expand(repeats, *X.shape[1:])
        rows = []
        for seed, part in enumerate(x.split(200)):
            value = value_of(objective, self, part, seed)
            rows.append(torch.stack(torch.autograd.grad(value, (self.shift, self.stretch))))
        return torch.stack(rows)


@pytest.mark.parametrize("k", [1, 2, 8])
def test_both_gradients_agree_in_the_mean(k):
    model = Movable(0.3, 0.4)
    plain = model.gradients(NegativeIwBound(k), 20_000)
    doubly = model.gradients(NegativeIwBound(k, doubly_reparameterised=True), 20_000)
    difference = plain - doubly  # the same draws in both
    error = difference.std(dim=0) / math.sqrt(len(difference))
    assert (difference.mean(dim=0).abs() < 4 * error).all()
    assert (doubly.mean(dim=0).abs() > 8 * error).any()  # a mean that is not nothing


def test_the_doubly_reparameterised_gradient_has_no_noise_at_the_true_posterior():
    model, k = Movable(), 4
    doubly = model.gradients(NegativeIwBound(k, doubly_reparameterised=True), 2_000)
    assert doubly.abs().max() < 1e-12
    assert model.gradients(NegativeIwBound(k), 2_000).std() > 1e-3


def test_the_doubly_reparameterised_gradient_of_the_decoder_is_the_plain_one():
    model, x = small_vae(), pictures(3)
    gradients = []
    for doubly in (False, True):
        model.zero_grad()
        value_of(NegativeIwBound(4, doubly_reparameterised=doubly), model, x).backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.decoder.parameters()]))
    assert torch.allclose(*gradients, rtol=1e-12, atol=1e-14)


def test_one_draw_has_the_gradient_of_the_negative_elbo_in_the_mean():
    model = Movable(0.3, 0.4)
    sampled = model.gradients(NegativeIwBound(1), 20_000)
    closed = model.gradients(NegativeElbo(), 20_000)
    difference = sampled - closed
    error = difference.std(dim=0) / math.sqrt(len(difference))
    assert (difference.mean(dim=0).abs() < 4 * error).all()


def test_weights_are_of_log_w_and_the_best_sample_counts_most():
    """The gradient is a mean of the gradients of log w, weighted by the normalised weights."""
    model, x = small_vae(), pictures(1)
    with seeded(0, "z"):
        q = bounds.posterior_of(model, x)
        z = bounds.draw(q, 3)
    log_w = bounds.log_weights(model, x, z, q)
    share = log_w.detach().softmax(dim=0)
    expected = torch.autograd.grad((share * log_w).sum(), list(model.decoder.parameters()))
    model.zero_grad()
    (-value_of(NegativeIwBound(3), model, x)).backward()
    for parameter, gradient in zip(model.decoder.parameters(), expected, strict=True):
        assert torch.allclose(parameter.grad, gradient, rtol=1e-10, atol=1e-14)


def test_a_posterior_without_reparameterisation_is_refused():
    class Scored:
        def __getattr__(self, name):
            return getattr(MODEL, name)

        def prior(self):
            return MODEL.prior()

        def observation_model(self, z):
            return MODEL.observation_model(z)

        def posterior(self, x):
            q = MODEL.posterior(x)
            q.base_dist.has_rsample = False
            return q

    with pytest.raises(ValueError, match="reparameterised posterior"):
        value_of(NegativeIwBound(2, doubly_reparameterised=True), Scored())
