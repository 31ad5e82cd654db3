"""Models whose every quantity is known exactly, in float64, with nothing but the methods."""

import itertools
import math

import torch
from torch.distributions import Bernoulli, Categorical, Independent, Normal

from genbench.models.linear_gaussian import LinearGaussian
from tests.draws import randn

SHAPE = (1, 3, 4)
N_PIXELS = 12
LATENT_DIM = 3


def correlated_data(n=300, seed=0):
    """Data (n, 1, 3, 4) with a few strong directions and noise."""
    codes = randn(n, LATENT_DIM, seed=seed) * torch.tensor([2.0, 1.0, 0.6], dtype=torch.float64)
    flat = codes @ randn(LATENT_DIM, N_PIXELS, seed=100) + 0.4 * randn(n, N_PIXELS, seed=seed + 1)
    return (flat + 0.5).reshape(n, *SHAPE)


def fitted(x, latent_dim=LATENT_DIM):
    model = LinearGaussian(latent_dim, SHAPE)
    model.fit(x)
    return model


class WrongPosterior:
    """The linear-Gaussian model with its posterior shifted and widened: KL(q || p) is known.

    It has the three methods and nothing more.
    """

    def __init__(self, model, shift=0.3, widen=1.5):
        self.model, self.shift, self.widen = model, shift, widen

    def prior(self):
        return self.model.prior()

    def observation_model(self, z):
        return self.model.observation_model(z)

    def posterior(self, x):
        exact = self.model.posterior(x).base_dist
        return Independent(Normal(exact.loc + self.shift, exact.scale * self.widen), 1)

    def gap(self):
        """KL(q(z|x) || p(z|x)), the same for every x, from the formula for two Gaussians."""
        m = self.model.W.square().sum(dim=0) + self.model.s2
        variance = self.model.s2 / m
        ratio = self.widen**2
        shift = torch.as_tensor(self.shift, dtype=torch.float64)
        terms = 0.5 * (ratio + shift**2 / variance - 1) - math.log(self.widen)
        return float(terms.sum())


class IgnoresLatent:
    """p(x|z) = p(x), and the prior as posterior: every bound equals log p(x)."""

    def __init__(self, mean, latent_dim=2):
        self.mean, self.latent_dim = mean, latent_dim

    def prior(self):
        return Independent(Normal(torch.zeros(self.latent_dim, dtype=torch.float64), 1.0), 1)

    def posterior(self, x):
        return self.prior().expand((len(x),))

    def observation_model(self, z):
        mean = self.mean.expand(*z.shape[:-1], *self.mean.shape)
        return Independent(Normal(mean, 0.7), self.mean.ndim)

    def log_px(self, x):
        return Independent(Normal(self.mean, 0.7), self.mean.ndim).log_prob(x)


class DiscreteVae:
    """z in {0..4}, five Bernoulli pixels, a posterior that is wrong on purpose; all enumerable."""

    n_states, n_pixels = 5, 5

    def __init__(self, seed=0):
        self.prior_logits = randn(self.n_states, seed=seed)
        self.pixel_logits = 1.5 * randn(self.n_states, self.n_pixels, seed=seed + 1)

    def prior(self):
        return Categorical(logits=self.prior_logits)

    def observation_model(self, z):
        return Independent(Bernoulli(logits=self.pixel_logits[z]), 1)

    def posterior(self, x):
        return Categorical(logits=self.log_qz(x))

    def log_qz(self, x):
        """log q(z|x) for every z, (B, 5): the true posterior, flattened by half."""
        return torch.log_softmax(0.5 * self.log_joint(x), dim=1)

    @classmethod
    def all_data(cls):
        """Return every possible x, (32, 5)."""
        bits = list(itertools.product([0.0, 1.0], repeat=cls.n_pixels))
        return torch.tensor(bits, dtype=torch.float64)

    def log_joint(self, x):
        """log p(x, z) for every z, (B, 5), written without the model's own methods."""
        p = torch.sigmoid(self.pixel_logits)  # (states, pixels)
        log_px = x @ p.log().T + (1 - x) @ (1 - p).log().T
        return log_px + torch.log_softmax(self.prior_logits, 0)

    def log_px(self, x):
        return self.log_joint(x).logsumexp(dim=1)

    def exact_bound(self, x, k):
        """E[log 1/K sum w] by enumeration of all 5^K draws: K = 1 is the ELBO."""
        log_q = self.log_qz(x)
        log_w = self.log_joint(x) - log_q
        total = torch.zeros(len(x), dtype=torch.float64)
        for states in itertools.product(range(self.n_states), repeat=k):
            chosen = list(states)
            probability = log_q[:, chosen].sum(dim=1).exp()
            bound = log_w[:, chosen].logsumexp(dim=1) - math.log(k)
            total += probability * bound
        return total

    def relative_variance(self, x):
        """Var(w) / E[w]^2 under q: the bound's error is half of it over K for large K."""
        log_q = self.log_qz(x)
        second = (2 * self.log_joint(x) - log_q).logsumexp(dim=1)
        return (second - 2 * self.log_px(x)).exp() - 1


class Counting:
    """Any model, counting encoder calls and decoded draws."""

    def __init__(self, model):
        self.model = model
        self.encoded, self.decoded = 0, []

    def prior(self):
        return self.model.prior()

    def posterior(self, x):
        self.encoded += 1
        return self.model.posterior(x)

    def observation_model(self, z):
        self.decoded.append(len(z))
        return self.model.observation_model(z)
