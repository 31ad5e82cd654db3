"""Annealed importance sampling against exact answers."""

import math

import pytest
import torch

from genbench.inference import ais as module
from genbench.inference import hmc
from genbench.inference.ais import Annealing, ais, anneal, reversed_ais
from genbench.inference.hmc import Transitions
from genbench.inference.path import Path
from genbench.inference.pilot import tune
from genbench.inference.schedules import temperatures
from tests.draws import randn
from tests.inference.annealed import STREAM, bent, model_draws, model_path
from tests.inference.exact_models import IgnoresLatent, WrongPosterior, correlated_data, fitted

X = correlated_data(300)
MODEL = fitted(X)
DATA = X[:30]
LOG_PX = MODEL.log_prob(DATA)
GRID = torch.linspace(-8, 8, 400_001, dtype=torch.float64)


def run(model, x, plan, start="prior", n_chains=8, seed=0):
    z = model_draws(model, x, n_chains, start, seed)
    pilot = model_draws(model, x, 4, start, seed + 1000)
    return ais(model_path(model, x, start), z, pilot, plan, STREAM.child(seed))


def below(values, bound=0.0):
    """The mean of values is at most the bound, within four standard errors."""
    return values.mean().item() <= bound + 4 * values.std().item() / math.sqrt(len(values))


