"""What stands beside a number: its data, its Monte-Carlo error, its health, its parts."""

import copy
import json
import math

import pytest
import torch
from torch.distributions import Independent, Normal

from genbench.core.capabilities import HasPosterior
from genbench.core.estimate import Estimate
from genbench.core.metric import Parts
from genbench.core.seeding import Stream
from genbench.evaluation.collection import summarise_health
from genbench.evaluation.runner import evaluate_model, make_task
from genbench.evaluation.spec import Context, EvaluatorOptions, PerDatum, evaluator, evaluators
from genbench.results.columns import COLUMNS
from genbench.runs.run_options import RunOptions
from genbench.suites.run import run_suite
from tests.evaluation.helpers import (
    LINEAR,
    OWN_DATA,
    Conditional,
    Everything,
    N,
    X,
    model_for,
    only,
    outcome,
    outcomes,
    small_outcome,
    without,
)

WITH_N_DATA = [
    name for name in sorted(evaluators) if "n_data" in evaluators[name].options.model_fields
]


@pytest.fixture
def register(monkeypatch):
    """Add an evaluator for one test: ``register(function, **record)``."""
    monkeypatch.setattr(evaluators, "_entries", dict(evaluators._entries))

    def add(function, name="own", **record):
        class Options(EvaluatorOptions):
            n_data: int | None = None

        function.__doc__ = "A claim."
        known = {
            "version": 1, "needs": HasPosterior, "unit": "nats", "better": "none",
            "kind": "estimate", "title": "Own", "formula": "f(x)", "options": Options,
        }  # fmt: skip
        evaluator(name=name, **(known | record))(function)
        return name

    return add


def sums(block, options):
    return PerDatum(block.x.flatten(1).sum(dim=1))


# --- how many data, and which ---


