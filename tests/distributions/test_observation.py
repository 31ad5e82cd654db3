"""Observation heads against scipy, and their starting points."""

import math

import numpy as np
import pytest
import scipy.stats
import torch

from genbench.distributions import observation as heads

SHAPE = (1, 3, 4)
HEADS = {
    "bernoulli": heads.BernoulliHead(),
    "unit": heads.FixedGaussianHead(1.0),
    "fixed": heads.FixedGaussianHead(0.2),
    "shared": heads.SharedGaussianHead(0.3),
    "pixel": heads.PixelGaussianHead(0.05),
}


def output_for(head, *leading, seed=0):
    shape = (*leading, head.n_per_pixel * SHAPE[0], *SHAPE[1:])
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def data_for(head, n, seed=1):
    x = torch.rand(n, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return x.round() if head.domain == "binary" else x


def log_density(name, output, x):
    """log p(x|z) by scipy, summed over the event."""
    head = HEADS[name]
    if name == "bernoulli":
        parts = scipy.stats.bernoulli.logpmf(x, 1 / (1 + np.exp(-output)))
    elif name == "pixel":
        mean, raw = np.split(output, 2, axis=-3)
        parts = scipy.stats.norm.logpdf(x, mean, np.log1p(np.exp(raw)) + head.min_scale)
    else:
        scale = head.scale if name in ("unit", "fixed") else head.log_scale.exp().item()
        parts = scipy.stats.norm.logpdf(x, output, scale)
    return parts.sum(axis=(-1, -2, -3))


@pytest.mark.parametrize("name", HEADS)
def test_log_prob_is_the_sum_over_pixels_of_scipys_density(name):
    head = HEADS[name]
    output, x = output_for(head, 6), data_for(head, 6)
    expected = log_density(name, output.numpy(), x.numpy())
    with torch.no_grad():
        found = head(output).log_prob(x)
    assert np.allclose(found.numpy(), expected, rtol=1e-6 if name == "shared" else 1e-12)


@pytest.mark.parametrize("name", HEADS)
def test_leading_dimensions_are_the_batch_and_the_picture_is_the_event(name):
    head = HEADS[name]
    output, x = output_for(head, 5, 2), data_for(head, 2)
    with torch.no_grad():
        p, flat = head(output), head(output.flatten(0, 1))
        assert p.batch_shape == (5, 2)
        assert p.event_shape == SHAPE
        single = flat.log_prob(x.repeat(5, 1, 1, 1)).reshape(5, 2)
        assert torch.allclose(p.log_prob(x), single, rtol=1e-14)


@pytest.mark.parametrize("name", HEADS)
def test_an_untrained_decoder_that_outputs_the_start_has_the_mean_image_as_mean(name):
    head = HEADS[name]
    image = torch.rand(SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        mean = head(head.start(image)).mean
    assert torch.allclose(mean, image.clamp(1e-3, 1 - 1e-3) if name == "bernoulli" else image)


@pytest.mark.parametrize("name", HEADS)
def test_the_measure_says_whether_the_support_is_discrete(name):
    head = HEADS[name]
    support = head(output_for(head, 1)).support
    assert support.is_discrete == (head.measure == "mass")
    assert head.name


def test_a_head_describes_what_it_is():
    described = [head.name for head in HEADS.values()]
    assert len(set(described)) == len(described)
    assert HEADS["unit"].name == "unit Gaussian"
    assert "0.2" in HEADS["fixed"].name


def test_black_and_white_mean_pixels_start_at_finite_logits():
    start = heads.BernoulliHead().start(torch.tensor([0.0, 1.0]))
    assert start.tolist() == pytest.approx([-math.log(999), math.log(999)], rel=1e-4)


def test_a_bernoulli_of_logit_zero_is_one_bit_per_pixel():
    p = heads.BernoulliHead()(torch.zeros(2, *SHAPE, dtype=torch.float64))
    bits = -p.log_prob(data_for(HEADS["bernoulli"], 2)) / math.log(2) / 12
    assert bits.tolist() == pytest.approx([1.0, 1.0], rel=1e-14)


def test_squared_error_is_the_unit_gaussian_up_to_the_constant():
    """M3: -log p(x|z) = 1/2 |x - mean|^2 + (D/2) log 2 pi."""
    head = HEADS["unit"]
    output, x = output_for(head, 6), data_for(head, 6)
    half_square = 0.5 * (x - output).square().flatten(1).sum(1)
    expected = half_square + 6 * math.log(2 * math.pi)
    assert torch.allclose(-head(output).log_prob(x), expected, rtol=1e-14)


def test_the_scale_per_pixel_never_falls_below_its_floor():
    head = HEADS["pixel"]
    output = torch.cat((torch.zeros(1, *SHAPE), torch.full((1, *SHAPE), -1e4)), dim=1)
    assert torch.allclose(head(output).base_dist.scale, torch.tensor(0.05))


def test_the_shared_scale_is_learned():
    head = heads.SharedGaussianHead(0.3)
    assert head.log_scale.exp().item() == pytest.approx(0.3)
    head(torch.zeros(1, *SHAPE)).log_prob(torch.full((1, *SHAPE), 0.3)).sum().backward()
    assert head.log_scale.grad.item() == pytest.approx(0.0, abs=1e-5)  # 0.3 is the best scale


# --- Bernoulli pixels in few passes ---


def exact_bernoulli(logits, x):
    """Sum of x l - log(1 + exp(l)) over the event, without cancellation."""
    l, x = logits.double().numpy(), x.double().numpy()
    parts = np.minimum(l, 0) - np.log1p(np.exp(-np.abs(l))) - (1 - x) * l
    return parts.sum(axis=(-1, -2, -3))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1.0, 15.0, 25.0, 39.0, 41.0, 100.0, 1000.0])