@pytest.mark.parametrize("schedule", ["linear", "sigmoid"])
@pytest.mark.parametrize("n", [1, 2, 17])
@pytest.mark.parametrize("start", ["prior", "posterior"])
def test_weights_are_exact_where_the_latent_is_ignored(schedule, n, start):
    model = IgnoresLatent(DATA[0])
    found = run(model, DATA, Annealing(n, 3, schedule), start)
    expected = model.log_px(DATA).expand(8, -1)
    assert found.log_weight.dtype == torch.float64
    assert torch.allclose(found.log_weight, expected, rtol=1e-13, atol=1e-13)
    assert torch.allclose(found.weights().log_mean(), expected[0], rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("n", [1, 5, 40])
def test_weights_are_exact_from_the_true_posterior(n):
    plan = Annealing(n, 4)
    found = run(MODEL, DATA, plan, "posterior")
    assert torch.allclose(found.log_weight, LOG_PX.expand(8, -1), rtol=1e-12, atol=1e-12)
    back = reversed_ais(model_path(MODEL, DATA, "posterior"), found.z, found, plan, STREAM)
    assert torch.allclose(back.log_weight, LOG_PX.expand(8, -1), rtol=1e-12, atol=1e-12)


def test_one_temperature_is_importance_sampling():
    model = WrongPosterior(MODEL)
    found = run(model, DATA, Annealing(1, 2), "posterior")
    state = model_path(model, DATA, "posterior").at(model_draws(model, DATA, 8, "posterior"))
    assert torch.equal(found.log_weight, state.log_ratio)


@pytest.mark.parametrize("start", ["prior", "posterior"])
def test_forward_and_reverse_bracket_log_px(start):
    model, plan = WrongPosterior(MODEL), Annealing(60, 5)
    forward = run(model, DATA, plan, start)
    exact = MODEL.posterior(DATA)
    with STREAM.child("exact").seeded():
        z = exact.sample().expand(8, -1, -1)  # one draw for all chains of a datum
    reverse = reversed_ais(model_path(model, DATA, start), z, forward, plan, STREAM)
    assert below(forward.weights().log_mean() - LOG_PX)
    assert below(LOG_PX + reverse.inverse_weights().log_mean())
    gap = -reverse.inverse_weights().log_mean() - forward.weights().log_mean()
    assert gap.mean().item() > 0
    assert gap.mean().item() < 3


def test_error_shrinks_like_one_over_the_number_of_temperatures():
    model, sizes = WrongPosterior(MODEL, shift=0.5, widen=2.0), (5, 15, 45)
    path, z = model_path(model, DATA, "posterior"), model_draws(model, DATA, 60, "posterior")
    step = 0.8 * MODEL.posterior(DATA).stddev.amin(dim=-1, keepdim=True)
    errors = []
    for n in sizes:
        betas = temperatures(n, "linear")
        found = anneal(path, z, betas, step.expand(n, -1, -1), 6, STREAM)
        errors.append((LOG_PX - found.log_weight).mean().item())
    log_n = torch.tensor(sizes, dtype=torch.float64).log()
    log_error = torch.tensor(errors, dtype=torch.float64).log()
    slope = ((log_n - log_n.mean()) * log_error).sum() / (log_n - log_n.mean()).square().sum()
    assert -1.3 < slope.item() < -0.7


def test_more_temperatures_bring_the_bound_of_prior_started_chains_closer():
    errors = [
        (LOG_PX - run(MODEL, DATA, Annealing(n, 5)).weights().log_mean()).mean().item()
        for n in (10, 60)
    ]
    assert errors[0] > 3 * errors[1]


# --- a double well in one dimension, integrated numerically ---


def wells(z):
    """log start = log N(z; 0, 1), and a ratio with two modes of unequal weight."""
    log_start = -0.5 * z.square().sum(-1) - 0.5 * math.log(2 * math.pi)
    one = z[..., 0]
    return log_start, -3 * (one.square() - 1.5).square() + 0.8 * one


def log_evidence():
    log_start, log_ratio = wells(GRID.unsqueeze(-1))
    return torch.logsumexp(log_start + log_ratio, dim=0) + (GRID[1] - GRID[0]).log()


def well_draws(n):
    """Exact draws (n, 1, 1) of the end of the path, by inverting its distribution function."""
    log_start, log_ratio = wells(GRID.unsqueeze(-1))
    cumulative = (log_start + log_ratio - log_evidence()).exp().cumsum(0) * (GRID[1] - GRID[0])
    with STREAM.child("wells").seeded():
        u = torch.rand(n, dtype=torch.float64)
    return GRID[torch.searchsorted(cumulative, u).clamp(max=len(GRID) - 1)].reshape(n, 1, 1)


def require_unbiased_weights(n_temperatures=6, n=20_000):
    """E[w] = Z forward and E[1/w] = 1/Z in reverse, with few temperatures and poor steps."""
    plan = Annealing(n_temperatures, 3)
    forward = ais(Path(wells), randn(n, 1, 1), randn(4, 1, 1, seed=1), plan, STREAM)
    reverse = reversed_ais(Path(wells), well_draws(n), forward, plan, STREAM)
    for log_w in (forward.log_weight - log_evidence(), log_evidence() - reverse.log_weight):
        weights = log_w.exp()
        assert weights.std().item() > 0.1
        assert abs(weights.mean().item() - 1) < 4 * weights.std().item() / math.sqrt(n)


def test_weights_average_to_the_evidence_and_their_inverses_to_its_inverse():
    require_unbiased_weights()


def test_reverse_chains_that_share_one_start_average_to_the_inverse_evidence_over_starts():
    n, plan = 5000, Annealing(6, 3)
    betas, step = temperatures(6, "sigmoid"), torch.full((6, 1, 1), 0.4, dtype=torch.float64)
    shared = well_draws(n).reshape(1, n, 1).expand(3, n, 1)
    found = anneal(Path(wells), shared, betas, step, plan.n_leapfrog, STREAM, reverse=True)
    weights = (log_evidence() - found.log_weight).exp().mean(dim=0)
    assert abs(weights.mean().item() - 1) < 4 * weights.std().item() / math.sqrt(n)
    assert weights.std().item() < (log_evidence() - found.log_weight).exp().std().item()


def test_weighted_draws_are_draws_of_the_joint():
    plan = Annealing(10, 3)
    n = 20_000
    found = ais(Path(wells), randn(n, 1, 1), randn(4, 1, 1, seed=1), plan, STREAM)
    weights = torch.softmax(found.log_weight, dim=0).flatten()
    positive = (found.z.flatten() > 0).double()
    log_start, log_ratio = wells(GRID.unsqueeze(-1))
    density = (log_start + log_ratio - log_evidence()).exp() * (GRID[1] - GRID[0])
    expected = density[GRID > 0].sum()
    stderr = (weights * (positive - expected)).square().sum().sqrt()
    assert abs(((weights * positive).sum() - expected).item()) < 4 * stderr.item()


# --- frozen step sizes ---


def require_frozen_step_sizes():
    """Every trajectory of a weighted chain takes the pilot's step size, the same for all chains."""
    betas, z, pilot = temperatures(30, "sigmoid"), randn(5, 4, 2), randn(4, 4, 2, seed=1)
    expected = tune(Path(bent), pilot, betas, 3, STREAM.child("pilot"))
    taken, real = [], hmc.leapfrog

    def recorded(path, state, beta, momentum, step_size, n_leapfrog):
        taken.append((beta, step_size.clone().expand(len(state.z), 4, 1)))
        return real(path, state, beta, momentum, step_size, n_leapfrog)

    hmc.leapfrog = recorded
    try:
        found = ais(Path(bent), z, pilot, Annealing(30, 3), STREAM)
        n_forward = len(taken)
        reversed_ais(Path(bent), z, found, Annealing(30, 3), STREAM)
    finally:
        hmc.leapfrog = real
    assert torch.equal(found.step_size, expected)
    forward, reverse = taken[n_forward - 30 : n_forward], taken[n_forward:]
    for walk, order in ((forward, range(30)), (reverse, range(29, -1, -1))):
        assert [beta for beta, _ in walk] == [betas[t + 1].item() for t in order]
        for (_, step), t in zip(walk, order, strict=True):
            assert torch.equal(step, expected[t].expand(5, 4, 1))


def test_step_sizes_are_frozen_before_the_weighted_chain_starts():
    require_frozen_step_sizes()


def test_a_step_size_that_adapts_inside_the_weighted_chain_is_noticed(monkeypatch):
    class Adapting(Transitions):
        scale = 1.0

        def __call__(self, state, beta, step_size, stream):
            state, probability = super().__call__(state, beta, step_size * self.scale, stream)
            self.scale *= 1.02 if probability.mean().item() > 0.65 else 0.98
            return state, probability

    monkeypatch.setattr(module, "Transitions", Adapting)
    with pytest.raises(AssertionError):
        require_frozen_step_sizes()


def test_step_sizes_depend_on_the_pilot_alone():
    plan, pilot = Annealing(20, 3), randn(4, 4, 2, seed=1)
    one, two = (ais(Path(bent), randn(n, 4, 2, seed=n), pilot, plan, STREAM) for n in (3, 7))
    assert torch.equal(one.step_size, two.step_size)


def test_weights_of_a_datum_do_not_depend_on_other_data():
    changed = DATA.clone()
    changed[1:] = changed[1:] * 3 + 1
    one, two = (run(MODEL, x, Annealing(20, 4)) for x in (DATA, changed))
    assert torch.allclose(one.log_weight[:, 0], two.log_weight[:, 0], rtol=1e-9)
    assert not torch.allclose(one.log_weight[:, 1:], two.log_weight[:, 1:], rtol=1e-2)


def test_another_stream_gives_other_weights_and_the_same_one_the_same():
    plan = Annealing(10, 3)
    one, again, other = (run(MODEL, DATA, plan, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(one.log_weight, again.log_weight)
    assert not torch.allclose(one.log_weight, other.log_weight, rtol=1e-3)


def test_a_chain_of_weight_zero_is_counted_and_does_no_harm():
    def holed(z):
        log_start = -0.5 * z.square().sum(-1)
        half = torch.where(z[..., 0] > 0, math.log(2.0), -math.inf).to(z.dtype)
        return log_start, half

    found = ais(Path(holed), randn(2000, 1, 1), randn(4, 1, 1, seed=1), Annealing(1, 2), STREAM)
    assert bool((found.log_weight == -math.inf).any())
    share = 0.5 / math.sqrt(2000) * 2
    assert abs(found.weights().log_mean().exp().item() - 1) < 4 * share


def test_shapes_and_acceptance_are_per_datum():
    found = run(MODEL, DATA, Annealing(20, 4))
    assert found.log_weight.shape == (8, 30)
    assert found.z.shape == (8, 30, 3)
    assert found.acceptance.shape == (30,)
    assert found.step_size.shape == (20, 30, 1)
    assert 0.5 < found.acceptance.mean().item() < 0.95
