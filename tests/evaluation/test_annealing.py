"""AIS and the bidirectional gap as evaluators report them."""

import math

import pytest
import torch
from torch.distributions import Categorical, Independent, Normal, Uniform
from torch.utils._python_dispatch import TorchDispatchMode

import genbench.evaluation.annealing as module
from genbench.inference.path import chunk_within_memory
from tests.draws import randn
from tests.evaluation.helpers import LINEAR, Labelled, UserVae, X, only, outcome, small_gan
from tests.inference.exact_models import SHAPE, DiscreteVae, IgnoresLatent, WrongPosterior

SHORT = {"n_chains": 4, "n_temperatures": 20, "n_leapfrog": 3}
DATA = X[:100]
LOG_PX = LINEAR.log_prob(DATA)
NAMES = ("ais_log_likelihood", "bdmc_gap")


def evaluate(name, model, x=DATA, **options):
    return outcome(model, name, x=x, **(SHORT | options))


def mean_and_stderr(values):
    return values.mean().item(), values.std().item() / math.sqrt(len(values))


def require_a_lower_bound(**options):
    found = evaluate("ais_log_likelihood", WrongPosterior(LINEAR), **options)
    excess, stderr = mean_and_stderr(found.per_datum - LOG_PX)
    assert excess < 4 * stderr
    return found, excess


@pytest.mark.parametrize("start", ["prior", "posterior"])
def test_ais_is_a_lower_bound_with_its_health(start):
    found, excess = require_a_lower_bound(start=start, n_temperatures=60)
    assert excess > -3
    row = only(found)
    assert (row.kind, row.unit, row.better, row.n) == ("lower_bound", "nats", "higher", 100)
    assert set(row.health) == {"ess", "ess_min", "max_weight", "acceptance", "step_size"}
    assert 1 <= row.health["ess"] <= 4
    assert 0.25 <= row.health["max_weight"] <= 1
    assert 0.4 < row.health["acceptance"] < 1
    assert row.mc_stderr is not None
    assert 0 < row.mc_stderr < row.stderr


def test_monte_carlo_error_is_that_of_repetitions():
    options = {"start": "posterior", "n_temperatures": 40, "n_chains": 16}
    runs = [
        outcome(WrongPosterior(LINEAR), "ais_log_likelihood", x=DATA, seed=seed, **SHORT | options)
        for seed in range(3)
    ]
    spread = torch.stack([run.per_datum for run in runs]).var(dim=0).mean().item()
    claimed = sum(only(run).mc_stderr ** 2 for run in runs) / 3 * len(DATA)
    assert 0.5 < claimed / spread < 2


@pytest.mark.parametrize("schedule", ["linear", "sigmoid"])
def test_ais_is_exact_where_the_latent_is_ignored(schedule):
    model = IgnoresLatent(X[0])
    found = evaluate("ais_log_likelihood", model, schedule=schedule)
    assert torch.allclose(found.per_datum, model.log_px(DATA), rtol=1e-13, atol=1e-13)
    gap = evaluate("bdmc_gap", model, schedule=schedule)
    assert gap.per_datum.abs().max().item() < 1e-11


def test_ais_from_the_true_posterior_is_exact():
    model = WrongPosterior(LINEAR, shift=0.0, widen=1.0)
    found = evaluate("ais_log_likelihood", model, start="posterior")
    assert torch.allclose(found.per_datum, LOG_PX, rtol=1e-11, atol=0)
    gap = evaluate("bdmc_gap", model, start="posterior")
    assert gap.per_datum.abs().max().item() < 1e-10
    assert only(found).mc_stderr < 1e-6


def test_a_model_that_knows_its_density_gives_it_and_has_no_gap():
    found = evaluate("ais_log_likelihood", LINEAR)
    assert torch.equal(found.per_datum, LOG_PX)
    gap = evaluate("bdmc_gap", LINEAR)
    assert not gap.per_datum.any()
    for row in (only(found), only(gap)):
        assert row.kind == "exact"
        assert "log p(x) is known" in row.reason


