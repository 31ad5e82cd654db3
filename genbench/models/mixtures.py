"""Gaussian mixtures: a fit by expectation maximisation, and a density of images."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from genbench.core.fitting import fit_repeatably
from genbench.models.densities import floor_caution
from genbench.models.fitted import FittedModule

Covariance = Literal["diag", "tied", "full"]


def fit_mixture(
    data: Tensor, n_components: int, covariance: Covariance, floor: float, seed: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Fit a Gaussian mixture to ``data`` (N, D) in float64 by expectation maximisation.

    One component has a closed form. ``floor`` is added to each variance. The fit stops when the
    gain falls below 0.001 nats per datum, or after 200 steps; either way the result is a density.

    Raises:
        ValueError: Fewer data than components.

    Returns:
        Weights (M,), means (M, D) and covariances: (M, D) for ``diag``, (1, D, D) for ``tied``,
        (M, D, D) for ``full``; float64, on the CPU.

    References:
        Dempster, Laird, Rubin 1977.
    """
    from sklearn.mixture import GaussianMixture

    if len(data) < n_components:
        raise ValueError(f"{len(data)} images are too few for {n_components} components")
    mixture = GaussianMixture(
        n_components, covariance_type=covariance, reg_covar=floor, max_iter=200, random_state=seed
    )
    fit_repeatably(mixture, data.double())
    parameters = (mixture.weights_, mixture.means_, mixture.covariances_)
    weights, means, covariances = (torch.as_tensor(p, dtype=torch.float64) for p in parameters)
    return weights, means, covariances[None] if covariance == "tied" else covariances


class MixtureDensity(FittedModule):
    """p(x) = sum_m w_m N(x; mu_m, S_m) over images, fitted to training data; exact, in float64."""

    def __init__(
        self,
        n_components: int,
        image_shape: Sequence[int],
        covariance: Covariance = "diag",
        floor: float = 1e-5,
        n_fit: int = 20_000,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.covariance, self.floor, self.n_fit, self.seed = covariance, floor, n_fit, seed
        d = math.prod(image_shape)
        unit = torch.ones(d) if covariance == "diag" else torch.eye(d)
        n_scales = 1 if covariance == "tied" else n_components
        uniform = torch.full((n_components,), 1 / n_components, dtype=torch.float64)
        self.weights = nn.Buffer(uniform)
        self.means = nn.Buffer(torch.zeros(n_components, d, dtype=torch.float64))
        self.scales = nn.Buffer(unit.double().repeat(n_scales, *[1] * unit.ndim))

    def fit(self, x: Tensor) -> None:
        """Fit to images x (N, C, H, W), or to ``n_fit`` evenly spaced ones if N is larger."""
        flat = x.flatten(1)[spread(len(x), self.n_fit).to(x.device)]
        weights, means, covariances = fit_mixture(
            flat, len(self.weights), self.covariance, self.floor, self.seed
        )
        diagonal = self.covariance == "diag"
        scales = covariances.sqrt() if diagonal else torch.linalg.cholesky(covariances)
        self.put(weights=weights, means=means, scales=scales)

    def caution(self) -> str:
        """Say how many pixels have little more than the floor's variance in every component."""
        diagonal = self.scales.ndim == 2
        scales = self.scales if diagonal else self.scales.square().sum(dim=-1).sqrt()
        return floor_caution(scales.amax(dim=0), self.floor**0.5, slack=0.4)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the exact log p(x), (B,) in nats, float64."""
        flat = x.flatten(1).double()
        logs = [w.log() + self._component(flat, m) for m, w in enumerate(self.weights)]
        return torch.stack(logs).logsumexp(dim=0)

    def sample(self, n: int) -> Tensor:
        """Return n draws from p(x), not clipped to (0, 1)."""
        chosen = torch.multinomial(self.weights, n, replacement=True)
        flat = torch.randn(n, self.means.shape[1], dtype=torch.float64, device=chosen.device)
        for m, mean in enumerate(self.means):
            rows = (chosen == m).nonzero().squeeze(1)
            scale = self._scale(m)
            noise = flat[rows]
            flat[rows] = mean + (noise * scale if scale.ndim == 1 else noise @ scale.T)
        return flat.reshape(n, *self.image_shape)

    def _component(self, flat: Tensor, m: int) -> Tensor:
        """Return log N(x; mu_m, S_m), (B,)."""
        scale, centred = self._scale(m), flat - self.means[m]
        if scale.ndim == 1:
            white, log_det = centred / scale, scale.log().sum()
        else:
            white = torch.linalg.solve_triangular(scale, centred.T, upper=False).T
            log_det = scale.diagonal().log().sum()
        constant = flat.shape[1] * math.log(2 * math.pi)
        return -0.5 * (white.square().sum(dim=1) + constant) - log_det

    def _scale(self, m: int) -> Tensor:
        """Return the standard deviations (D,) or the lower factor (D, D) of component m."""
        return self.scales[0 if self.covariance == "tied" else m]


def spread(n_available: int, n: int) -> Tensor:
    """Return up to n indices below ``n_available``, evenly spaced and the same each time.

    Example:
        >>> spread(9, 3)
        tensor([0, 4, 8])
    """
    n = min(n, n_available)
    return torch.linspace(0, n_available - 1, n, dtype=torch.float64).round().long()
