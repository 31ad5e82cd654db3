"""Models and calls that the evaluation tests share."""

import torch
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal

from genbench.core.capabilities import missing
from genbench.core.seeding import Stream, seeded
from genbench.evaluation.runner import evaluate_model, make_task
from genbench.evaluation.spec import Context
from genbench.evaluation.spec import evaluators
from genbench.models.gan import Gan
from genbench.nets.mlp import MlpDecoder, MlpEncoder
from tests.inference.exact_models import (
    N_PIXELS,
    SHAPE,
    WrongPosterior,
    correlated_data,
    fitted,
    randn,
)

N = 501
"""Two whole blocks of data and a last one of a single datum."""

X = correlated_data(N)
LINEAR = fitted(X)
N_LEVELS = 256


class Everything(WrongPosterior):
    """The linear-Gaussian model with a wrong posterior and all the other methods."""

    def __init__(self, model=LINEAR, shift=0.3, widen=1.5):
        super().__init__(model, shift, widen)

    def log_prob(self, x):
        return self.model.log_prob(x)

    def encode(self, x):
        return self.posterior(x).mean

    def decode(self, z):
        return self.observation_model(z).mean

    def sample(self, n):
        return self.model.sample(n)


def small_gan():
    with seeded(0, "init"):
        generator = MlpDecoder(2, (4,), SHAPE, "tanh")
        return Gan(generator, MlpEncoder(N_PIXELS, (4,), "tanh"), 4, 2).double()


def candidates():
    """Models, the first of which has what most evaluators need."""
    return [Everything(), small_gan()]


def model_for(name):
    """Return a model that has a capability which the evaluator asks for."""
    for model in candidates():
        if any(not missing(model, need) for need in evaluators[name].needs):
            return model
    raise AssertionError(f"no model of the tests has what '{name}' needs: add one")


def outcome(model, name, x=X, y=None, seed=0, **options):
    """Evaluate one evaluator alone."""
    return outcomes(model, [name], x, y, seed, {name: options})[0]


def outcomes(model, names, x=X, y=None, seed=0, options=None):
    tasks = [make_task(name, (options or {}).get(name)) for name in names]
    return evaluate_model(x, y, tasks, Context(model, Stream(seed, ("test",)), n_levels=N_LEVELS))


def only(found):
    """Return the single row of an outcome."""
    assert len(found.rows) == 1
    return found.rows[0]


class UserVae(nn.Module):
    """A Bernoulli VAE as a user writes one: no base class of ours, no Independent, flat or not."""

    def __init__(self, event=(784,), latent_dim=3):
        super().__init__()
        self.event, self.latent_dim = torch.Size(event), latent_dim
        with seeded(0, "init"):
            self.encoder = nn.Linear(self.event.numel(), 2 * latent_dim)
            self.decoder = nn.Linear(latent_dim, self.event.numel())
            self.dropout = nn.Dropout(0.5)

    def prior(self):
        zeros = torch.zeros(self.latent_dim, dtype=self.encoder.weight.dtype)
        return Normal(zeros, torch.ones_like(zeros))

    def observation_model(self, z):
        logits = self.decoder(self.dropout(z)).reshape(*z.shape[:-1], *self.event)
        return Bernoulli(logits=logits)

    def posterior(self, x):
        loc, raw = self.encoder(x.flatten(1)).chunk(2, dim=-1)
        return Normal(loc, nn.functional.softplus(raw))


class PlainVae:
    """The same without torch's Module: tensors and three methods."""

    def __init__(self, event=(784,), latent_dim=3):
        n = torch.Size(event).numel()
        self.event, self.latent_dim = event, latent_dim
        self.W = 0.3 * randn(latent_dim, n, seed=1)
        self.V = 0.1 * randn(n, latent_dim, seed=2)

    def prior(self):
        return Normal(torch.zeros(self.latent_dim).double(), 1.0)

    def observation_model(self, z):
        logits = (z @ self.W).reshape(*z.shape[:-1], *self.event)
        return Independent(Bernoulli(logits=logits), len(self.event))

    def posterior(self, x):
        return Normal(x.flatten(1) @ self.V, 0.8)


class Labelled:
    """A conditional model: the mean of the picture depends on the label."""

    def given(self, y):
        return LabelledGiven(y)


class LabelledGiven:
    def __init__(self, y):
        self.shift = y.double().reshape(-1, 1)

    def prior(self):
        return Normal(torch.zeros(2).double(), 1.0)

    def posterior(self, x):
        return Normal(torch.zeros(len(x), 2).double(), 1.0)

    def observation_model(self, z):
        """p(x|z, y) = N(y, 1) for each of three pixels, whatever z."""
        mean = self.shift.expand(*z.shape[:-1], 3)
        return Normal(mean, 1.0)
