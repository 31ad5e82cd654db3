"""Estimators on the GPU against exact answers and against the processor, in float64."""

import warnings

import pytest
import torch

from genbench.core.seeding import Stream
from genbench.distributions.pixels import BernoulliPixels
from genbench.evaluation import runner
from genbench.evaluation.annealing import _Problem
from genbench.evaluation.latent import _count_at
from genbench.evaluation.on_dataset import context_on
from genbench.evaluation.spec import Context
from genbench.inference import aggregate, bounds, hmc, proposals
from genbench.inference.aggregate import Mixture
from genbench.inference.ais import anneal
from genbench.inference.path import Path
from genbench.inference.proposals import orthogonal_draws
from genbench.inference.schedules import temperatures
from genbench.inference.weights import ImportanceWeights
from genbench.models.linear_gaussian import LinearGaussian
from tests.gpu.small import built, digits
from tests.inference.exact_models import SHAPE, WrongPosterior, correlated_data, randn


def fitted_on(device, n=200):
    """Return the linear-Gaussian model, fitted on a device, and its data there."""
    x = correlated_data(n).to(device)
    model = LinearGaussian(3, SHAPE).to(device)
    model.fit(x)
    return model, x


def test_every_bound_is_exact_under_the_true_posterior(device):
    model, x = fitted_on(device)
    exact = model.log_prob(x)
    here, there = fitted_on(torch.device("cpu"))
    assert torch.allclose(exact.cpu(), here.log_prob(there), rtol=1e-10)
    for k in (1, 7, 1100):
        found = bounds.iw_log_likelihood(model, x, k, None, Stream(0))
        assert torch.allclose(found, exact, rtol=1e-11)


@pytest.mark.parametrize("chunk", [1, 37, 499, 2000])
def test_no_bound_depends_on_the_size_of_chunks(device, chunk):
    model, x = fitted_on(device)
    wrong = WrongPosterior(model)
    one, other = (
        bounds.iw_log_likelihood(wrong, x[:20], 1203, size, Stream(0)) for size in (chunk, None)
    )
    assert torch.allclose(one, other, rtol=1e-11)
    assert (one < model.log_prob(x[:20]) + 1e-6).float().mean() > 0.5


def test_statistics_of_weights_are_those_of_the_processor(device):
    log_w = 3 * randn(5000, 7, seed=4)
    here = ImportanceWeights.of(log_w)
    whole, pieces = ImportanceWeights.of(log_w.to(device)), ImportanceWeights(len(log_w))
    for piece in torch.split(log_w.to(device), 37):
        pieces.add(piece)
    for there, tolerance in ((whole, 1e-10), (pieces, 1e-10)):
        for name in ("log_mean", "variance", "mean_log", "extrapolated"):
            expected, found = getattr(here, name)(), getattr(there, name)()
            assert torch.allclose(found.cpu(), expected, rtol=tolerance), name
        for name in ("health", "curve"):
            expected, found = getattr(here, name)(), getattr(there, name)()
            assert found.keys() == expected.keys()
            for key, value in found.items():
                assert torch.allclose(value.cpu(), expected[key], rtol=1e-9), key


@pytest.mark.parametrize("chunk", [2**12, None])
def test_the_aggregate_posterior_is_that_of_the_processor(device, chunk, monkeypatch):
    z, loc, scale = randn(200, 5), randn(300, 5, seed=1), 0.5 + randn(300, 5, seed=2).abs()
    expected = aggregate.log_mixture(z, Mixture(loc, scale))
    if chunk:
        monkeypatch.setattr(aggregate, "DEVICE_CHUNK", chunk)
    found = aggregate.log_mixture(z.to(device), Mixture(loc.to(device), scale.to(device)))
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one.cpu(), other, rtol=1e-10)


@pytest.mark.parametrize("n_dims", [1, 2, 32, 40])
def test_pilot_draws_are_orthogonal_normal_numbers(device, n_dims):
    draws = orthogonal_draws(n_dims, torch.empty(2000, n_dims, device=device))
    columns = draws.movedim(0, -1).double()  # (B, D, D)
    lengths = columns.norm(dim=-2, keepdim=True)
    cosines = (columns / lengths).mT @ (columns / lengths)
    assert torch.allclose(cosines, torch.eye(n_dims).to(cosines).expand_as(cosines), atol=1e-4)
    first = (columns / lengths)[:, 0, 0]
    assert abs(first.mean().item()) < 4 / (n_dims * 2000) ** 0.5
    assert first.square().mean().item() == pytest.approx(1 / n_dims, rel=0.15)
    assert lengths.square().mean().item() == pytest.approx(n_dims, rel=4 * (2 / 2000) ** 0.5)


def test_the_reflections_of_all_matrices_at_once_are_those_of_each(device):
    noise = torch.randn(50, 9, 9, device=device)
    found, packed = proposals._qr(noise)
    expected, factor = torch.linalg.qr(noise)
    assert torch.allclose(found, expected, atol=1e-5)
    signs = [each.diagonal(dim1=-2, dim2=-1).sign() for each in (packed, factor)]
    assert torch.equal(*signs)


def test_active_units_are_counted_as_on_the_processor(device):
    means = randn(400, 6) * torch.tensor([2.0, 1.0, 0.3, 0.1, 0.05, 0.0])
    assert _count_at(means.to(device), [0.01]) == _count_at(means, [0.01])


