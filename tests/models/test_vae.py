"""The VAE and the conditional VAE: which distributions they put together."""

import pytest
import torch
from torch import nn

from genbench.core.capabilities import HasPosterior, Variational
from genbench.core.seeding import seeded
from genbench.distributions.latent import DiagonalNormal
from genbench.distributions.observation import BernoulliHead
from genbench.models.vae import Cvae, Vae
from genbench.nets.mlp import MlpDecoder, MlpEncoder

SHAPE = (1, 2, 3)


def vae():
    with seeded(0, "init"):
        encoder, decoder = MlpEncoder(6, (5,), "tanh"), MlpDecoder(2, (5,), SHAPE, "tanh")
        return Vae(encoder, DiagonalNormal(5, 2), decoder, BernoulliHead(), 2).double()


def cvae():
    with seeded(0, "init"):
        encoder = MlpEncoder(6, (5,), "tanh", n_condition=3)
        decoder = MlpDecoder(2 + 3, (5,), SHAPE, "tanh")
        return Cvae(
            encoder, DiagonalNormal(5, 2), decoder, BernoulliHead(), 2, n_classes=3
        ).double()


def data(n=4):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, *SHAPE, dtype=torch.float64, generator=generator).round()


def test_the_prior_is_standard_normal():
    z = torch.tensor([[0.0, 0.0], [1.0, 2.0]], dtype=torch.float64)
    half_square = 0.5 * z.square().sum(1)
    expected = -half_square - torch.log(torch.tensor(2 * torch.pi, dtype=torch.float64))
    assert torch.allclose(vae().prior().log_prob(z), expected, rtol=1e-14)


def test_the_observation_model_reads_the_decoder_as_logits():
    model, x = vae(), data()
    z = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    p = torch.sigmoid(model.decoder(z))
    expected = (x * p.log() + (1 - x) * (1 - p).log()).flatten(1).sum(1)
    assert torch.allclose(model.observation_model(z).log_prob(x), expected, rtol=1e-12)
    assert torch.allclose(model.decode(z), p, rtol=1e-14)


def test_the_code_is_the_posterior_mean():
    model, x = vae(), data()
    loc = model.posterior_head.linear(model.encoder(x))[:, :2]
    assert torch.equal(model.encode(x), loc)


def test_samples_are_mean_images_of_the_prior():
    model = vae()
    with seeded(3, "s"):
        images = model.sample(5)
    with seeded(3, "s"):
        z = torch.randn(5, 2, dtype=torch.float64)
    assert torch.equal(images, model.decode(z))


def test_a_conditional_model_has_densities_only_once_the_label_is_bound():
    model = cvae()
    assert not isinstance(model, HasPosterior)
    assert isinstance(model.given(torch.tensor([0])), Variational)


def test_each_datum_is_read_with_its_own_label():
    model, x, y = cvae(), data(), torch.tensor([2, 0, 1, 2])
    whole = model.given(y)
    z = torch.randn(4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    for i in range(4):
        alone = model.given(y[i : i + 1])
        q, q_alone = whole.posterior(x), alone.posterior(x[i : i + 1])
        assert torch.allclose(q.mean[i], q_alone.mean[0], rtol=1e-13)
        ours = whole.observation_model(z).log_prob(x)[i]
        assert torch.allclose(ours, alone.observation_model(z[i : i + 1]).log_prob(x[i : i + 1])[0])


def test_the_label_changes_decoder_and_encoder():
    model, x = cvae(), data(1)
    z = torch.zeros(1, 2, dtype=torch.float64)
    images = [model.given(torch.tensor([c])).decode(z) for c in range(3)]
    codes = [model.given(torch.tensor([c])).encode(x) for c in range(3)]
    for found in (images, codes):
        assert not torch.allclose(found[0], found[1])
        assert not torch.allclose(found[1], found[2])


def test_several_draws_per_datum_keep_the_labels_of_the_data():
    model, y = cvae(), torch.tensor([2, 0, 1])
    z = torch.randn(7, 3, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    images = model.given(y).decode(z)
    for k in range(7):
        assert torch.allclose(images[k], model.given(y).decode(z[k]), rtol=1e-13)


def test_a_bound_view_draws_one_image_for_each_label():
    view = cvae().given(torch.tensor([0, 1]))
    assert view.sample(2).shape == (2, *SHAPE)
    with pytest.raises(ValueError, match="cannot draw 3 images: 2 labels are bound"):
        view.sample(3)


def test_dtype_and_device_moves_carry_the_prior_along():
    model = vae().float()
    assert model.prior().sample().dtype is torch.float32
    assert isinstance(model, nn.Module)
    assert "latent_prior.loc" not in model.state_dict()
