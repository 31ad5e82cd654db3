"""The GAN: a generator of images and a critic."""

import torch

from genbench.core import capabilities as caps
from genbench.core.seeding import seeded
from genbench.distributions.latent import UniformPrior
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
    for needs in (
        caps.Encodes,
        caps.Autoencodes,
        caps.HasObservationModel,
        caps.Generative,
        caps.HasPosterior,
        caps.HasExactDensity,
    ):
        assert not isinstance(gan(), needs)


def test_decode_keeps_leading_dimensions_and_sees_one_batch():
    with seeded(0, "init"):
        generator = MlpDecoder(2, (5,), SHAPE, "tanh", batch_norm=True)
        model = Gan(generator, MlpEncoder(6, (4,), "tanh"), 4, 2).double()
    z = torch.randn(3, 4, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    images = model.decode(z)
    assert images.shape == (3, 4, *SHAPE)
    assert torch.equal(images.flatten(0, 1), model.decode(z.flatten(0, 1)))


def test_another_prior_and_pixels_as_they_are():
    with seeded(0, "init"):
        generator, critic = MlpDecoder(2, (5,), SHAPE, "tanh"), MlpEncoder(6, (4,), "tanh")
        model = Gan(generator, critic, 4, 2, UniformPrior(2), centred=False).double()
    with seeded(1, "s"):
        images = model.sample(3)
    with seeded(1, "s"):
        z = model.prior().sample((3,))
    assert bool((z.abs() <= 1).all())
    assert torch.equal(images, model.decode(z))
    x = torch.rand(4, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(model.critic(x), model.critic_output(model.critic_body(x))[:, 0])


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