def test_annealing_comes_close_to_the_exact_value_from_below(device):
    model, x = fitted_on(device)
    x = x[:50]
    exact = model.log_prob(x).mean().item()
    options = {"n_temperatures": 50, "n_leapfrog": 5, "start": "posterior"}
    task = runner.make_task("ais_log_likelihood", options)
    (found,) = runner.evaluate_model(x, None, [task], Context(WrongPosterior(model), Stream(0)))
    (row,) = found.rows
    assert exact - 0.1 - 4 * row.mc_stderr < row.value < exact + 4 * row.mc_stderr


@pytest.fixture
def replays(monkeypatch):
    """The CUDA graphs that are replayed, one entry for each time."""
    replay, seen = torch.cuda.CUDAGraph.replay, []
    monkeypatch.setattr(torch.cuda.CUDAGraph, "replay", lambda g: seen.append(g) or replay(g))
    return seen


def annealed(path, z, n=40):
    step_size = torch.full((n, z.shape[1], 1), 0.1, dtype=z.dtype, device=z.device)
    return anneal(path, z, temperatures(n, "sigmoid"), step_size, 3, Stream(1))


@pytest.mark.parametrize("start", ["prior", "posterior"])
@pytest.mark.parametrize(
    ("recipe", "view"),
    [("vae", {}), ("vae", {"dequantisation": "uniform"}), ("iwae", {})],
    ids=["binary", "grey", "iwae"],
)
@pytest.mark.parametrize("chunk", [None, 2])
@torch.no_grad()
def test_chains_repeated_from_a_graph_have_the_bits_of_plain_ones(
    cuda, recipe, view, start, chunk, monkeypatch, replays
):
    data = digits(cuda, **view)
    problem = _Problem(built(data, recipe).model, data.held_out("test")[0][:20], start)
    path, z = Path(problem.log_densities, chunk), problem.draw(4, Stream(0))
    repeated = annealed(path, z)
    assert len(replays) == 31  # ten are plain, and the tenth verifies
    monkeypatch.setattr(hmc, "PLAIN", 10**9)
    for one, other in zip(repeated, annealed(path, z), strict=True):
        assert torch.equal(one, other)


@torch.no_grad()
def test_chains_whose_density_reads_a_value_are_moved_plainly(cuda, replays):
    def reads(z):
        return -z.square().sum(dim=-1) * float(z.abs().amax() < 1e9), torch.sin(z).sum(dim=-1)

    z = torch.randn(4, 5, 2, device=cuda)
    read = annealed(Path(reads), z)
    assert not replays
    same = annealed(Path(lambda z: (-z.square().sum(dim=-1), torch.sin(z).sum(dim=-1))), z)
    assert len(replays) == 31
    assert torch.equal(read.z, same.z)


@torch.no_grad()
def test_the_memory_of_repeated_chains_is_given_back(cuda):
    data = digits(cuda)
    model, held = built(data, "vae").model, []
    for _ in range(3):
        problem = _Problem(model, data.held_out("test")[0][:20], "prior")
        annealed(Path(problem.log_densities), problem.draw(4, Stream(0)))
        torch.cuda.synchronize()
        held.append(torch.cuda.memory_allocated())
    assert held[2] <= held[0]


@pytest.mark.parametrize("scale", [1.0, 60.0])
def test_the_density_of_pixels_is_that_of_float64_on_the_processor(device, scale):
    logits = scale * randn(50, 1, 8, 8).clamp(-1, 1)
    x = (randn(50, 1, 8, 8, seed=1) / 4 + 0.5).clamp(0, 1)
    numbers = []
    for dtype, there in ((torch.float64, "cpu"), (torch.float32, device)):
        own = logits.to(there, dtype).requires_grad_()
        value = BernoulliPixels(own).log_prob(x.to(there, dtype))
        (slope,) = torch.autograd.grad(value.sum(), own)
        numbers.append((value.detach().double().cpu(), slope.double().cpu()))
    (expected, its_slope), (found, slope) = numbers
    assert torch.allclose(found, expected, rtol=1e-5)
    assert torch.allclose(slope, its_slope, rtol=1e-5, atol=1e-6)


def waits(data, model):
    """Count how often an evaluation of the default metrics waits for the GPU."""
    tasks = [runner.make_task(name) for name in runner.DEFAULT_METRICS]
    context = context_on(data, model, 0)
    x, y = data.held_out("test")
    try:
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            runner.evaluate_model(x, y, tasks, context)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchroniz" in str(warning.message) for warning in told)


WAITS = 16
"""How often a block waits, at most: each decomposition of a fitted proposal asks if it failed."""


def test_an_evaluation_waits_only_a_few_times_a_block(cuda, monkeypatch):
    data = digits(cuda, limit=500)
    model = built(data, "vae").model
    counts = []
    for block in (500, 250, 125):
        monkeypatch.setattr(runner, "DEVICE_DATA_BLOCK", block)
        waits(data, model)  # the first time, libraries are made ready
        counts.append(waits(data, model))
    assert counts[2] <= counts[0] + 3 * WAITS


def test_blocks_are_large_on_a_gpu(cuda):
    assert runner.block_size(cuda, 28 * 28) >= 1000
