"""A linear VAE whose best factorised posterior is not the true one, everything known exactly."""

import torch
from torch.distributions import Independent, Normal

from tests.draws import randn
from tests.evaluation.helpers import LINEAR
from tests.inference.exact_models import SHAPE


class LinearVae:
    """p(x|z) = N(W z + mean, s2 I) with rotated W; q(z|x) is the best factorised one, or off.

    ``shift`` and ``widen`` are in units of the best posterior's standard deviations. References:
    Lucas et al. 2019.
    """

    def __init__(self, shift=0.0, widen=1.0, seed=0):
        rotation, _ = torch.linalg.qr(randn(3, 3, seed=seed))
        self.W, self.s2, self.mean = LINEAR.W @ rotation, LINEAR.s2, LINEAR.mean
        self.M = self.W.T @ self.W + self.s2 * torch.eye(3, dtype=torch.float64)
        self.V = torch.linalg.solve(self.M, self.W.T)
        self.best_scale = (self.s2 / self.M.diagonal()).sqrt()
        self.shift, self.widen = shift, widen

    def prior(self):
        return Independent(Normal(torch.zeros(3, dtype=torch.float64), 1.0), 1)

    def observation_model(self, z):
        mean = (z @ self.W.T + self.mean).reshape(*z.shape[:-1], *SHAPE)
        return Independent(Normal(mean, self.s2.sqrt()), 3)

    def posterior(self, x):
        loc = (x.flatten(1) - self.mean) @ self.V.T + self.shift * self.best_scale
        return Independent(Normal(loc, self.best_scale * self.widen), 1)

    def draw(self, n, seed=0):
        """Data (n, 1, 3, 4) from p(x)."""
        noise = self.s2.sqrt() * randn(n, 12, seed=seed + 1)
        return (randn(n, 3, seed=seed) @ self.W.T + self.mean + noise).reshape(n, *SHAPE)

    def aggregate_covariance(self):
        """Covariance of q(z) over p(x)."""
        C = self.W @ self.W.T + self.s2 * torch.eye(12, dtype=torch.float64)
        return self.V @ C @ self.V.T + torch.diag((self.widen * self.best_scale).square())

    def approximation_gap(self):
        """1/2 (sum ln M_ii - ln |M|): KL of the best factorised q to the true posterior."""
        return float(0.5 * (self.M.diagonal().log().sum() - torch.logdet(self.M)))

    def amortisation_gap(self):
        """KL(q || p(z|x)) less that of the best q, from the formula for two Gaussians."""
        offset = self.shift * self.best_scale
        quadratic = offset @ self.M @ offset / self.s2
        d = torch.tensor(self.widen, dtype=torch.float64)
        return float(0.5 * (quadratic + 3 * (d**2 - 1)) - 3 * d.log())


class WithDensity(LinearVae):
    """The same, with its exact log p(x): a rotation of z does not change it."""

    def log_prob(self, x):
        return LINEAR.log_prob(x)
