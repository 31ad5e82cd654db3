"""Put a VAE that pythae trained in the table of a suite."""

from pathlib import Path

import torch
from pythae.data.datasets import BaseDataset
from pythae.models import VAE, AutoModel, VAEConfig
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import Tensor
from torch.distributions import Bernoulli, Distribution, Normal

import genbench


class FromPythae:
    """A VAE of pythae that was trained with ``reconstruction_loss="bce"``."""

    def __init__(self, folder: str | Path) -> None:
        self.vae = AutoModel.load_from_folder(str(folder))

    def prior(self) -> Distribution:
        return Normal(torch.zeros(self.vae.latent_dim), torch.ones(self.vae.latent_dim))

    def posterior(self, x: Tensor) -> Distribution:
        code = self.vae.encoder(x)
        return Normal(code.embedding, (0.5 * code.log_covariance).exp())

    def observation_model(self, z: Tensor) -> Distribution:
        return Bernoulli(self.vae.decoder(z).reconstruction)


def train(folder: Path) -> None:
    """Train a small VAE and save it, as you did with yours."""
    images = BaseDataset(*genbench.load_data("digits", binarisation="static").train)
    model = VAE(VAEConfig(input_dim=(1, 8, 8), latent_dim=4, reconstruction_loss="bce"))
    budget = BaseTrainerConfig(output_dir=str(folder), num_epochs=5, learning_rate=1e-3)
    BaseTrainer(model, images, training_config=budget).train()


folder = Path("trained")
train(folder)
(checkpoint,) = folder.glob("*/final_model")
model = FromPythae(checkpoint)
test = genbench.load_data("digits", binarisation="dynamic").test
checks = genbench.check_model(model, test.x[:8])
print(checks)
assert not (checks["verdict"] == "fail").any()
print(genbench.evaluate(model, "digits", binarisation="dynamic"))

rows = genbench.add(model, suite="digits", name="pythae_vae", note="pythae 0.1.2, 5 epochs.")
print(genbench.table("digits"))
assert rows.set_index("metric").loc["elbo", "status"] == "ok"
print("page: reports/digits/index.html")
