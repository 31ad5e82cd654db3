"""Evaluate a density on images of your own: grey levels, dequantised once with a fixed seed."""

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Independent, Normal

import genbench


class IndependentPixels:
    """The simplest density there is: one Gaussian per pixel, fitted to training images."""

    def __init__(self, x: Tensor) -> None:
        self.pixels = Independent(Normal(x.mean(dim=0), x.std(dim=0) + 0.05), 3)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), (B,) in nats."""
        return self.pixels.log_prob(x)

    def sample(self, n: int) -> Tensor:
        """Return n images."""
        return self.pixels.sample((n,))


rng = np.random.default_rng(0)
levels = rng.binomial(255, 0.3, size=(300, 1, 12, 12))  # your uint8 images, (N, C, H, W)
images = torch.from_numpy((levels + rng.random(levels.shape)) / 256).float()
train, test = images[:200], images[200:]

frame = genbench.evaluate(
    IndependentPixels(train),
    test,
    evaluators=("log_likelihood", "bits_per_dim", "mmd2", "elbo"),
    options={"bits_per_dim": {"n_levels": 256}, "mmd2": {"bandwidth": 3.0}},
)
print(frame)
status = frame.set_index("metric")["status"]
assert status["log_likelihood"] == status["bits_per_dim"] == status["mmd2"] == "ok"
assert status["elbo"] == "not_applicable"  # it has no latent, and says so