def test_bernoulli_log_prob_is_exact_to_rounding_of_the_logits(size, dtype):
    x = data_for(HEADS["bernoulli"], 5).to(dtype)
    logits = (output_for(HEADS["bernoulli"], 3, 5).sign() * size).to(dtype)
    found = heads.BernoulliHead()(logits).log_prob(x)
    assert found.dtype == dtype
    error = np.abs(found.numpy() - exact_bernoulli(logits, x))
    assert error.max() <= 12 * (size + 1) * torch.finfo(dtype).eps


def test_bernoulli_gradient_is_the_datum_minus_the_probability():
    logits = torch.linspace(-100, 100, 24).double().reshape(2, *SHAPE).requires_grad_()
    x = data_for(HEADS["bernoulli"], 2)
    heads.BernoulliHead()(logits).log_prob(x).sum().backward()
    assert torch.allclose(logits.grad, x - logits.detach().sigmoid(), rtol=1e-13, atol=1e-15)
    small = (logits.detach() / 20).requires_grad_()
    assert torch.autograd.gradcheck(lambda l: heads.BernoulliHead()(l).log_prob(x), small)


def test_bernoulli_of_grey_pixels_is_the_cross_entropy():
    x = torch.rand(4, *SHAPE, generator=torch.Generator().manual_seed(0))
    logits = output_for(HEADS["bernoulli"], 4).float()
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none")
    found = heads.BernoulliHead()(logits).log_prob(x)
    assert torch.allclose(found, -entropy.sum(dim=(1, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize(
    ("shape", "data"), [((1,), 5), ((3, 1), 5), ((), 5), ((5,), 1), ((3, 5), 5)]
)
def test_bernoulli_log_prob_broadcasts_like_torchs(shape, data):
    logits, x = output_for(HEADS["bernoulli"], *shape), data_for(HEADS["bernoulli"], data)
    plain = torch.distributions.Bernoulli(logits=logits, validate_args=False)
    expected = torch.distributions.Independent(plain, 3, validate_args=False).log_prob(x)
    found = heads.BernoulliHead()(logits).log_prob(x)
    assert torch.allclose(found, expected, rtol=1e-12)
    expanded = heads.BernoulliHead()(logits).expand((3, 5)).log_prob(x)
    assert torch.allclose(expanded, expected.expand(3, 5), rtol=1e-12)
    single = heads.BernoulliHead()(logits.float()).log_prob(x)  # float64 data stay float64
    assert single.dtype is torch.float64
