"""What the recipes of genbench build: starting points, objectives, refusals."""

from dataclasses import replace

import pytest
import torch

from genbench.core.errors import ConfigError
from genbench.core.objective import Batch
from genbench.core.seeding import seeded
from genbench.inference.bounds import elbo_terms
from genbench.recipes import DataFacts, recipes
from genbench.training.config import TrainConfig

IMAGE = 0.1 + 0.8 * torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0))
FACTS = DataFacts((1, 8, 8), 10, IMAGE)
SMALL = {"hidden": (6,), "latent_dim": 2, "channels": (3,)}


def build(name, train=None, facts=FACTS, **options):
    chosen = recipes[name]
    with seeded(0, "init"):
        return chosen.build(facts, chosen.options(**options), train or TrainConfig())


def batch(epoch=0.0):
    x = torch.rand(7, 1, 8, 8, generator=torch.Generator().manual_seed(1)).round()
    return Batch(x, torch.arange(7), epoch)


def loss_of(built, epoch=0.0):
    with seeded(1, "loss"):
        return built.updates[0].objective(built.model, batch(epoch)).value.item()


def test_the_documented_recipes_are_there():
    assert {"ae", "vae", "beta_vae", "cvae", "gan", "linear_gaussian"} <= set(recipes)
    for name in recipes:
        assert recipes[name].about.endswith("."), name


@pytest.mark.parametrize("name", ["ae", "vae"])
def test_an_untrained_decoder_starts_near_the_mean_image(name):
    model = build(name, **SMALL).model
    with torch.no_grad():
        for parameter in model.decoder.output.parameters():
            if parameter.ndim > 1:
                parameter.zero_()
        image = model.decode(torch.zeros(1, 2))[0]
    assert torch.allclose(image, IMAGE, atol=1e-5)


@pytest.mark.parametrize("beta", [0.0, 1.0, 4.0])
def test_beta_vae_is_the_vae_under_another_weight_of_the_kl(beta):
    built = build("beta_vae", beta=beta, **SMALL)
    with seeded(1, "loss"), torch.no_grad():
        terms = elbo_terms(built.model, batch().x)
    expected = (-terms.log_px_given_z + beta * terms.kl).mean().item()
    assert loss_of(built) == pytest.approx(expected, rel=1e-6)
    weights = build("vae", **SMALL).model.state_dict()
    assert all(torch.equal(v, weights[k]) for k, v in built.model.state_dict().items())


@pytest.mark.parametrize("name", ["vae", "beta_vae", "cvae"])
def test_warm_up_of_the_kl_comes_from_the_budget(name):
    warm = build(name, TrainConfig(kl_warmup_epochs=10), **SMALL)
    plain = build(name, **SMALL)
    assert loss_of(warm, epoch=0.0) < loss_of(plain)
    assert loss_of(warm, epoch=10.0) == pytest.approx(loss_of(plain), rel=1e-7)


@pytest.mark.parametrize("name", ["ae", "vae", "cvae", "gan"])
def test_an_image_that_cannot_be_halved_so_often_is_refused(name):
    options = SMALL | {"network": "conv", "channels": (2, 2, 2, 2)}
    with pytest.raises(ConfigError, match=r"a 8x8 image cannot be halved 4 times.*at most 3 of"):
        build(name, **options)


def test_an_odd_image_is_refused_by_convolutions_in_favour_of_dense_layers():
    facts = replace(FACTS, image_shape=(1, 7, 5))
    fix = 'a 7x5 image cannot be halved once, as each of the 1 channels does; use network = "mlp"'
    with pytest.raises(ConfigError, match=fix):
        build("vae", facts=facts, **SMALL | {"network": "conv"})


def test_linear_gaussian_needs_fewer_dimensions_than_pixels():
    with pytest.raises(ConfigError, match="latent_dim: 64 must be below 64 pixels"):
        build("linear_gaussian", latent_dim=64)
    built = build("linear_gaussian", latent_dim=63)
    assert built.updates == ()
    assert built.closed_form is not None


TOO_FEW = {
    "linear_gaussian": ({"latent_dim": 8}, 10, "latent_dim: 8"),
    "kmeans": ({"n_clusters": 5}, 5, "n_clusters: 5"),
    "gaussian_mixture": ({"n_components": 3}, 3, "n_components: 3"),
    "bayesian_mixture": ({"n_components": 1}, 2, "n_components: 1"),
}


@pytest.mark.parametrize("name", TOO_FEW)
def test_a_fit_to_too_few_images_is_refused_before_it_starts(name):
    options, least, option = TOO_FEW[name]
    few, enough = (replace(FACTS, n_train=n) for n in (least - 1, least))
    expected = f"{option} needs at least {least} training images, but there are {least - 1}"
    with pytest.raises(ConfigError, match=expected):
        build(name, facts=few, **options)
    built = build(name, facts=enough, **options)
    built.closed_form(torch.rand(least, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
    if hasattr(built.model, "log_prob"):
        assert torch.isfinite(built.model.log_prob(IMAGE[None])).all()


@pytest.mark.parametrize("name", ["gan", "gan_minimax"])
def test_batch_norm_of_a_single_image_is_refused(name):
    for facts, train, fix in (
        (replace(FACTS, n_train=1), TrainConfig(), "there is one training image"),
        (FACTS, TrainConfig(batch_size=1), "a larger train.batch_size"),
    ):
        with pytest.raises(ConfigError, match=f"batches of at least two images; .*{fix}"):
            build(name, train, facts, **SMALL)
        build(name, train, facts, **SMALL, batch_norm=False)


def test_a_gan_has_two_updates_that_choose_no_checkpoint():
    built = build("gan", discriminator_rate=0.5, beta1=0.3, **SMALL)
    discriminator, generator = built.updates
    assert (discriminator.name, generator.name) == ("discriminator", "generator")
    assert [u.validates for u in built.updates] == [False, False]
    assert discriminator.betas == generator.betas == (0.3, 0.999)
    assert (discriminator.learning_rate_scale, generator.learning_rate_scale) == (0.5, 1.0)
    assert built.observation is None


def test_a_conditional_model_reads_the_label_in_encoder_and_decoder():
    model = build("cvae", **SMALL).model
    assert model.encoder.body[0].in_features == 64 + 10
    assert model.decoder.body[0].in_features == 2 + 10