@pytest.mark.parametrize("start", ["prior", "posterior"])
def test_the_gap_is_positive_and_shrinks_with_more_temperatures(start):
    model = WrongPosterior(LINEAR)
    few, many = (
        evaluate("bdmc_gap", model, start=start, n_temperatures=n).per_datum for n in (5, 60)
    )
    assert only(evaluate("bdmc_gap", model, n_temperatures=2)).kind == "upper_bound"
    for gap in (few, many):
        mean, stderr = mean_and_stderr(gap)
        assert mean > -4 * stderr
    assert many.mean().item() < few.mean().item() / 2


def test_the_gap_bounds_the_error_on_simulated_data(monkeypatch):
    """log p lies between the two ends of the gap on the data that were drawn."""
    seen, real = [], module._simulate

    def simulate(*args):
        z, x = real(*args)
        seen.append(x)
        return z, x

    monkeypatch.setattr(module, "_simulate", simulate)
    model = WrongPosterior(LINEAR)
    lower = []
    real_forward = module._forward

    def forward(*args):
        problem, found = real_forward(*args)
        lower.append(found.weights().log_mean())
        return problem, found

    monkeypatch.setattr(module, "_forward", forward)
    gap = evaluate("bdmc_gap", model, n_temperatures=40).per_datum
    exact = LINEAR.log_prob(seen[0])
    for slack in (exact - lower[0], lower[0] + gap - exact):
        mean, stderr = mean_and_stderr(slack)
        assert mean > -4 * stderr
    assert seen[0].shape == DATA.shape
    assert abs(seen[0].mean().item() - X.mean().item()) < 0.2


@pytest.mark.parametrize("name", NAMES)
def test_starting_from_the_posterior_needs_one(name):
    class NoEncoder:
        def __init__(self):
            self.prior, self.observation_model = LINEAR.prior, LINEAR.observation_model

    row = only(evaluate(name, NoEncoder(), start="posterior"))
    assert row.status == "not_applicable"
    assert "posterior(x)" in row.reason
    assert only(evaluate(name, NoEncoder())).status == "ok"


@pytest.mark.parametrize("name", NAMES)
def test_a_discrete_latent_cannot_be_annealed(name):
    row = only(evaluate(name, DiscreteVae(), x=DiscreteVae.all_data()))
    assert row.status == "not_applicable"
    assert "not a real vector" in row.reason


@pytest.mark.parametrize("name", NAMES)
def test_a_bare_gan_has_no_density_to_anneal(name):
    assert only(evaluate(name, small_gan())).status == "not_applicable"


class OnAnInterval:
    """z uniform on [-1, 3], x given z normal about (z, 2 z): integrable by quadrature."""

    def prior(self):
        low = torch.tensor([-1.0], dtype=torch.float64)
        return Independent(Uniform(low, low + 4), 1)

    def observation_model(self, z):
        return Independent(Normal(torch.cat((z, 2 * z), dim=-1), 0.5), 1)

    def log_px(self, x):
        z = torch.linspace(-1, 3, 20_001, dtype=torch.float64).reshape(-1, 1, 1)
        log_px_z = self.observation_model(z).log_prob(x)
        return log_px_z.logsumexp(dim=0) - math.log(len(z))


def test_a_latent_of_bounded_support_is_annealed_within_it():
    model = OnAnInterval()
    x = torch.tensor([[1.0, 2.0], [-1.0, -2.0], [3.5, 5.5]], dtype=torch.float64)
    x = x.repeat_interleave(20, dim=0)
    found = evaluate("ais_log_likelihood", model, x=x, n_chains=16, n_temperatures=60)
    means = found.per_datum.reshape(3, 20)
    stderr = means.std(dim=1) / math.sqrt(20)
    errors = means.mean(dim=1) - model.log_px(x[::20])
    assert bool((errors < 4 * stderr + 1e-3).all())
    assert bool((errors > -0.3).all())
    gap = evaluate("bdmc_gap", model, x=x, n_chains=16, n_temperatures=60).per_datum
    assert -0.1 < gap.mean().item() < 0.5


@pytest.mark.parametrize("name", NAMES)
def test_a_vector_prior_over_categories_is_no_vector_of_reals(name):
    class Categories(OnAnInterval):
        def prior(self):
            return Independent(Categorical(logits=torch.zeros(2, 3)), 1)

    assert only(evaluate(name, Categories())).status == "not_applicable"


