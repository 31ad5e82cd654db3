"""Throughput of what takes the time; run with ``pytest tests/benchmarks --benchmark-only``.

Each timed callable waits for the device before it returns. ``extra_info`` holds images per second.
Nothing here asserts a time.
"""

import statistics
import time

import pytest
import torch

from genbench.core.objective import Batch
from genbench.core.seeding import Stream, seeded
from genbench.data import DataConfig, load
from genbench.inference.bounds import iw_log_likelihood
from genbench.inference.weights import ImportanceWeights
from genbench.recipes import DataFacts, recipes
from genbench.training.config import TrainConfig
from genbench.training.loop import Loop

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
TRAIN = TrainConfig(epochs=1_000_000, batch_size=64)
TRAINED = [name for name in recipes if name != "linear_gaussian"]


def synchronised(function):
    """Return ``function``, which also waits for what it has started."""

    def call():
        result = function()
        if DEVICE.type == "cuda":
            torch.cuda.synchronize()
        return result

    return call


@pytest.fixture(scope="module")
def data():
    return load(DataConfig(name="digits", binarisation="dynamic"), device=DEVICE)


@pytest.fixture
def made(data):
    """Return a recipe's model and updates on the device."""

    def make(name, **options):
        mean = data.held_out("train").x.mean(dim=0).cpu()
        chosen = recipes[name].options(latent_dim=8, **options)
        with seeded(0, "init"):
            built = recipes[name].build(DataFacts((1, 8, 8), 10, mean), chosen, TRAIN)
        return built.model.to(DEVICE), built

    return make


@pytest.fixture
def measure(benchmark):
    """Time a callable that treats so many images, with a warm-up, synchronised."""

    def go(function, images):
        call = synchronised(function)
        call()
        result = benchmark(call)
        benchmark.extra_info["device"] = str(DEVICE)
        benchmark.extra_info["images"] = images
        if benchmark.stats is not None:  # None under --benchmark-disable
            benchmark.extra_info["images_per_second"] = images / benchmark.stats.stats.median
        return result

    return go


@pytest.mark.parametrize("network", ["mlp", "conv"])
@pytest.mark.parametrize("name", TRAINED)
def test_training_step(measure, made, data, name, network):
    model, built = made(name, network=network, channels=(16, 32), hidden=(128, 128))
    loop = Loop(model, built.updates, data, TRAIN, Stream(0))
    batch = Batch(*data.train_batch(torch.arange(64)))
    model.train()

    def step():
        for which in range(len(built.updates)):
            loop._optimise(which, batch, step=0, factor=1.0)

    measure(step, images=64)
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_epoch_of_the_vae(measure, made, data):
    model, built = made("vae", hidden=(128, 128))
    loop = Loop(model, built.updates, data, TRAIN, Stream(0))
    means = measure(lambda: loop.run_epoch(0), images=loop.n_batches * loop.batch_size)
    assert means["train.vae.loss"] > 0


@pytest.mark.parametrize("n_samples", [10, 100])
def test_importance_weighted_bound(measure, made, data, n_samples):
    model, _ = made("vae", hidden=(128, 128))
    x = data.held_out("test").x[:250]

    @torch.no_grad()
    def bound():
        return iw_log_likelihood(model.eval(), x, n_samples, 10, Stream(0))

    values = measure(bound, images=len(x))
    assert values.shape == (250,)
    assert (values < 0).all()


def decoder_products(decoder, rows, n_rows):
    """Return a callable that does nothing but the decoder's matrix products, ``rows`` at a time."""
    weights = [layer.weight for layer in decoder.modules() if isinstance(layer, torch.nn.Linear)]
    sizes = [weights[0].shape[1], *(weight.shape[0] for weight in weights)]
    first, *rest = (torch.randn(rows, size, device=DEVICE) for size in sizes)

    @torch.no_grad()
    def products():
        for _ in range(n_rows // rows):
            held = first
            for weight, out in zip(weights, rest, strict=True):
                held = torch.mm(held, weight.T, out=out)
        return held

    return products


def seconds(function, repeats=5):
    """Return the median time of several calls, after a first one."""
    call, times = synchronised(function), []
    call()
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


@pytest.fixture
def mnist_sized():
    """A 784-400-400-32 Bernoulli VAE and a block of 100 binary images."""
    options = recipes["vae"].options(hidden=(400, 400), latent_dim=32)
    with seeded(0, "init"):
        facts = DataFacts((1, 28, 28), 10, torch.full((1, 28, 28), 0.2))
        model = recipes["vae"].build(facts, options, TRAIN).model.to(DEVICE).eval()
        x = (torch.rand(100, 1, 28, 28, device=DEVICE) < 0.2).float()
    return model, x


def test_importance_weighted_bound_beside_the_matrix_products_alone(
    benchmark, measure, mnist_sized
):
    """500 draws: ``share_of_limit`` is the rate over that of the decoder's matrix products."""
    model, x = mnist_sized
    n_samples = 500

    @torch.no_grad()
    def bound():
        return iw_log_likelihood(model, x, n_samples, None, Stream(0))

    values = measure(bound, images=len(x))
    assert (values < 0).all()
    if benchmark.stats is None:
        return
    n_rows = n_samples * len(x)
    limit = min(seconds(decoder_products(model.decoder, r, n_rows)) for r in (500, 1000, 2500))
    benchmark.extra_info["limit_images_per_second"] = len(x) / limit
    benchmark.extra_info["share_of_limit"] = limit / benchmark.stats.stats.median


@pytest.mark.parametrize("n_samples", [100, 5000])
def test_pareto_k_hat(measure, n_samples):
    log_w = torch.randn(n_samples, 100, generator=torch.Generator().manual_seed(0))

    def fit():
        weights = ImportanceWeights(n_samples)
        weights.add(log_w)
        return weights.k_hat

    assert measure(fit, images=100).shape == (100,)


@pytest.mark.parametrize("name", ["vae", "gan"])
def test_sampling(measure, made, name):
    model, _ = made(name, hidden=(128, 128))

    @torch.no_grad()
    def draw():
        return model.eval().sample(1000)

    images = measure(draw, images=1000)
    assert ((images >= 0) & (images <= 1)).all()
