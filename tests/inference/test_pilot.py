"""The pilot that finds step sizes, and nothing else."""

import pytest
import torch

from genbench.inference.hmc import Transitions
from genbench.inference.path import Path
from genbench.inference.pilot import JITTER, TARGET, jitter, smooth, tune
from genbench.inference.schedules import temperatures
from tests.draws import randn
from tests.inference.annealed import STREAM, bent, gaussian, to_gaussian

N_DIMS = 20


def acceptance(densities, beta, draws, step_size):
    """Mean acceptance probability in equilibrium at one temperature, (B,)."""
    path = Path(densities)
    _, probability = Transitions(path, 10)(path.at(draws), beta, step_size, STREAM.child("check"))
    return probability.mean(dim=0)


@pytest.mark.parametrize("scale", [1e-4, 0.1, 1.0, 30.0])
def test_step_sizes_give_the_target_acceptance_whatever_the_scale(scale):
    draws = scale * randn(4, 10, N_DIMS)
    step_size = tune(
        Path(gaussian([scale] * N_DIMS)), draws, temperatures(50, "linear"), 10, STREAM
    )
    fresh = scale * randn(200, 10, N_DIMS, seed=1)
    found = [acceptance(gaussian([scale] * N_DIMS), 1.0, fresh, s) for s in step_size[::5]]
    assert abs(torch.stack(found).mean().item() - TARGET) < 0.08


@pytest.mark.parametrize("scale", [1e-3, 3.0])
@pytest.mark.parametrize("schedule", ["linear", "sigmoid"])
def test_step_sizes_follow_a_density_that_sharpens_or_flattens(scale, schedule):
    n = 150
    betas = temperatures(n, schedule)
    densities = to_gaussian(scale)
    step_size = tune(Path(densities), randn(4, 6, N_DIMS), betas, 10, STREAM)
    found = []
    for t in range(60, n + 1, 6):
        beta = betas[t].item()
        width = (1 - beta + beta / scale**2) ** -0.5
        draws = width * randn(60, 6, N_DIMS, seed=t)
        found.append(acceptance(densities, beta, draws, step_size[t - 1]))
    per_datum = torch.stack(found).mean(dim=0)
    # where the density flattens, the lag errs towards small steps
    assert -0.08 < per_datum.mean().item() - TARGET < 0.16
    assert per_datum.min().item() > 0.5
    assert per_datum.max().item() < 0.9


def test_step_sizes_of_a_datum_do_not_depend_on_other_data():
    def changed(z):
        log_start, log_ratio = bent(z)
        factor = torch.ones(z.shape[1], dtype=z.dtype)
        factor[1:] = 9.0
        return log_start, factor * log_ratio

    betas = temperatures(60, "sigmoid")
    one, two = (tune(Path(f), randn(4, 3, 2), betas, 5, STREAM) for f in (bent, changed))
    assert torch.equal(one[:, 0], two[:, 0])
    assert not torch.equal(one[:, 1:], two[:, 1:])
    assert one.shape == (60, 3, 1)


def test_few_temperatures_are_tuned_as_well_as_many():
    draws = randn(4, 8, N_DIMS)
    for n in (1, 3):
        step_size = tune(
            Path(gaussian([0.2] * N_DIMS)), draws * 0.2, temperatures(n, "linear"), 10, STREAM
        )
        assert len(step_size) == n
        fresh = 0.2 * randn(200, 8, N_DIMS, seed=1)
        found = torch.stack(
            [acceptance(gaussian([0.2] * N_DIMS), 1.0, fresh, s) for s in step_size]
        )
        assert 0.4 < found.mean().item() < 0.95


def test_smoothing_keeps_constants_and_lines_and_reduces_noise():
    line = torch.arange(200.0, dtype=torch.float64).unsqueeze(-1).expand(200, 2)
    smoothed = smooth(line)
    assert smoothed.shape == line.shape
    assert torch.allclose(smoothed[10:-10], line[10:-10], rtol=1e-12)
    assert torch.allclose(smooth(torch.full((7, 3), 2.0)), torch.full((7, 3), 2.0))
    noise = randn(1000, 3)
    assert smooth(noise).std().item() < 0.3 * noise.std().item()


def test_jitter_is_fixed_and_averages_to_one():
    factors = torch.tensor(jitter(500))
    assert jitter(500) == jitter(500)
    assert factors.mean().item() == pytest.approx(1.0, abs=1e-3)
    assert factors.min().item() >= 1 - JITTER
    assert factors.max().item() <= 1 + JITTER
    assert factors.diff().abs().min().item() > 0.1 * JITTER
