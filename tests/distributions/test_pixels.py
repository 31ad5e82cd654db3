"""Images in few passes, against torch's own distributions and under function transforms."""

import numpy as np
import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal
from torch.func import grad, jacrev, vmap

from genbench.distributions import pixels
from genbench.distributions.pixels import BernoulliPixels, GaussianPixels
from genbench.training.precision import products_in
from tests.draws import randn

SHAPES = {"digits": (1, 8, 8), "odd": (1, 5, 7), "colour": (3, 6, 5), "mnist": (1, 28, 28)}
SCALE = torch.tensor(0.3, dtype=torch.float64)


def binary(*size, seed=1):
    return (randn(*size, seed=seed) > 0.3).double()


def bernoulli(logits, x):
    return BernoulliPixels(logits).log_prob(x)


def gaussian(mean, x):
    return GaussianPixels(mean, SCALE).log_prob(x)


def torchs(density, parameter):
    plain = (
        Bernoulli(logits=parameter, validate_args=False)
        if density is bernoulli
        else Normal(parameter, SCALE.expand_as(parameter), validate_args=False)
    )
    return Independent(plain, 3, validate_args=False)


BOTH = pytest.mark.parametrize("density", [bernoulli, gaussian])


@BOTH
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_log_prob_is_torchs_for_any_size_of_image(density, shape):
    parameter, x = 4 * randn(6, *shape), binary(6, *shape)
    expected = torchs(density, parameter).log_prob(x)
    assert torch.allclose(density(parameter, x), expected, rtol=1e-13)


@BOTH
@pytest.mark.parametrize(
    ("leading", "data"), [((5, 3), 3), ((3,), 1), ((), 3), ((1, 3), 3), ((5, 1), 3), ((2, 5, 1), 3)]
)
def test_values_and_gradients_broadcast_as_torchs_do(density, leading, data):
    parameter = randn(*leading, 1, 4, 4).requires_grad_()
    x = binary(data, 1, 4, 4).requires_grad_()
    weight = randn(*torch.broadcast_shapes(leading, (data,)), seed=3)
    ours, theirs = density(parameter, x), torchs(density, parameter).log_prob(x)
    assert torch.allclose(ours, theirs, rtol=1e-13)
    found = torch.autograd.grad((ours * weight).sum(), (parameter, x))
    expected = torch.autograd.grad((theirs * weight).sum(), (parameter, x))
    for mine, plain in zip(found, expected, strict=True):
        assert torch.allclose(mine, plain, rtol=1e-11, atol=1e-12)


def test_every_picture_against_every_image_is_exact_in_single_precision():
    logits, x = 30 * randn(6, 1, 1, 28, 28), binary(5, 1, 28, 28)
    found = bernoulli(logits.float(), x.float())
    expected = torchs(bernoulli, logits.float().double()).log_prob(x)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected.float())


def distribution(density, parameter):
    gauss = density is gaussian
    return GaussianPixels(parameter, SCALE) if gauss else BernoulliPixels(parameter)


@pytest.mark.parametrize("size", [90.0, 1e4, 1e30])
def test_extreme_logits_cost_what_the_wrong_pixels_cost(size):
    x = binary(4, 1, 8, 8)
    right = (2 * x - 1) * size
    assert torch.equal(bernoulli(right.float(), x.float()), torch.zeros(4))
    wrong = right.clone()
    wrong[:, 0, 0, 0] *= -1
    found = bernoulli(wrong.float().requires_grad_(), x.float())
    assert torch.allclose(found, torch.full((4,), -size), rtol=1e-6)
    assert torch.isfinite(torch.autograd.grad(found.sum(), found.grad_fn.saved_tensors[0])[0]).all()


def test_single_precision_is_as_exact_as_a_sum_in_single_precision_can_be():
    logits, x = 5 * randn(200, 1, 28, 28), torch.rand(200, 1, 28, 28).round().double()
    exact = torchs(bernoulli, logits.float().double()).log_prob(x)
    found = bernoulli(logits.float(), x.float()).double()
    terms = (logits.abs() * 2).sum(dim=(1, 2, 3))
    assert float(((found - exact).abs() / terms).max()) < 4 * torch.finfo(torch.float32).eps


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
@BOTH
def test_half_precision_is_summed_in_single(density, half):
    parameter, x = randn(3, 1, 8, 8).to(half), binary(3, 1, 8, 8).to(half)
    found = density(parameter, x)
    assert found.dtype is torch.float32
    expected = torchs(density, parameter.double()).log_prob(x.double())
    assert torch.allclose(found.double(), expected, rtol=1e-5)


@pytest.mark.parametrize("draws", [(7,), (3, 4)])
def test_all_formulas_of_the_bernoulli_agree(draws):
    logits, x = 8 * randn(*draws, 2, 1, 6, 7), torch.rand(2, 1, 6, 7).double()
    found = [
        formula(logits, x)
        for formula in (pixels._by_products, pixels._by_softplus, pixels._by_two_sums)
    ]
    assert found[0].shape == (*draws, 2)
    assert all(torch.allclose(one, found[0], rtol=1e-12) for one in found[1:])


@pytest.mark.parametrize("precision", ["float32", "tf32"])
@pytest.mark.parametrize("draws", [(), (1,), (7,), (3, 4)])
def test_an_accelerator_gets_two_sums_for_several_draws_in_float32(draws, precision, monkeypatch):
    called = []
    monkeypatch.setattr(pixels, "_by_two_sums", lambda logits, x: called.append(logits.shape))
    logits, x = (torch.empty(*sizes, 1, 6, 7, device="meta") for sizes in ((*draws, 2), (2,)))
    with products_in(precision):
        BernoulliPixels(logits).log_prob(x)
    several = draws not in ((), (1,)) and precision == "float32"
    assert called == ([logits.shape] if several else [])


