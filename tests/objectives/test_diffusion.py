"""The objective of diffusion models: unbiased for the bound, whatever the batch."""

import pytest
import torch

from genbench.core.objective import Batch
from genbench.core.seeding import seeded
from genbench.objectives.diffusion import NegativeDiffusionElbo, spread_steps
from tests.models.test_diffusion import SHAPE, network, stderr

CPU = torch.device("cpu")


def batch(n, seed=0):
    x = torch.rand(n, *SHAPE, generator=torch.Generator().manual_seed(seed)).double()
    return Batch(x, torch.zeros(n))


@pytest.mark.parametrize("hybrid", [False, True])
def test_its_mean_is_the_negative_bound(hybrid):
    model, data = network(), batch(7)
    with seeded(0, "loss"):
        losses = [NegativeDiffusionElbo(hybrid)(model, data) for _ in range(4_000)]
    found = torch.stack([loss.logged["elbo"] for loss in losses])
    with seeded(0, "draws"):
        draws = model.elbo_draws(data.x, 4_000)
    error = (float(found.std()) ** 2 / len(found) + stderr(draws) ** 2) ** 0.5
    assert abs(float(found.mean() - draws.mean())) < 4 * error
    assert error < 0.1
    for loss in losses[:5]:
        error = loss.logged["noise_mse"] * 3  # numbers in an image
        extra = 0.5 * model.n_steps * error if hybrid else 0.0
        assert float(loss.value) == pytest.approx(float(extra - loss.logged["elbo"]), rel=1e-12)


@pytest.mark.parametrize(("n", "n_steps"), [(1, 5), (3, 7), (10, 5), (64, 100)])
def test_steps_are_spread_evenly_and_uniform_for_each_datum(n, n_steps):
    with seeded(0, "t"):
        drawn = torch.stack([spread_steps(n, n_steps, CPU) for _ in range(3_000)])
    assert (drawn.min(), drawn.max()) == (1, n_steps)
    for t in drawn[:50]:
        counts = torch.bincount(t - 1, minlength=n_steps)
        assert int(counts.max()) <= -(-n // n_steps) + 1
    share = torch.bincount(drawn[:, -1] - 1, minlength=n_steps) / 3_000
    band = 4.5 * (1 / n_steps * (1 - 1 / n_steps) / 3_000) ** 0.5
    assert float((share - 1 / n_steps).abs().max()) < band
