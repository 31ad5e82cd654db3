"""Products on the GPU have float32's precision: in training, in evaluation, for users' models."""

import pytest
import torch

import genbench
from genbench.core.objective import Loss
from genbench.core.seeding import Stream
from genbench.training.config import TrainConfig
from genbench.training.loop import Loop, fit
from genbench.training.precision import products_in
from genbench.training.update import Update
from tests.gpu.small import digits
from tests.gpu.test_evaluators import model_on, model_on_cpu

BACKENDS = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)
FLOAT32, TF32 = 1e-5, 5e-5
"""Relative errors of a product of 512 terms: float32 is below the first, TF32 above the other."""


@pytest.fixture(params=["ieee", "tf32"], ids=["float32 before", "tf32 before"])
def before(request):
    """What the caller had allowed."""
    kept = [backend.fp32_precision for backend in BACKENDS]
    for backend in BACKENDS:
        backend.fp32_precision = request.param
    yield request.param
    for backend, value in zip(BACKENDS, kept, strict=True):
        backend.fp32_precision = value


def operands(device):
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(512, 512, generator=generator, dtype=torch.float64) for _ in range(2))
    image = torch.randn(8, 64, 16, 16, generator=generator, dtype=torch.float64)
    kernel = torch.randn(64, 64, 3, 3, generator=generator, dtype=torch.float64)
    return [tensor.to(device) for tensor in (a, b, image, kernel)]


def errors(device):
    """Return the relative errors of a matrix product and a convolution in float32."""
    a, b, image, kernel = operands(device)
    products = (
        (a @ b, a.float() @ b.float()),
        (torch.conv2d(image, kernel), torch.conv2d(image.float(), kernel.float())),
    )
    return [((exact - found).norm() / exact.norm()).item() for exact, found in products]


def test_products_are_those_of_float32(device, before):
    with products_in("float32"):
        assert max(errors(device)) < FLOAT32
    assert [backend.fp32_precision for backend in BACKENDS] == [before] * 2


def test_the_test_would_notice_tf32(cuda):
    with products_in("tf32"):
        assert errors(cuda)[0] > TF32  # a convolution may take another algorithm


class Product(torch.nn.Module):
    """One number, and the errors of products in training and in validation."""

    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.tensor(1.0))
        self.errors = {True: [], False: []}


def watched(model, batch):
    model.errors[torch.is_grad_enabled()].append(errors(model.a.device))
    return Loss(model.a.square(), {})


def errors_in_training(device, **options):
    data, model = digits(device), Product().to(device)
    config = TrainConfig(epochs=1, batch_size=30, **options)
    fit(Loop(model, [Update("product", [model.a], watched)], data, config, Stream(0)))
    return model.errors[True], model.errors[False]


def test_training_has_products_in_float32(device, before):
    training, validation = errors_in_training(device)
    assert max(map(max, training + validation)) < FLOAT32
    assert [backend.fp32_precision for backend in BACKENDS] == [before] * 2


def test_training_has_products_in_tf32_only_where_it_was_asked_for(cuda):
    training, validation = errors_in_training(cuda, precision="tf32")
    assert all(product > TF32 for product, _ in training)
    assert max(map(max, validation)) < FLOAT32


def test_a_layer_in_bfloat16_is_the_rounded_product_of_rounded_operands(device):
    x, weight, *_ = (operand.float() for operand in operands(device))
    with products_in("bf16"):
        found = torch.nn.functional.linear(x, weight)
    exact = x.bfloat16().double() @ weight.bfloat16().double().T
    assert found.dtype == torch.float32
    assert ((found - exact).abs() <= 2**-8 * exact.abs() + 1e-3).all()
    assert torch.equal(found, found.bfloat16().float())


@pytest.mark.parametrize("name", ["vae", "vae, convolutions"])
def test_a_users_evaluation_has_products_in_float32(device, name, before):
    data = digits(torch.device("cpu"))
    x, asked = data.held_out("test").x, {"evaluators": ("kl", "active_units"), "seed": 0}
    expected = genbench.evaluate(model_on_cpu(name), x, **asked)
    found = genbench.evaluate(model_on(device, name), x, **asked)
    assert found["value"].tolist() == pytest.approx(expected["value"].tolist(), rel=1e-5)
