"""The wrapper of the how-to means what pythae means, and needs pythae for nothing but loading."""

import ast
import math
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.distributions import Bernoulli, Distribution, Independent, Normal, kl_divergence

import genbench
from tests.docs.conftest import DOCS

SCRIPT = DOCS / "howto" / "from_pythae.py"
needs_pythae = pytest.mark.skipif(not find_spec("pythae"), reason="pythae is not installed")


class StandIn(nn.Module):
    """Returns what a VAE of pythae returns, in the shapes that it does."""

    latent_dim = 3

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.code, self.image = nn.Linear(64, 6), nn.Linear(3, 64)

    def encoder(self, x):
        embedding, log_covariance = self.code(x.reshape(-1, 64)).chunk(2, dim=1)
        return SimpleNamespace(embedding=embedding, log_covariance=log_covariance)

    def decoder(self, z):
        pixels = self.image(z).sigmoid()
        return SimpleNamespace(reconstruction=pixels.reshape((z.shape[0], 1, 8, 8)))


def wrapper(vae):
    """The class of the page around a VAE that ``AutoModel`` would load."""
    tree = ast.parse(SCRIPT.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    loader = SimpleNamespace(load_from_folder=lambda folder: vae)
    names = {"AutoModel": loader, "Path": str, "torch": torch, "Tensor": torch.Tensor}
    names |= {"Bernoulli": Bernoulli, "Distribution": Distribution, "Normal": Normal}
    exec(compile(tree, SCRIPT, "exec"), names)
    return names["FromPythae"]("trained")


def test_it_passes_every_check_and_its_decoder_is_folded():
    model = wrapper(StandIn())
    x = torch.ones(5, 1, 8, 8)
    checks = genbench.check_model(model, x)
    assert not (checks["verdict"] == "fail").any()
    rows = genbench.evaluate(model, x, evaluators=["elbo", "iw_log_likelihood"])
    assert (rows["status"] == "ok").all()
    assert rows["reason"].str.contains("one leading dimension").all()


@torch.no_grad()
def test_its_rate_is_the_one_written_by_hand():
    vae, x = StandIn(), torch.rand(40, 1, 8, 8).round()
    code, p = vae.encoder(x), Normal(torch.zeros(3), torch.ones(3))
    q = Normal(code.embedding, (code.log_covariance / 2).exp())
    kl = kl_divergence(q, p).sum(1)
    row = genbench.evaluate(wrapper(vae), x, evaluators="kl").iloc[0]
    assert row["value"] == pytest.approx(float(kl.mean()), rel=1e-6)


@needs_pythae
@torch.no_grad()
@pytest.mark.parametrize("loss", ["bce", "mse"])
def test_the_losses_of_pythae_are_what_the_page_says(loss):
    from pythae.models import VAE, VAEConfig

    config = VAEConfig(input_dim=(1, 8, 8), latent_dim=3, reconstruction_loss=loss)
    vae, x = VAE(config), torch.rand(7, 1, 8, 8)
    x = x.round() if loss == "bce" else x
    model = wrapper(vae)
    q, z = model.posterior(x), torch.randn(7, 3)
    code, image = vae.encoder(x), vae.decoder(z).reconstruction
    _, reconstruction, kl = vae.loss_function(image, x, code.embedding, code.log_covariance, z)
    p, constant = model.observation_model(z), 0.0
    if loss == "mse":
        p, constant = Normal(image, 1.0), 32 * math.log(2 * math.pi)
    log_px_given_z = Independent(p, 3).log_prob(x).mean() + constant
    assert float(-log_px_given_z) == pytest.approx(float(reconstruction), rel=1e-5)
    exact = kl_divergence(q, model.prior()).sum(1).mean()
    assert float(exact) == pytest.approx(float(kl), rel=1e-5)


@needs_pythae
def test_the_default_loss_is_the_one_of_the_page():
    from pythae.models import VAEConfig

    assert VAEConfig(input_dim=(1, 8, 8), latent_dim=3).reconstruction_loss == "mse"
