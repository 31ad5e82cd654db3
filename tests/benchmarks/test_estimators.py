"""Single pieces of the estimators, beside what limits them."""

import statistics
import time

import pytest
import torch

from genbench.core.seeding import Stream
from genbench.inference.bounds import iw_log_likelihood
from genbench.inference.weights import ImportanceWeights
from tests.benchmarks.workloads import DEVICE, fresh, images, synchronised


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


def test_iw_bound_beside_the_matrix_products_alone(benchmark, measure):
    """500 draws: ``share_of_limit`` is the rate over that of the decoder's matrix products."""
    n_samples, n_data = 500, 100
    model = fresh("vae", "mlp").model.eval()
    x = images(1, n_data).held_out("test").x

    @torch.no_grad()
    def bound():
        return iw_log_likelihood(model, x, n_samples, None, Stream(0))

    values = measure(bound, images=n_data, n_samples=n_samples)
    assert (values < 0).all()
    if benchmark.stats is None:
        return
    n_rows = n_samples * n_data
    limit = min(seconds(decoder_products(model.decoder, r, n_rows)) for r in (500, 1000, 2500))
    benchmark.extra_info["limit_images_per_second"] = n_data / limit
    benchmark.extra_info["share_of_limit"] = limit / benchmark.stats.stats.median


@pytest.mark.parametrize("n_samples", [100, 5000])
def test_pareto_k_hat(measure, n_samples):
    log_w = torch.randn(n_samples, 100, generator=torch.Generator().manual_seed(0))

    def fit():
        weights = ImportanceWeights(n_samples)
        weights.add(log_w)
        return weights.k_hat

    assert measure(fit, images=100, n_samples=n_samples).shape == (100,)