@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_autocast_never_rounds_the_sum_over_pixels(device, monkeypatch):
    with products_in("float32"):
        assert pixels._products_are_exact()
        monkeypatch.setattr(torch, "is_autocast_enabled", lambda asked: asked == device)
        assert not pixels._products_are_exact()


def test_two_sums_in_single_precision_are_right_to_a_ten_thousandth_of_a_nat():
    logits, x = 10 * randn(20, 50, 1, 28, 28), binary(50, 1, 28, 28)
    exact = pixels._by_softplus(logits, x)
    found = pixels._by_two_sums(logits.float(), x.float())
    assert torch.allclose(found.double(), exact, rtol=2e-6, atol=1e-4)


# --- function transforms: many models at once ---


@BOTH
@pytest.mark.parametrize("in_dims", [(0, 0), (0, None), (None, 0)])
def test_a_batch_of_models_is_each_model(density, in_dims):
    parameter, x = randn(4, 3, 1, 5, 4), binary(4, 3, 1, 5, 4)
    arguments = [v if d == 0 else v[0] for v, d in zip((parameter, x), in_dims, strict=True)]
    each = [
        [v[i] if d == 0 else v for v, d in zip(arguments, in_dims, strict=True)] for i in range(4)
    ]

    def total(parameter, x):
        return density(parameter, x).sum()

    together = vmap(density, in_dims)(*arguments)
    assert torch.allclose(together, torch.stack([density(*a) for a in each]), rtol=1e-14)
    for which in (0, 1):
        slopes = vmap(grad(total, which), in_dims)(*arguments)
        assert torch.allclose(slopes, torch.stack([grad(total, which)(*a) for a in each]))


@BOTH
def test_the_gradient_can_be_differentiated_again(density):
    parameter = randn(2, 1, 2, 2).requires_grad_()
    x = binary(2, 1, 2, 2).requires_grad_()
    assert torch.autograd.gradcheck(density, (parameter, x))
    assert torch.autograd.gradgradcheck(density, (parameter, x))
    hessian = jacrev(grad(lambda p: density(p, x.detach()).sum()))(parameter.detach())
    p = parameter.detach().sigmoid().flatten()
    expected = -(p * (1 - p)) if density is bernoulli else torch.full_like(p, -1 / SCALE**2)
    assert torch.allclose(hessian.reshape(8, 8), torch.diag(expected), rtol=1e-12)


@BOTH
def test_the_saved_parameter_is_left_as_it_was(density):
    parameter = randn(2, 1, 4, 4)
    before, x = parameter.clone(), binary(2, 1, 4, 4)
    leaf = parameter.requires_grad_()
    value = density(leaf, x).sum()
    first = torch.autograd.grad(value, leaf, retain_graph=True)[0]
    assert torch.equal(torch.autograd.grad(value, leaf)[0], first)
    assert torch.equal(parameter.detach(), before)


@BOTH
def test_a_compiler_sees_one_graph_with_the_same_gradient(density):
    def total(parameter, x):
        return density(parameter, x).sum()

    parameter, x = randn(2, 1, 4, 4).requires_grad_(), binary(2, 1, 4, 4)
    compiled = torch.compile(total, backend="aot_eager", fullgraph=True)
    found = torch.autograd.grad(compiled(parameter, x), parameter)[0]
    expected = torch.autograd.grad(total(parameter, x), parameter)[0]
    assert torch.allclose(found, expected, rtol=1e-12)


# --- the rest of a distribution ---


@BOTH
def test_mean_draws_and_expansion_are_torchs(density):
    parameter = randn(3, 1, 4, 4)
    ours, theirs = distribution(density, parameter), torchs(density, parameter)
    assert torch.equal(ours.mean, theirs.mean)
    torch.manual_seed(0)
    draws = ours.sample()
    torch.manual_seed(0)
    assert torch.equal(draws, theirs.sample())
    wide = ours.expand((5, 3))
    assert (wide.batch_shape, wide.event_shape) == ((5, 3), (1, 4, 4))
    assert torch.allclose(wide.log_prob(draws), theirs.log_prob(draws).expand(5, 3), rtol=1e-13)


def test_pixels_drawn_from_uniform_numbers_have_their_probabilities():
    logits, n = torch.tensor([-40.0, -1.0, 0.0, 2.0, 40.0]).double().reshape(1, 1, 5), 20_000
    torch.manual_seed(0)
    drawn = pixels._by_uniform(logits, (n, 1, 1, 5))
    p = logits.sigmoid()
    assert set(drawn.unique().tolist()) == {0.0, 1.0}
    assert (drawn.dtype, drawn.shape) == (torch.float64, (n, 1, 1, 5))
    assert ((drawn.mean(dim=0) - p).abs() <= 4 * (p * (1 - p) / n).sqrt() + 1e-12).all()


def test_the_gradient_of_a_learned_scale_is_torchs():
    mean, x = randn(4, 1, 5, 5), randn(4, 1, 5, 5, seed=2)
    slopes = []
    for make in (GaussianPixels, lambda m, s: Independent(Normal(m, s.expand_as(m)), 3)):
        scale = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
        slopes.append(float(torch.autograd.grad(make(mean, scale).log_prob(x).sum(), scale)[0]))
    assert np.isclose(*slopes, rtol=1e-12)
