"""Models of hidden pixels whose conditional density has a closed form."""

import torch

from genbench.core.seeding import seeded
from genbench.distributions.completion import ImageParts
from genbench.distributions.latent import ConstantScaleNormal
from genbench.distributions.observation import FixedGaussianHead
from genbench.models.pixel_cvae import PixelCvae
from genbench.nets.conditioned import ConditionedMlpDecoder
from genbench.nets.mlp import MlpEncoder
from tests.draws import randn

SHAPE, LATENT_DIM, SCALE = (1, 3, 4), 2, 0.6
SHOWN = torch.tensor([[1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 0]]).bool()
N_SHOWN, N_HIDDEN = 5, 7
HIDDEN = (~SHOWN).flatten()


def linear_model(*, learned=True):
    """z given c is N(V c + v, diag t^2); x_hidden given z, c is N(A z + B c + b, SCALE^2 I).

    The columns of A are orthogonal, so that the true posterior is diagonal; the encoder is wrong.
    """
    parts = ImageParts(SHOWN, 1)
    with seeded(0, "init"):
        conditional = torch.nn.Sequential(
            MlpEncoder(N_SHOWN, (), "relu"), ConstantScaleNormal(N_SHOWN, LATENT_DIM)
        )
        model = PixelCvae(
            parts,
            MlpEncoder(12, (), "relu"),
            ConstantScaleNormal(12, LATENT_DIM),
            ConditionedMlpDecoder(LATENT_DIM, N_SHOWN, (), parts.hidden_shape, "relu"),
            FixedGaussianHead(SCALE),
            LATENT_DIM,
            conditional if learned else None,
        ).double()
    with torch.no_grad():
        basis = torch.linalg.qr(randn(N_HIDDEN, LATENT_DIM, seed=5)).Q
        model.decoder.from_code.weight.copy_(basis * torch.tensor([1.5, 0.8]))
        conditional[1].log_scale.copy_(torch.tensor([0.3, -0.4]))
    return model


def numbers(model):
    """Return A, B, b of the decoder, and V, v, t of the prior (0, 0, 1 for the standard one)."""
    A, first = model.decoder.from_code.weight.detach(), model.decoder.from_condition
    B, b = first.weight.detach(), first.bias.detach()
    if model.conditional_prior is None:
        zeros = torch.zeros(LATENT_DIM, N_SHOWN).double()
        return A, B, b, zeros, zeros[:, 0], torch.ones(LATENT_DIM).double()
    head = model.conditional_prior[1]
    V, v = head.linear.weight.detach(), head.linear.bias.detach()
    return A, B, b, V, v, head.log_scale.detach().exp()


def with_true_posterior(model):
    """Set the encoder to p(z given x): linear in all pixels, the same variance for all x."""
    A, B, b, V, v, t = numbers(model)
    precision = A.square().sum(0) / SCALE**2 + 1 / t**2  # (D,), A^T A is diagonal
    of_hidden = A.T / SCALE**2  # times x_hidden - B c - b
    of_shown = V / t.square().unsqueeze(1) - of_hidden @ B
    constant = v / t.square() - of_hidden @ b
    head = model.posterior_head
    with torch.no_grad():
        head.linear.weight[:, HIDDEN] = of_hidden / precision.unsqueeze(1)
        head.linear.weight[:, ~HIDDEN] = of_shown / precision.unsqueeze(1)
        head.linear.bias.copy_(constant / precision)
        head.log_scale.copy_(-0.5 * precision.log())
    return model
