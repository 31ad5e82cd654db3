"""The GAN: a generator of images and a critic."""

import torch

from genbench.core import capabilities as caps
from genbench.core.seeding import seeded
from genbench.models.autoencoder import Autoencoder
from genbench.models.gan import Gan
from genbench.nets.mlp import MlpDecoder, MlpEncoder

SHAPE = (1, 2, 3)


def gan():
    with seeded(0, "init"):
        return Gan(MlpDecoder(2, (5,), SHAPE, "tanh"), MlpEncoder(6, (4,), "tanh"), 4, 2).double()


def test_samples_are_generated_from_the_standard_normal():
    model = gan()
    with seeded(1, "s"):
        images = model.sample(3)
    with seeded(1, "s"):
        z = torch.randn(3, 2, dtype=torch.float64)
    assert torch.equal(images, torch.sigmoid(model.generator(z)))
    assert bool(((images > 0) & (images < 1)).all())


def test_the_critic_sees_pixels_between_minus_one_and_one():
    model = gan()
    x = torch.rand(4, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = model.critic_output(model.critic_body(x * 2 - 1))[:, 0]
    assert torch.equal(model.critic(x), expected)
    assert model.critic(x).shape == (4,)


def test_a_gan_claims_no_density():
    for needs in (caps.HasPrior, caps.HasObservationModel, caps.HasPosterior, caps.HasExactDensity):
        assert not isinstance(gan(), needs)


def test_an_autoencoder_claims_codes_and_nothing_else():
    with seeded(0, "init"):
        model = Autoencoder(
            MlpEncoder(6, (4,), "tanh"), 4, 2, MlpDecoder(2, (5,), SHAPE, "tanh")
        ).double()
    x = torch.rand(4, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert isinstance(model, caps.Autoencodes)
    assert not isinstance(model, (caps.Samples, caps.HasPrior, caps.HasPosterior))
    code = model.to_code(model.encoder(x))
    assert torch.equal(model.decode(model.encode(x)), torch.sigmoid(model.decoder(code)))