def test_a_users_float32_model_with_checks_on_is_annealed_and_keeps_its_gradients_clean():
    model = UserVae(event=(20,))
    x = (randn(5, 20, seed=3) > 0).float()
    for start in ("prior", "posterior"):
        row = only(evaluate("ais_log_likelihood", model, x=x, start=start))
        assert row.status == "ok"
        assert -20 < row.value < -10
        assert only(evaluate("bdmc_gap", model, x=x, start=start)).status == "ok"
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_conditional_model_is_annealed_under_its_labels():
    y = torch.tensor([0, 3, 1])
    x = randn(3, 3, seed=4)
    found = outcome(Labelled(), "ais_log_likelihood", x=x, y=y, **SHORT)
    exact = Normal(y.double().reshape(-1, 1), 1.0).log_prob(x).sum(dim=1)
    assert torch.allclose(found.per_datum, exact, rtol=1e-12)
    gap = outcome(Labelled(), "bdmc_gap", x=x, y=y, **SHORT)
    assert gap.per_datum.abs().max().item() < 1e-11


@pytest.mark.parametrize("name", NAMES)
def test_only_so_many_data_are_evaluated_as_the_options_say(name):
    model = WrongPosterior(LINEAR)
    assert only(evaluate(name, model, x=X[:130], n_data=30)).n == 30
    assert only(evaluate(name, model, x=X[:130])).n == 100
    assert only(evaluate(name, model, x=X[:130], n_data=None)).n == 130


def test_one_chain_has_no_monte_carlo_error():
    row = only(evaluate("ais_log_likelihood", WrongPosterior(LINEAR), n_chains=1))
    assert row.status == "ok"
    assert row.mc_stderr is None
    assert only(evaluate("bdmc_gap", WrongPosterior(LINEAR), n_chains=1)).mc_stderr is None


@pytest.mark.parametrize("name", NAMES)
def test_pieces_that_fit_into_memory_change_no_number(name, monkeypatch):
    whole = evaluate(name, WrongPosterior(LINEAR)).per_datum
    chunks = []

    def tight(densities, u):
        chunks.append(chunk_within_memory(densities, u, limit=1))
        return chunks[-1]

    monkeypatch.setattr(module, "chunk_within_memory", tight)
    pieces = evaluate(name, WrongPosterior(LINEAR)).per_datum
    assert set(chunks) == {1}
    assert torch.allclose(whole, pieces, rtol=1e-9)


def test_data_keep_their_shape_when_the_model_is_flat():
    """The observation model's event is flat, the data are images."""

    class Images(WrongPosterior):
        def observation_model(self, z):
            return Independent(self.model.observation_model(z).base_dist, 3)

    class Flat(WrongPosterior):
        def observation_model(self, z):
            base = self.model.observation_model(z).base_dist
            return Independent(Normal(base.loc.flatten(-3), base.scale.flatten(-3)), 1)

    images = evaluate("bdmc_gap", Images(LINEAR), start="posterior").per_datum
    flat = evaluate("bdmc_gap", Flat(LINEAR), start="posterior").per_datum
    assert DATA.shape[1:] == SHAPE
    assert torch.allclose(images, flat, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("start", ["prior", "posterior"])
def test_a_datum_without_a_finite_density_fails_the_row(bad, start):
    class Bad(WrongPosterior):
        def observation_model(self, z):
            base = self.model.observation_model(z).base_dist
            loc = base.loc.clone()
            loc[:, 7] = bad
            return Independent(Normal(loc, base.scale, validate_args=False), 3)

    row = only(evaluate("ais_log_likelihood", Bad(LINEAR), start=start))
    assert row.status == "failed"
    assert "datum 7" in row.reason


class Reads(TorchDispatchMode):
    """Counts how often a tensor's number is read, for which a GPU must finish its work."""

    n = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.n += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("name", NAMES)
def test_longer_chains_read_no_more_numbers(name):
    counts = []
    for n in (10, 20):
        with Reads() as reads:
            evaluate(name, WrongPosterior(LINEAR), n_temperatures=n)
        counts.append(reads.n)
    assert counts[0] == counts[1] > 0
