"""Linear-Gaussian models for studies: chosen, not fitted, with an adjustable posterior."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from genbench.core.seeding import Stream
from genbench.models.latent_variable import LatentVariableModel
from genbench.models.linear_gaussian import LinearGaussian


def chosen_linear_gaussian(
    latent_dim: int, n_pixels: int, s2: float, stream: Stream
) -> LinearGaussian:
    """Return x = W z + noise, for W with random orthonormal columns and noise of variance s2.

    W^T W = I is diagonal, so the model's diagonal posterior is the true one.
    """
    model = LinearGaussian(latent_dim, (1, 1, n_pixels))
    drawn = torch.randn(n_pixels, latent_dim, generator=stream.generator(), dtype=torch.float64)
    model.W.copy_(torch.linalg.qr(drawn).Q)
    model.s2.fill_(s2)
    return model


def draw_data(model: LinearGaussian, n: int, stream: Stream) -> Tensor:
    """Return n data (n, C, H, W) drawn from the model."""
    with stream.seeded():
        z = model.prior().sample(torch.Size((n,)))
        return model.observation_model(z).sample()


class CubatureNormal(Normal):
    """A diagonal Gaussian over D dimensions with the 2 D points +-sqrt(D) e_i as its draws.

    They average any polynomial of degree three or less exactly, so bounds of linear-Gaussian models
    have no sampling error.

    References:
        Arasaratnam and Haykin 2009, section 4.
    """

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        """Return the 2 D points for each datum, (2 D, B, D)."""
        n_dims = self.loc.shape[-1]
        if tuple(sample_shape) != (2 * n_dims,):
            raise ValueError(f"the cubature rule in {n_dims} dimensions needs {2 * n_dims} draws")
        axes = math.sqrt(n_dims) * torch.eye(n_dims, dtype=self.loc.dtype)
        return self.loc + self.scale * torch.cat((axes, -axes)).unsqueeze(1)


class MovedPosterior(LatentVariableModel):
    """A linear-Gaussian model with a shifted and stretched true posterior as q(z given x).

    q = N(mean + shift s, (stretch s)^2) with the mean and scale s of the true posterior. Its KL to
    the true posterior is D (stretch^2 + shift^2 - 1 - 2 log stretch) / 2 for every datum.

    Args:
        base: The model.
        shift: In scales of the true posterior, the same in every dimension.
        stretch: Factor on its scale.
        cubature: Whether ``rsample`` returns cubature points instead of random draws.
    """

    def __init__(
        self, base: LinearGaussian, shift: float, stretch: float, *, cubature: bool = False
    ) -> None:
        self.base, self.shift, self.stretch = base, shift, stretch
        self.family = CubatureNormal if cubature else Normal
        self.latent_prior = base.latent_prior

    def observation_model(self, z: Tensor) -> Distribution:
        """Return p(x given z), event (C, H, W)."""
        return self.base.observation_model(z)

    def posterior(self, x: Tensor) -> Distribution:
        """Return q(z given x): batch (B,), event (D,)."""
        true = self.base.posterior(x)
        scale = true.stddev
        q = self.family(true.mean + self.shift * scale, self.stretch * scale, validate_args=False)
        return Independent(q, 1, validate_args=False)
