"""Compare the standard models on images of your own, and a model of your own with them."""

import numpy as np
from torch import Tensor
from torch.distributions import Independent, Normal

import genbench

rng = np.random.default_rng(0)
brightness = rng.uniform(0.2, 0.8, size=(300, 1, 1))
images = rng.binomial(255, np.broadcast_to(brightness, (300, 12, 12)))
np.savez("shots.npz", images=images.astype(np.uint8))  # your images: N,H,W or N,H,W,3

frame = genbench.run(
    data="shots.npz",
    models=("vae", "independent_pixels"),
    settings={"train.epochs": 5},  # left out, epochs follow from the images
    seeds=1,
    report=False,
)
assert set(frame["model"]) == {"vae", "independent_pixels"}


class IndependentGaussians:
    """A model of your own: one Gaussian per pixel, fitted to training images."""

    def __init__(self, x: Tensor) -> None:
        self.pixels = Independent(Normal(x.mean(dim=0), x.std(dim=0) + 0.05), 3)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), (B,) in nats."""
        return self.pixels.log_prob(x)

    def sample(self, n: int) -> Tensor:
        """Return n images."""
        return self.pixels.sample((n,))


data = genbench.load_data("shots.npz", dequantisation="uniform")  # densities need continuous pixels
frame = genbench.evaluate(
    IndependentGaussians(data.train.x),
    "shots.npz",
    dequantisation="uniform",
    evaluators=("log_likelihood", "bits_per_dim", "mmd2", "elbo"),
)
print(frame)
status = frame.set_index("metric")["status"]
assert status["log_likelihood"] == status["bits_per_dim"] == status["mmd2"] == "ok"
assert status["elbo"] == "not_applicable"  # it has no latent, and says so
