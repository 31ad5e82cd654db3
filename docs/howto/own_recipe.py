"""A recipe of your own; run as a script, the file checks the model before anything is trained."""

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent, Normal

import genbench
from genbench.objectives.elbo import NegativeElbo
from genbench.recipes import Built, DataFacts, TrainConfig, Update


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


class MyOptions(genbench.Options):
    """What a suite file may set."""

    latent_dim: int = 16


@genbench.recipe("my_vae")
def my_vae(data: DataFacts, options: MyOptions, train: TrainConfig) -> Built:
    """My VAE, in one line for the tables."""
    model = MyVae(data.image_shape, options.latent_dim)
    return Built(model, (Update("my_vae", list(model.parameters()), NegativeElbo()),))


if __name__ == "__main__":
    data = genbench.load_data("digits", binarisation="dynamic", limit=100)
    built = my_vae(data.facts, MyOptions(), TrainConfig())
    checks = genbench.check_model(built.model, data.test.x)
    print(checks)
    assert "fail" not in set(checks["verdict"])