@pytest.mark.parametrize("n", [1, 7, 100, 250, 333, N])
def test_fewer_data_are_spread_evenly_over_the_set(register, n):
    found = outcome(Everything(), register(sums), n_data=n)
    expected = X.flatten(1).sum(dim=1)[[i * N // n for i in range(n)]]
    assert torch.equal(found.per_datum, expected)
    row = only(found)
    assert (row.n, row.options["n_data"]) == (n, n)
    assert row.value == pytest.approx(expected.mean().item(), rel=1e-12)


@pytest.mark.parametrize("n", [None, N + 1, 10**9])
def test_no_more_data_than_there_are(register, n):
    found = outcome(Everything(), register(sums), n_data=n)
    assert torch.equal(found.per_datum, X.flatten(1).sum(dim=1))
    assert only(found).n == N


def test_tasks_on_fewer_data_leave_the_others_alone(register):
    name = register(sums)
    tasks = [make_task("elbo"), make_task(name, {"n_data": 7}), make_task(name, {"n_data": 130})]
    found = evaluate_model(X, None, tasks, Context(Everything(), Stream(0, ("test",))))
    assert [only(f).n for f in found] == [N, 7, 130]
    alone = outcome(Everything(), "elbo")
    assert torch.equal(found[0].per_datum, alone.per_datum)


def test_labels_go_with_their_data():
    class Sees(Conditional):
        def given(self, y):
            seen.append(y.clone())
            return super().given(y)

    seen = []
    outcome(Sees(), "ais_log_likelihood", y=torch.arange(N), n_data=5, n_temperatures=1,
            n_leapfrog=1, n_chains=1)  # fmt: skip
    assert seen[-1][:5].tolist() == [i * N // 5 for i in range(5)]


@pytest.mark.parametrize("name", [name for name in WITH_N_DATA if name not in OWN_DATA])
def test_a_tail_that_differs_is_seen_by_every_evaluator_of_fewer_data(name):
    """Were the first data taken, the second half could be anything."""
    other = torch.cat((X[: N // 2], 2 * X[N // 2 :] + 1))
    model = model_for(name)
    first, second = (small_outcome(model, name, x=x, n_data=20).rows for x in (X, other))
    assert {row.n for row in first} == {20}
    assert [a.value for a in first] != [b.value for b in second]


@pytest.mark.parametrize("name", ["parzen_log_likelihood", "mmd2"])
def test_what_is_kept_for_one_model_is_not_seen_by_another(name):
    """The reference scored as a model, or one model's samples as another's."""
    far = copy.deepcopy(LINEAR)
    far.mean.add_(3.0)
    alone = only(small_outcome(Everything(far), name))
    small_outcome(Everything(), name)
    after = only(small_outcome(Everything(far), name))
    assert (after.value, after.reason) == (alone.value, alone.reason)
    near = only(small_outcome(Everything(), name))
    assert near.value != after.value


# --- Monte-Carlo error ---


def test_the_monte_carlo_error_is_that_of_a_mean_of_independent_data(register):
    def varied(block, options):
        return PerDatum(block.x.flatten(1).sum(1), mc_variance=block.x.flatten(1)[:, 0].square())

    expected = math.sqrt(X.flatten(1)[:, 0].square().sum().item()) / N
    name = register(varied)
    assert only(outcome(Everything(), name)).mc_stderr == pytest.approx(expected, rel=1e-12)
    rows = X.flatten(1)[
        [i * N // 130 for i in range(130)], 0
    ]  # the copies of the last do not count
    few = only(outcome(Everything(), name, n_data=130))
    assert few.mc_stderr == pytest.approx(rows.norm().item() / 130, rel=1e-12)


def test_no_variance_or_one_that_is_not_finite_is_no_error(register):
    def none(block, options):
        return sums(block, options)

    def infinite(block, options):
        return PerDatum(sums(block, options).values, mc_variance=block.x.flatten(1)[:, 0] / 0)

    def sometimes(block, options):
        known = None if block.x[0].equal(X[0]) else torch.ones(len(block.x))
        return PerDatum(sums(block, options).values, mc_variance=known)

    for i, function in enumerate((none, infinite, sometimes)):
        row = only(outcome(Everything(), register(function, f"own{i}")))
        assert (row.status, row.mc_stderr) == ("ok", None)


class Exponential:
    """q is the prior, and log w = a z: Var(w) / E[w]^2 = exp(a^2) - 1 exactly."""

    def __init__(self, a=0.5):
        self.a = a

    def prior(self):
        return Independent(Normal(torch.zeros(1).double(), 1.0), 1)

    def posterior(self, x):
        return self.prior().expand((len(x),))

    def observation_model(self, z):
        return self.Tilted(self.a * z)

    class Tilted:
        """log p(x|z) = a z; one pixel."""

        event_shape, batch_shape, support = torch.Size((1,)), torch.Size(), None

        def __init__(self, log_w):
            self.log_w = log_w

        def log_prob(self, x):
            return self.log_w.squeeze(-1)


@pytest.mark.parametrize("name", ["iw_log_likelihood", "prior_log_likelihood", "iw_extrapolated"])
def test_the_monte_carlo_error_is_the_analytic_one(name):
    k, n, model = 1000, 100, Exponential()
    options = {} if name == "prior_log_likelihood" else {"proposal": "posterior"}
    row = only(outcome(model, name, x=torch.zeros(n, 1).double(), n_samples=k, **options))
    exact = math.sqrt(math.expm1(model.a**2) / k / n)
    noise = 1 / math.sqrt(2 * 15 * n)  # 15 degrees of freedom in each datum
    assert row.mc_stderr == pytest.approx(exact, rel=4 * noise)
    assert row.health["ess"] == pytest.approx(k / math.exp(model.a**2), rel=0.02)
    assert abs(row.value - model.a**2 / 2) < 4 * row.mc_stderr + 1e-3
    elbo = only(outcome(model, "prior_bound", x=torch.zeros(n, 1).double(), n_samples=k))
    shared = model.a / math.sqrt(k)  # whatever n is
    assert elbo.mc_stderr == pytest.approx(shared, rel=4 / math.sqrt(2 * k))
    assert elbo.stderr == pytest.approx(elbo.mc_stderr, rel=1e-9)  # the data are all equal


@pytest.mark.parametrize("name", ["elbo", "iw_log_likelihood", "bits_per_dim"])
def test_a_sampled_number_and_no_exact_one_has_a_monte_carlo_error(name):
    model = without(Everything(), "log_prob")
    assert only(outcome(model, name)).mc_stderr > 0
    assert only(outcome(LINEAR, "log_likelihood")).mc_stderr is None


def test_the_monte_carlo_error_is_in_the_unit_of_the_number():
    model = without(Everything(), "log_prob")
    elbo, bits = (only(found) for found in outcomes(model, ["elbo", "bits_per_dim"]))
    assert bits.mc_stderr == pytest.approx(elbo.mc_stderr / 12 / math.log(2), rel=1e-10)


# --- health ---


def test_health_is_summed_up_by_medians_means_and_the_worst():
    found = summarise_health(
        {
            "k_hat": torch.tensor([0.1, 0.7, 0.71, 0.9, 0.2]),
            "ess": torch.tensor([10.0, 2.0, 6.0, 2.0, 5.0]),
            "max_weight": torch.tensor([0.1, 0.9, 0.2, 0.2, 0.1]),
            "acceptance": torch.tensor([0.5, 0.7, 0.6, 0.6, 0.6]),
        }
    )
    expected = {"k_hat": 0.7, "k_hat_bad": 0.4, "ess": 5.0, "ess_min": 2.0, "max_weight": 0.3,
                "acceptance": 0.6}  # fmt: skip
    assert found == pytest.approx(expected, rel=1e-6)


def test_health_that_is_not_finite_is_counted_or_left_out():
    some = summarise_health({"k_hat": torch.tensor([math.nan, 0.2, math.inf, 0.8, math.nan, 0.4])})
    assert some == pytest.approx({"k_hat": 0.4, "k_hat_bad": 0.5}, rel=1e-6)
    infinite = summarise_health({"k_hat": torch.full((3,), math.inf)})
    assert infinite == {"k_hat_bad": 1.0}  # no median to write down, but the flag stays
    assert summarise_health({"k_hat": torch.full((3,), math.nan)}) == {}
    broken = summarise_health({"ess": torch.tensor([1.0, math.nan]), "acceptance": torch.ones(2)})
    assert broken == {"acceptance": 1.0}
    assert summarise_health({}) == {}


def test_copies_that_fill_the_last_block_do_not_count_for_health(register):
    def healthy(block, options):
        ess = block.x.flatten(1)[:, 0]
        return PerDatum(sums(block, options).values, health={"ess": ess})

    name = register(healthy)
    for n in (N, 130):
        row = only(outcome(Everything(), name, n_data=n))
        rows = X.flatten(1)[[i * N // n for i in range(n)], 0]
        expected = {"ess": rows.mean().item(), "ess_min": rows.min().item()}
        assert row.health == pytest.approx(expected, rel=1e-12)


def test_a_failed_row_has_no_health(register):
    def bad(block, options):
        return PerDatum(
            torch.full((len(block.x),), math.nan),
            mc_variance=torch.ones(len(block.x)),
            health={"ess": torch.ones(len(block.x))},
        )

    row = only(outcome(Everything(), register(bad)))
    assert (row.status, row.health, row.mc_stderr) == ("failed", {}, None)


# --- parts ---


def test_parts_have_rows_of_their_own_by_name_and_share_the_records_unit(register):
    def parted(block, options):
        return PerDatum(block.x.flatten(1)[:, :3], parts=("a", "b c", "0.5"))

    found = outcome(Everything(), register(parted, parts=Parts()), n_data=70)
    assert [row.metric for row in found.rows] == ["own[a]", "own[b c]", "own[0.5]"]
    rows = X.flatten(1)[[i * N // 70 for i in range(70)], :3]
    for row, column in zip(found.rows, rows.unbind(1), strict=True):
        assert row.value == pytest.approx(column.mean().item(), rel=1e-12)
        assert row.stderr == pytest.approx(column.std().item() / math.sqrt(70), rel=1e-9)
        assert (row.unit, row.n) == ("nats", 70)
    assert torch.equal(found.per_datum, rows)


def test_parts_without_names_are_numbered_and_miscounted_names_are_an_error(register):
    def unnamed(block, options):
        return PerDatum(block.x.flatten(1)[:, :2])

    found = outcome(Everything(), register(unnamed, parts=Parts()))
    assert [row.metric for row in found.rows] == ["own[0]", "own[1]"]

    def misnamed(block, options):
        return PerDatum(block.x.flatten(1)[:, :2], parts=("only",))

    row = only(outcome(Everything(), register(misnamed, "other", parts=Parts())))
    assert row.status == "failed"
    assert row.reason.startswith("other(block) named 1 parts for the shape (100, 2); expected ")


def test_a_reduction_to_several_estimates_gives_a_row_for_each(register):
    def reduce(values, options):
        return {
            "low": Estimate(values.min().item(), None, len(values)),
            "high": Estimate(values.max().item(), 0.5, 3),
        }

    found = outcome(Everything(), register(sums, reduce=reduce, parts=Parts()), n_data=9)
    values = X.flatten(1).sum(1)[[i * N // 9 for i in range(9)]]
    low, high = found.rows
    assert (low.metric, low.value, low.stderr, low.n) == ("own[low]", values.min().item(), None, 9)
    assert (high.metric, high.value, high.stderr, high.n) == (
        "own[high]", values.max().item(), 0.5, 3,
    )  # fmt: skip
    assert torch.equal(found.per_datum, values)


# --- the label summed out ---

SUITE = """
title = "Labels"

[data]
name = "digits"
binarisation = "dynamic"
limit = 70

[train]
epochs = 1
batch_size = 35

[[model]]
recipe = "vae"
hidden = [8]
latent_dim = 2

[[model]]
recipe = "cvae"
hidden = [8]
latent_dim = 2

[evaluate]
metrics = ["iw_log_likelihood", "label_marginal_log_likelihood"]
iw_log_likelihood = { n_samples = 30 }
label_marginal_log_likelihood = { n_samples = 3 }
"""


@pytest.fixture(scope="module")
def labels(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels")
    path = folder / "labels.toml"
    path.write_text(SUITE)
    request = RunOptions(str(path), results=folder / "results", device="cpu", report=False)
    frame = run_suite(request).frame
    return frame, (folder / "results" / "labels" / "metrics.csv")


def test_the_marginal_stands_once_in_the_protocol_of_models_without_labels(labels):
    frame, stored = labels
    assert set(frame["metric"]) == {"iw_log_likelihood"}
    by_model = {name: list(rows["protocol"]) for name, rows in frame.groupby("model")}
    (vae,) = by_model["vae"]
    assert by_model["cvae"].count(vae) == 1
    (conditional,) = [protocol for protocol in by_model["cvae"] if protocol != vae]
    assert "|label" in conditional
    assert "|label" not in vae
    marginal = frame[(frame["model"] == "cvae") & (frame["protocol"] == vae)]
    assert list(marginal["status"]) == ["ok"]
    assert "summed over the labels" in marginal["reason"].item()
    assert stored.read_text().count("summed over the labels") == 1


def test_every_row_of_the_stored_table_has_its_health_and_error(labels):
    import pandas as pd

    frame, path = labels
    stored = pd.read_csv(path, converters={"mc_stderr": float})
    assert list(stored.columns) == list(COLUMNS)
    assert list(stored["health"].fillna("")) == list(frame["health"])
    assert stored["mc_stderr"].tolist() == frame["mc_stderr"].tolist()
    for row in stored.itertuples():
        health = json.loads(row.health)
        assert {"ess", "ess_min", "max_weight"} <= set(health)
        assert 1 <= health["ess_min"] <= health["ess"]
        assert 0 < row.mc_stderr < 100
    conditional = stored[stored["protocol"].str.contains("label")]
    assert "k_hat" in json.loads(conditional["health"].item())


def test_a_failure_of_the_marginal_is_a_row_and_its_absence_none():
    class Broken(Conditional):
        def given(self, y):
            raise RuntimeError("off")

    row = only(small_outcome(Broken(), "label_marginal_log_likelihood"))
    assert (row.metric, row.status, row.marginal) == ("iw_log_likelihood", "failed", True)
    assert small_outcome(Everything(), "label_marginal_log_likelihood").rows == []
