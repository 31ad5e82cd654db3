"""Adapters: a fitted prior and observation noise, against their formulas."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch import nn
from torch.autograd import gradcheck

from genbench.core import capabilities as caps
from genbench.core.seeding import seeded
from genbench.models.adapters import (
    WithFittedPrior,
    WithObservationNoise,
    with_observation_noise,
)
from genbench.models.autoencoder import Autoencoder
from genbench.models.gan import Gan
from genbench.nets.mlp import MlpDecoder, MlpEncoder
from genbench.training.checkpoint import read_weights, weights_of, write_weights
from tests.draws import randn

SHAPE, D = (1, 2, 3), 2


def autoencoder():
    with seeded(0, "init"):
        encoder, decoder = MlpEncoder(6, (4,), "tanh"), MlpDecoder(D, (5,), SHAPE, "tanh")
        return Autoencoder(encoder, 4, D, decoder).double()


def gan(batch_norm=False):
    with seeded(0, "init"):
        generator = MlpDecoder(D, (5,), SHAPE, "tanh", batch_norm=batch_norm)
        return Gan(generator, MlpEncoder(6, (4,), "tanh"), 4, D).double()


def codes(n=400):
    """Two clouds of codes, correlated."""
    mix = torch.tensor([[1.0, 0.6], [0.0, 0.4]], dtype=torch.float64)
    flat = randn(n, D) @ mix
    flat[: n // 4] += 4
    return flat


def fitted(kind, **options):
    adapter = WithFittedPrior(autoencoder(), kind, **options)
    adapter.fit(codes())
    return adapter


def test_the_gaussian_prior_has_the_mean_and_covariance_of_the_codes():
    z, x = randn(7, D, seed=1), codes().numpy()
    expected = multivariate_normal(x.mean(0), np.cov(x.T, bias=True) + 1e-6 * np.eye(D)).logpdf(z)
    p = fitted("gaussian").prior()
    assert (p.batch_shape, p.event_shape) == ((), (D,))
    assert np.allclose(p.log_prob(z).numpy(), expected, rtol=1e-12)


def test_the_mixture_prior_is_the_mixture_that_scikit_learn_fits():
    from sklearn.mixture import GaussianMixture

    theirs = GaussianMixture(2, max_iter=200, random_state=0).fit(codes().numpy())
    z = randn(7, D, seed=1)
    p = fitted("mixture", n_components=2).prior()
    assert (p.batch_shape, p.event_shape) == ((), (D,))
    assert np.allclose(p.log_prob(z).numpy(), theirs.score_samples(z.numpy()), rtol=1e-10)
    assert theirs.score(codes().numpy()) > fitted("gaussian").prior().log_prob(codes()).mean()


@pytest.mark.parametrize("kind", ["gaussian", "mixture"])
def test_the_log_density_is_differentiable_in_z_for_any_leading_dimensions(kind):
    p = fitted(kind, n_components=3).prior()
    z = randn(2, 3, D).requires_grad_()
    assert p.log_prob(z).shape == (2, 3)
    assert gradcheck(p.log_prob, (z,))


@pytest.mark.parametrize("kind", ["gaussian", "mixture"])
def test_draws_follow_the_fitted_density(kind):
    with seeded(0, "z"):
        z = fitted(kind, n_components=2).prior().sample((20_000,))
    stderr = codes().std(0) / 20_000**0.5
    assert bool(((z.mean(0) - codes().mean(0)).abs() < 4.5 * stderr).all())
    assert torch.allclose(torch.cov(z.T), torch.cov(codes().T), rtol=0.05)


@pytest.mark.parametrize("kind", ["gaussian", "mixture"])
def test_a_stored_fit_is_read_into_an_adapter_that_was_never_fitted(kind, tmp_path):
    adapter, other = fitted(kind), WithFittedPrior(autoencoder(), kind)
    with pytest.raises(ValueError, match=r"not fitted yet: call fit\(codes\)"):
        other.prior()
    write_weights(tmp_path / "w.safetensors", weights_of(adapter))
    other.load_state_dict(read_weights(tmp_path / "w.safetensors"))
    z = randn(5, D)
    assert torch.equal(other.prior().log_prob(z), adapter.prior().log_prob(z))


def test_a_fitted_prior_makes_an_autoencoder_sample_and_claims_no_density():
    adapter, base = fitted("gaussian"), autoencoder()
    x = randn(4, *SHAPE)
    assert isinstance(adapter, (caps.Autoencodes, caps.HasPrior, caps.Samples))
    assert not isinstance(adapter, (caps.HasObservationModel, caps.HasPosterior))
    assert torch.equal(adapter.encode(x), base.encode(x))
    with seeded(3, "z"):
        images = adapter.sample(6)
    with seeded(3, "z"):
        z = adapter.prior().sample((6,))
    assert torch.equal(images, base.decode(z))


def test_the_prior_draws_in_the_precision_of_the_model():
    adapter = WithFittedPrior(autoencoder().float())
    adapter.fit(codes().float())
    assert adapter.sample(3).dtype is torch.float32


def test_observation_noise_is_gaussian_around_the_decoded_image():
    model, x, z = gan(), torch.rand(4, *SHAPE).double(), randn(3, 4, D)
    adapter = with_observation_noise(model, 0.3, SHAPE)
    p = adapter.observation_model(z)
    assert (p.batch_shape, p.event_shape) == ((3, 4), SHAPE)
    error = (x - model.decode(z)).flatten(2).square().sum(2)
    expected = -0.5 * error / 0.09 - 6 * np.log(0.3 * np.sqrt(2 * np.pi))
    assert torch.allclose(p.log_prob(x), expected, rtol=1e-6)
    assert torch.equal(p.mean, model.decode(z))


def test_noise_makes_a_generator_generative_and_nothing_more():
    adapter = with_observation_noise(gan(), 0.3, SHAPE)
    assert isinstance(adapter, (caps.Generative, caps.Samples, caps.Decodes))
    for needs in (caps.Encodes, caps.HasPosterior, caps.HasExactDensity, caps.HasCritic):
        assert not isinstance(adapter, needs)


def test_a_base_that_encodes_still_does():
    adapter = with_observation_noise(fitted("mixture"), 0.3, SHAPE)
    assert isinstance(adapter, (caps.Autoencodes, caps.Generative))
    x = randn(4, *SHAPE)
    assert torch.equal(adapter.encode(x), autoencoder().encode(x))


def test_samples_are_the_base_models_own():
    adapter = with_observation_noise(gan(), 0.3, SHAPE)
    with seeded(3, "z"):
        images = adapter.sample(6)
    with seeded(3, "z"):
        assert torch.equal(images, gan().sample(6))


def test_the_base_stays_in_eval_mode_so_that_batch_norm_sees_no_batch():
    base = gan(batch_norm=True)
    with seeded(0, "z"):
        base.sample(50)  # moves the batch statistics
    adapter = with_observation_noise(base, 0.3, SHAPE).train()
    assert adapter.training
    assert not any(module.training for module in base.modules())
    z = randn(3, 4, D)
    whole = adapter.observation_model(z).mean
    single = adapter.observation_model(z[1, 2:3]).mean[0]
    assert torch.allclose(whole[1, 2], single, rtol=1e-12)


def test_the_scale_is_stored():
    adapter = with_observation_noise(gan(), 0.3, SHAPE)
    other = with_observation_noise(gan(), 0.9, SHAPE)
    other.load_state_dict(adapter.state_dict())
    assert float(other.scale) == pytest.approx(0.3)


def test_gradients_in_z_pass_through_both_adapters():
    adapter = with_observation_noise(fitted("mixture", n_components=2), 0.3, SHAPE)
    x, z = torch.rand(1, *SHAPE).double(), randn(2, 1, D).requires_grad_()
    assert gradcheck(lambda z: adapter.observation_model(z).log_prob(x), (z,))


def test_a_model_that_lacks_what_an_adapter_needs_is_refused():
    with pytest.raises(ValueError, match=r"the model has no encode\(x\)"):
        WithFittedPrior(gan())
    with pytest.raises(ValueError, match=r"the model has no prior\(\)"):
        WithObservationNoise(autoencoder(), 0.1, SHAPE)
    with pytest.raises(ValueError, match="scale must be positive, not 0"):
        with_observation_noise(gan(), 0, SHAPE)


def test_adapters_follow_the_device_and_dtype_of_the_base():
    adapter = with_observation_noise(fitted("gaussian"), 0.1, SHAPE).float()
    assert all(b.dtype is torch.float32 for b in adapter.buffers())
    assert isinstance(adapter.base, nn.Module)


def test_adapters_around_adapters_are_stored_as_one():
    adapter = with_observation_noise(fitted("mixture", n_components=2), 0.3, SHAPE)
    blank = WithFittedPrior(autoencoder(), "mixture", n_components=2)
    other = with_observation_noise(blank, 0.9, SHAPE)
    other.load_state_dict(adapter.state_dict())
    z = randn(5, D)
    assert torch.equal(other.prior().log_prob(z), adapter.prior().log_prob(z))
    assert torch.equal(
        other.observation_model(z).log_prob(randn(5, *SHAPE)),
        adapter.observation_model(z).log_prob(randn(5, *SHAPE)),
    )


@pytest.mark.parametrize("base", [autoencoder, gan])
def test_what_is_added_lives_on_the_device_of_the_base(base):
    model = base().to("meta")
    inner = WithFittedPrior(model) if base is autoencoder else model
    adapter = with_observation_noise(inner, 0.1, SHAPE) if base is gan else inner
    assert {buffer.device.type for buffer in adapter.buffers()} == {"meta"}
