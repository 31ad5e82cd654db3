"""Hamiltonian Monte Carlo: what makes it leave a density invariant."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genbench.inference.hmc import FARTHEST, Transitions, kinetic_energy, leapfrog
from genbench.inference.path import Path
from tests.draws import randn
from tests.inference.annealed import STREAM, bent, gaussian, points

BETA = 0.6


def energy(state, momentum):
    return kinetic_energy(momentum) - state.log_density(BETA)


def follow(z, momentum, step, n_leapfrog):
    path = Path(bent)
    step_size = torch.as_tensor(step, dtype=z.dtype)
    end, final, inside = leapfrog(path, path.at(z), BETA, momentum, step_size, n_leapfrog)
    assert bool(inside.all())
    return end, final


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.floats(0.01, 0.15), st.integers(1, 12))
def test_leapfrog_returns_when_its_momentum_is_reversed(seed, step, n_leapfrog):
    z, momentum = points(seed=seed).clamp(-1.5, 1.5), points(seed=seed + 1)
    end, final = follow(z, momentum, step, n_leapfrog)
    back, final_back = follow(end.z, -final, step, n_leapfrog)
    assert torch.allclose(back.z, z, rtol=0, atol=1e-9)
    assert torch.allclose(-final_back, momentum, rtol=0, atol=1e-9)


def test_leapfrog_preserves_volume():
    place = torch.tensor([0.3, -0.8, 0.5, 1.1], dtype=torch.float64)

    def mapped(both):
        end, final = follow(both[:, :2].unsqueeze(1), both[:, 2:].unsqueeze(1), 0.2, 7)
        return torch.cat((end.z, final), dim=-1).squeeze(1)

    h = 1e-5
    shifts = h * torch.eye(4, dtype=torch.float64)
    jacobian = (mapped(place + shifts) - mapped(place - shifts)) / (2 * h)
    assert float(torch.linalg.det(jacobian)) == pytest.approx(1.0, abs=1e-7)
    assert not torch.allclose(jacobian, torch.eye(4, dtype=torch.float64), atol=0.1)


def test_energy_error_falls_with_the_square_of_the_step_size():
    z, momentum = 0.5 * points(), points(seed=1)
    before = energy(Path(bent).at(z), momentum)
    errors = [
        (energy(*follow(z, momentum, 0.4 / n, n)) - before).abs() for n in (40, 80, 160)
    ]  # the same time along the trajectory
    for coarse, fine in itertools.pairwise(errors):
        assert torch.allclose(coarse / fine, torch.tensor(4.0).double(), rtol=0.05)


def test_step_sizes_may_differ_by_datum():
    z, momentum = points(), points(seed=1)
    steps = torch.tensor([0.01, 0.02, 0.05, 0.1], dtype=torch.float64)
    together, _ = follow(z, momentum, steps.unsqueeze(-1), 5)
    for i, step in enumerate(steps):
        alone, _ = follow(z, momentum, step, 5)
        assert torch.equal(together.z[:, i], alone.z[:, i])


def test_a_gaussian_stays_what_it_is_though_many_proposals_are_rejected():
    scale = torch.tensor([1.0, 0.5, 2.0], dtype=torch.float64)
    n = 40_000
    path = Path(gaussian(scale))
    state = path.at(scale * randn(n, 1, 3))
    step = torch.tensor(0.83, dtype=torch.float64)
    for t in range(4):
        state, probability = Transitions(path, 3)(state, 1.0, step, STREAM.child(t))
    assert 0.3 < probability.mean().item() < 0.9
    moments = (state.z / scale).squeeze(1)
    for found, expected, spread in (
        (moments, 0.0, 1.0),
        (moments.square(), 1.0, math.sqrt(2)),
        (moments.pow(4), 3.0, math.sqrt(96)),
    ):
        assert (found.mean(dim=0) - expected).abs().max().item() < 4 * spread / math.sqrt(n)


def test_a_density_that_is_not_gaussian_stays_what_it_is():
    """E[z_i d log f / d z_i] = -1 for every density that vanishes far out."""
    n = 20_000
    path = Path(lambda z: (-z.pow(4).sum(-1) / 4, -z.square().sum(-1)))
    state = path.at(0.5 * randn(n, 1, 2))
    for t in range(30):
        step = torch.tensor(0.6, dtype=torch.float64)
        state, probability = Transitions(path, 3)(state, 0.5, step, STREAM.child(t))
    assert 0.5 < probability.mean().item() < 0.97
    virial = (state.z * state.gradient(0.5)).squeeze(1)
    for found in virial.unbind(dim=1):
        assert abs(found.mean().item() + 1) < 4 * found.std().item() / math.sqrt(n)


def test_acceptance_approaches_one_as_the_step_size_vanishes():
    path = Path(bent)
    state = path.at(points())
    shortfalls = []
    for step in (1e-2, 1e-3):
        size = torch.tensor(step, dtype=torch.float64)
        _, probability = Transitions(path, 5)(state, BETA, size, STREAM)
        shortfalls.append(1 - probability.min().item())
    assert shortfalls[0] < 1e-2
    assert shortfalls[1] < 1e-5


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_proposals_of_infinite_or_undefined_density_are_rejected(bad):
    def holed(z):
        log_density = -0.5 * z.square().sum(dim=-1)
        return torch.where(z[..., 0] > 0, log_density, bad), torch.zeros_like(log_density)

    path = Path(holed)
    state = path.at(points(n_chains=50).abs())
    for t in range(5):
        step = torch.tensor(0.9, dtype=torch.float64)
        state, probability = Transitions(path, 2)(state, 1.0, step, STREAM.child(t))
        assert bool(probability.isfinite().all())
    assert bool((state.z[..., 0] > 0).all())
    assert bool(state.log_start.isfinite().all())


@pytest.mark.parametrize("step", [1e5, 1e30, 1e200, math.inf])
def test_a_trajectory_that_diverges_is_rejected_and_never_shown_to_the_model(step):
    seen = []

    def watched(z):
        seen.append(z.detach().abs().max().item())
        return bent(z)

    path = Path(watched)
    start = path.at(points())
    size = torch.tensor([step, step, 1e-3, step], dtype=torch.float64).unsqueeze(-1)
    state, probability = Transitions(path, 10)(start, BETA, size, STREAM)
    assert probability[:, 2].min().item() > 0.99
    assert not probability[:, [0, 1, 3]].any()
    assert torch.equal(state.z[:, [0, 1, 3]], start.z[:, [0, 1, 3]])
    assert not torch.equal(state.z[:, 2], start.z[:, 2])
    assert max(seen) <= FARTHEST


def test_one_gradient_is_evaluated_per_leapfrog_step():
    calls = []

    def counted(z):
        calls.append(len(z))
        return bent(z)

    path = Path(counted)
    state = path.at(points())
    for t in range(3):
        state, _ = Transitions(path, 7)(state, 0.1 * t, torch.tensor(0.1), STREAM.child(t))
    assert len(calls) == 1 + 3 * 7


def test_chains_and_data_accept_by_themselves():
    path = Path(bent)
    moved = points()
    moved[1, 2] += 0.5
    step = torch.tensor(0.3, dtype=torch.float64)
    one, _ = Transitions(path, 5)(path.at(points()), BETA, step, STREAM)
    two, _ = Transitions(path, 5)(path.at(moved), BETA, step, STREAM)
    same = torch.ones(3, 4, dtype=torch.bool)
    same[1, 2] = False
    assert torch.equal(one.z[same], two.z[same])
    assert not torch.equal(one.z[1, 2], two.z[1, 2])


def test_the_state_after_a_transition_is_the_density_at_its_z():
    path = Path(bent)
    step = torch.tensor(0.5, dtype=torch.float64)
    state, probability = Transitions(path, 5)(path.at(points()), BETA, step, STREAM)
    assert probability.min().item() < 0.9
    for kept, fresh in zip(state, path.at(state.z), strict=True):
        assert torch.equal(kept, fresh)
