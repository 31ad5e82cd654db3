"""The precision of products in training: what is rounded, and that nothing else is."""

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode

from genbench.core.seeding import Stream
from genbench.distributions.pixels import BernoulliPixels
from genbench.training import precision as module
from genbench.training.config import TrainConfig
from genbench.training.loop import Loop, fit
from genbench.training.precision import (
    precision_remark,
    products_in,
    slowness_remark,
    used_precision,
)

CPU = torch.device("cpu")
BF16 = TrainConfig(epochs=3, batch_size=30, precision="bf16")
FLOAT32 = BF16.model_copy(update={"precision": "float32"})

LAYERS = {
    "linear": (functional.linear, (5, 6), (4, 6), 4),
    "conv1d": (functional.conv1d, (5, 2, 6), (4, 2, 3), 4),
    "conv2d": (functional.conv2d, (5, 2, 6, 6), (4, 2, 3, 3), 4),
    "conv_transpose2d": (functional.conv_transpose2d, (5, 2, 6, 6), (2, 4, 3, 3), 4),
    "conv3d": (functional.conv3d, (5, 2, 4, 4, 4), (4, 2, 3, 3, 3), 4),
}


def fractions(shape, seed):
    """Multiples of 1/256 with ten bits: bfloat16 rounds them, and every sum here is exact."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(-1023, 1024, shape, generator=generator) / 256


def rounded(x):
    return x.bfloat16().double()


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_the_rounded_product_of_rounded_operands_and_an_exact_bias(name):
    layer, *shapes, n_out = LAYERS[name]
    x, weight = (fractions(shape, i).requires_grad_() for i, shape in enumerate(shapes))
    bias = fractions((n_out,), 2).requires_grad_()
    with products_in("bf16"):
        found = layer(x, weight, bias)
    exact = layer(rounded(x), rounded(weight))
    column = bias.detach().reshape(-1, *[1] * (weight.ndim - 2))
    assert found.dtype == torch.float32
    assert torch.equal(found, exact.bfloat16().float() + column)
    assert not torch.equal(found, layer(x, weight, bias))


@pytest.mark.parametrize("name", LAYERS)
def test_the_backward_pass_of_a_layer_is_rounded_in_the_same_way(name):
    layer, *shapes, n_out = LAYERS[name]
    tensors = [fractions(shape, i) for i, shape in enumerate((*shapes, (n_out,)))]

    def gradients(round_, precision):
        inputs = [round_(t).requires_grad_() for t in tensors[:2]]
        bias = tensors[2].to(inputs[0].dtype).requires_grad_()
        with products_in(precision):
            output = layer(*inputs, bias)
            slope = fractions(output.shape, 7) / 4
            into_product = torch.autograd.grad(output, inputs, round_(slope), retain_graph=True)
            return *into_product, *torch.autograd.grad(output, bias, slope.to(output.dtype))

    found = gradients(lambda t: t.clone(), "bf16")
    exact = gradients(rounded, "float32")
    assert {gradient.dtype for gradient in found} == {torch.float32}
    for ours, theirs in zip(found[:2], exact[:2], strict=True):
        assert torch.equal(ours, theirs.bfloat16().float())
    assert torch.equal(found[2], exact[2].float())


def test_a_gpu_adds_up_products_in_bfloat16_in_float32():
    products, name = torch.backends.cuda.matmul, "allow_bf16_reduced_precision_reduction"
    before = getattr(products, name)
    with products_in("bf16"):
        assert not getattr(products, name)
    assert getattr(products, name) == before


def test_layers_of_float64_are_left_alone():
    layer, x = nn.Linear(6, 4).double(), fractions((5, 6), 0).double()
    with products_in("bf16"):
        assert torch.equal(layer(x), functional.linear(x, layer.weight, layer.bias))


def test_products_outside_layers_stay_in_float32():
    a, b = torch.rand(9, 7), torch.rand(7, 5)
    logits, x = torch.randn(3, 1, 1, 4, 4), torch.rand(5, 1, 4, 4).round()
    expected = a @ b, torch.einsum("ij,jk", a, b), BernoulliPixels(logits).log_prob(x)
    with products_in("bf16"):
        found = a @ b, torch.einsum("ij,jk", a, b), BernoulliPixels(logits).log_prob(x)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(found, expected, strict=True))


class Dtypes(TorchDispatchMode):
    """Collects the names of the operations that compute with bfloat16 numbers."""

    def __init__(self):
        super().__init__()
        self.rounded = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if any(isinstance(a, torch.Tensor) and a.dtype == torch.bfloat16 for a in args):
            self.rounded.add(func.overloadpacket.__name__)
        return result


VIEWS = {"t", "view", "_unsafe_view", "transpose", "detach", "expand", "permute", "alias", "clone"}
PRODUCTS = {"mm", "convolution", "convolution_backward"}


@pytest.mark.parametrize(
    ("recipe", "options"),
    [("vae", {}), ("gan", {"network": "conv", "batch_norm": True}), ("iwae", {"n_samples": 3})],
)
def test_only_products_are_computed_in_bfloat16(build, data, recipe, options):
    built = build(recipe, BF16, **options)
    loop = Loop(built.model, built.updates, data, BF16, Stream(0, ("train",)))
    with Dtypes() as dtypes:
        loop.run_epoch(0)
    assert dtypes.rounded & PRODUCTS
    assert dtypes.rounded <= PRODUCTS | VIEWS | {"_to_copy"}
    assert all(t.dtype != torch.bfloat16 for t in loop.step.tensors())
    assert loop.step(torch.arange(30), 0.0).dtype == torch.float32


def losses(built, data, config):
    loop = Loop(built.model, built.updates, data, config, Stream(0, ("train",)))
    with loop.stream.seeded():
        logged = loop.step(torch.arange(30), 5.0)
    return dict(zip(loop.step.keys, logged.tolist(), strict=True)), loop.validate()


@pytest.mark.parametrize(
    "recipe", ["ae", "vae", "cvae", "iwae", "gan", "gan_minimax", "beta_vae", "wake_sleep"]
)
def test_a_loss_in_bfloat16_is_that_in_float32_up_to_rounding(build, data, recipe):
    ours, _ = losses(build(recipe, BF16), data, BF16)
    theirs, _ = losses(build(recipe, FLOAT32), data, FLOAT32)
    assert ours != theirs
    assert ours == pytest.approx(theirs, rel=2**-8, abs=2**-8)


def test_validation_is_in_float32(build, data):
    built = build("vae", BF16)
    loops = [
        Loop(built.model, built.updates, data, config, Stream(0, ("train",)))
        for config in (BF16, FLOAT32)
    ]
    assert loops[0].validate() == loops[1].validate()


def test_the_same_seed_twice_gives_the_same_bits(train):
    first, second = (train("vae", BF16)[1] for _ in range(2))
    assert first.history == second.history
    assert all(torch.equal(first.last[k], second.last[k]) for k in first.last)


def test_a_killed_run_ends_in_the_same_bits(train, kill_after, tmp_path):
    whole = train("gan", BF16, batch_norm=True)[1]
    kill_after(2)
    with pytest.raises(KeyboardInterrupt):
        train("gan", BF16, tmp_path / "c.safetensors", batch_norm=True)
    parts = train("gan", BF16, tmp_path / "c.safetensors", batch_norm=True)[1]
    assert whole.history == parts.history
    assert all(torch.equal(whole.last[k], parts.last[k]) for k in whole.last)


def test_a_loss_that_is_not_finite_is_caught(build, data):
    built = build("vae", BF16)
    with torch.no_grad():
        next(built.model.parameters()).mul_(1e38)
    loop = Loop(built.model, built.updates, data, BF16, Stream(0, ("train",)))
    with pytest.raises(ArithmeticError, match="not finite at step 0"):
        fit(loop)


def test_convolutions_of_a_gpu_take_repeatable_algorithms_in_every_precision(monkeypatch):
    cudnn = torch.backends.cudnn
    monkeypatch.setattr(cudnn, "benchmark", True)
    for precision in ("float32", "tf32", "bf16"):
        with products_in(precision):
            assert (cudnn.deterministic, cudnn.benchmark) == (True, False)
        assert (cudnn.deterministic, cudnn.benchmark) == (False, True)


def test_a_processor_has_no_tf32_and_says_so():
    assert used_precision("tf32", CPU) == "float32"
    assert [used_precision(asked, CPU) for asked in ("float32", "bf16")] == ["float32", "bf16"]
    assert precision_remark("tf32", "float32") == (
        "precision = tf32 has no effect without a GPU that has it: products are in float32."
    )
    assert precision_remark("bf16", "bf16") == ""


@pytest.mark.parametrize(("capability", "used"), [((7, 5), "float32"), ((9, 0), "tf32")])
def test_a_gpu_has_tf32_from_compute_capability_8_on(monkeypatch, capability, used):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert used_precision("tf32", torch.device("cuda")) == used
    slow = slowness_remark("bf16", torch.device("cuda"))
    assert bool(slow) == (used == "float32")


@pytest.mark.parametrize("has", [False, True])
def test_a_device_without_bfloat16_instructions_is_named(monkeypatch, has):
    monkeypatch.setattr(module.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has)
    assert bool(slowness_remark("bf16", CPU)) != has
    assert slowness_remark("float32", CPU) == ""


@pytest.mark.parametrize("seed", range(3))
def test_training_in_bfloat16_reaches_the_elbo_of_float32(train, seed):
    """Within 0.05 nats, a third of what these few epochs gain at least."""
    budget = {"epochs": 15, "batch_size": 30, "learning_rate": 2e-2}
    bounds = {}
    for precision in ("float32", "bf16"):
        config = TrainConfig(**budget, precision=precision)
        history = train("vae", config, stream=Stream(seed))[1].history
        bounds[precision] = history[-1]["validation.vae.elbo"]
        assert bounds[precision] > history[0]["validation.vae.elbo"] + 0.15
    assert bounds["bf16"] == pytest.approx(bounds["float32"], abs=0.05)
