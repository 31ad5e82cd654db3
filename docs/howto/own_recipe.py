"""Register a recipe, write a suite around it, and run both beside a control."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent, Normal

import genbench
from genbench.objectives.elbo import NegativeElbo
from genbench.recipes import Built, DataFacts, Options
from genbench.training.config import TrainConfig
from genbench.training.update import Update


class MyVae(nn.Module):
    """A VAE for images of any size."""

    def __init__(self, image_shape: tuple[int, int, int], latent_dim: int) -> None:
        super().__init__()
        n_pixels = torch.Size(image_shape).numel()
        self.image_shape = image_shape
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(n_pixels, 2 * latent_dim))
        self.decoder = nn.Linear(latent_dim, n_pixels)
        self.register_buffer("zeros", torch.zeros(latent_dim))

    def prior(self) -> Independent:
        return Independent(Normal(self.zeros, torch.ones_like(self.zeros)), 1)

    def posterior(self, x: Tensor) -> Independent:
        loc, log_scale = self.encoder(x).chunk(2, dim=-1)
        return Independent(Normal(loc, log_scale.exp()), 1)

    def observation_model(self, z: Tensor) -> Independent:
        return Independent(Bernoulli(logits=self.decoder(z).unflatten(-1, self.image_shape)), 3)


class MyOptions(Options):
    """What a suite file may set."""

    latent_dim: int = 16


@genbench.recipe("my_vae")
def my_vae(data: DataFacts, options: MyOptions, train: TrainConfig) -> Built:
    """My VAE, in one line for the tables."""
    model = MyVae(data.image_shape, options.latent_dim)
    return Built(model, (Update("my_vae", list(model.parameters()), NegativeElbo()),))


Path("my_suite.toml").write_text(
    """
seeds = [0, 1]
data = { name = "digits", binarisation = "dynamic", limit = 200 }
train = { epochs = 5 }

[[model]]
recipe = "my_vae"
latent_dim = 8

[[model]]
recipe = "independent_pixels"
"""
)
frame = genbench.run("my_suite.toml", report=False)
print(genbench.table("my_suite"))
assert set(frame["model"]) == {"my_vae", "independent_pixels"}
