"""What holds for every evaluator of data: meta-tests over the registry; the runner's own rules."""

import copy
import dataclasses
import math

import pytest
import torch
from torch import nn
from torch.distributions import Distribution, Independent, Normal

from genbench.core.capabilities import missing
from genbench.core.errors import ConfigError
from genbench.core.seeding import Stream
from genbench.evaluation import runner
from genbench.evaluation.runner import DATA_BLOCK, evaluate_model, make_task
from genbench.evaluation.spec import Context, evaluators
from genbench.inference import pilot
from tests.evaluation.helpers import (
    LINEAR,
    OF_DATA,
    OWN_DATA,
    SHARED_DRAWS,
    SMALL_OPTIONS,
    Conditional,
    Everything,
    Labelled,
    N,
    X,
    case_model,
    cases,
    on_all_data,
    only,
    outcome,
    outcomes,
    small_gan,
    small_outcome,
    without,
)

NAMES = OF_DATA
CASES = cases()
DIRECTED = [case for case in CASES if evaluators[case[0]].record.directed]
NOISELESS = ("active_units", "active_units_sweep")
"""Estimates from finitely many data that draw nothing of the latent."""

every_evaluator = pytest.mark.parametrize(("name", "dense"), CASES)


@pytest.fixture(autouse=True)
def _short_pilot(monkeypatch):
    """Chains are tuned badly, which makes them cheap and moves no claim made here."""
    monkeypatch.setattr(pilot, "WARM_UP", 2)
    monkeypatch.setattr(pilot, "MIN_TRAJECTORIES", 4)


def numbers(found):
    return [(row.metric, row.value, row.stderr, row.n) for row in found.rows]


@every_evaluator
def test_every_number_comes_with_all_it_needs_to_be_read(name, dense):
    found = small_outcome(case_model(name, dense), name)
    record = evaluators[name].record
    assert found.rows
    for row in found.rows:
        assert (row.status, row.unit, row.better) == ("ok", record.unit, record.better)
        assert math.isfinite(row.value)
        assert row.stderr is None or (math.isfinite(row.stderr) and row.stderr >= 0)
        assert row.mc_stderr is None or (math.isfinite(row.mc_stderr) and row.mc_stderr >= 0)
        assert all(math.isfinite(value) for value in row.health.values())
        assert row.kind in ("exact", "lower_bound", "upper_bound", "estimate")
        assert row.kind == record.kind or (dense and row.kind == "exact")
        assert row.metric.split("[")[0] == evaluators[name].metric
        assert row.marginal == (record.marginal_metric is not None)
        assert row.evaluator_version == record.version
        task = make_task(name, SMALL_OPTIONS.get(name))
        assert row.options == task.options.model_dump(mode="json")


@every_evaluator
def test_n_is_the_full_set_and_the_last_partial_block_counts(name, dense):
    found = small_outcome(case_model(name, dense), name)
    n = make_task(name, SMALL_OPTIONS.get(name)).n_of(N)
    assert n % DATA_BLOCK == 1
    assert {row.n for row in found.rows} == {n}
    if found.per_datum is not None:
        assert len(found.per_datum) == n
        values = found.per_datum.reshape(n, -1).double()
        for row, column in zip(found.rows, values.unbind(1), strict=True):
            assert row.value == pytest.approx(column.mean().item(), rel=1e-12, abs=1e-15)
            expected = column.std().item() / math.sqrt(n)
            if name in SHARED_DRAWS:  # whose error the spread over data does not show
                expected = math.hypot(expected, row.mc_stderr)
            assert row.stderr == pytest.approx(expected, rel=1e-9, abs=1e-15)


def require_worse(good, bad):
    """Every row of ``bad`` lies beyond that of ``good`` in the declared direction."""
    assert [row.metric for row in good.rows] == [row.metric for row in bad.rows]
    for i, (a, b) in enumerate(zip(good.rows, bad.rows, strict=True)):
        stderr = math.hypot(a.stderr, b.stderr)
        if good.per_datum is not None:  # the same data: the error of the difference is smaller
            columns = (found.per_datum.reshape(a.n, -1)[:, i].double() for found in (good, bad))
            stderr = (next(columns) - next(columns)).std().item() / math.sqrt(a.n)
        sign = {"higher": 1, "lower": -1}[a.better]
        assert sign * b.value < sign * a.value - 4 * stderr


@pytest.mark.parametrize(("name", "dense"), [case for case in DIRECTED if case[0] not in OWN_DATA])
def test_a_degraded_decoder_scores_worse_in_the_declared_direction(name, dense):
    damaged = copy.deepcopy(LINEAR)
    damaged.mean.add_(1.0)
    require_worse(
        *(small_outcome(case_model(name, dense, model), name) for model in (LINEAR, damaged))
    )


@pytest.mark.parametrize("name", OWN_DATA)
def test_a_degraded_estimator_scores_worse_where_the_model_is_not_judged(name):
    model = case_model(name, dense=False)
    require_worse(*(small_outcome(model, name, n_temperatures=n) for n in (30, 1)))


@every_evaluator
def test_only_evaluators_that_say_so_look_at_no_data(name, dense):
    model = case_model(name, dense)
    same = numbers(small_outcome(model, name, X[:101])) == (
        numbers(small_outcome(model, name, 0.01 * X[:101]))
    )
    assert same == (name in OWN_DATA)


@every_evaluator
def test_same_seed_gives_the_same_numbers_whatever_the_global_generator(name, dense):
    model = case_model(name, dense)
    torch.manual_seed(1)
    first = small_outcome(model, name, seed=5)
    torch.manual_seed(2)
    second = small_outcome(model, name, seed=5)
    assert numbers(first) == numbers(second)


@every_evaluator
def test_another_seed_gives_other_numbers_unless_they_are_exact(name, dense):
    model = case_model(name, dense)
    one, two = (small_outcome(model, name, seed=seed).rows for seed in (1, 2))
    exact = one[0].kind == "exact" or name in NOISELESS
    if name == "inference_gap":
        one, two = one[1:], two[1:]  # few steps: log p(x) less a bound, both near
    for a, b in zip(one, two, strict=True):
        assert (a.value == b.value) == exact


@every_evaluator
def test_evaluation_leaves_the_global_generator_where_it_was(name, dense):
    model = case_model(name, dense)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    small_outcome(model, name)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "model", [Everything(), without(Everything(), "log_prob"), Conditional()],
    ids=["dense", "latent", "conditional"],
)  # fmt: skip
def test_results_do_not_depend_on_the_order_or_on_the_company_of_evaluators(model):
    y = torch.arange(N) % 3
    together = outcomes(model, NAMES, y=y, options=SMALL_OPTIONS)
    reverse = outcomes(model, NAMES[::-1], y=y, options=SMALL_OPTIONS)[::-1]
    for name, first, second in zip(NAMES, together, reverse, strict=True):
        alone = numbers(small_outcome(model, name, y=y))
        assert numbers(first) == numbers(second) == alone


@every_evaluator
def test_data_that_follow_change_nothing_for_the_blocks_before(name, dense):
    model = case_model(name, dense)
    whole = small_outcome(model, name, **on_all_data(name)).per_datum
    if whole is None:
        pytest.skip("this evaluator has no value per datum")
    first = small_outcome(model, name, x=X[:DATA_BLOCK], **on_all_data(name)).per_datum
    assert torch.equal(first, whole[:DATA_BLOCK])


def test_data_in_different_blocks_have_noise_of_their_own():
    twice = torch.cat((X[:DATA_BLOCK], X[:DATA_BLOCK]))
    values = outcome(Everything(), "elbo", x=twice).per_datum
    assert not torch.isclose(values[:DATA_BLOCK], values[DATA_BLOCK:]).any()


# --- failures are rows ---


BAD = 303


@pytest.fixture
def unchecked(monkeypatch):
    """Distributions take whatever they are given."""
    monkeypatch.setattr(Distribution, "_validate_args", False)


class BadDatum(Everything):
    """q(z|x) is NaN or infinite for one datum of the last whole block."""

    def __init__(self, bad, index=BAD):
        super().__init__()
        self.bad, self.x = bad, X[index]

    def posterior(self, x):
        q = super().posterior(x).base_dist
        hit = (x == self.x).flatten(1).all(1, keepdim=True)
        loc = torch.where(hit, self.bad, q.loc)
        return Independent(Normal(loc, q.scale), 1)


def test_there_is_nothing_to_average_away_without_a_bad_datum():
    values = outcome(BadDatum(0.0), "elbo").per_datum
    assert torch.isfinite(values).all()


def by_inference(name):
    """Say whether the evaluator looks at q(z|x) or at the encoder."""
    methods = {method for need in evaluators[name].needs for method in missing(object(), need)}
    return any(method.startswith(("posterior", "encode")) for method in methods)


def require_the_bad_datum_is_named(found, name):
    row = only(found)
    assert (row.metric, row.status) == (evaluators[name].metric, "failed")
    assert "1 of 501 data" in row.reason
    assert row.reason.endswith("datum 303")
    assert (row.value, row.stderr, row.n) == (None, None, None)
    assert (row.mc_stderr, row.health) == (None, {})
    assert found.per_datum is None


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("name", [name for name in NAMES if by_inference(name)])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_value_that_is_not_finite_fails_the_row_and_names_the_datum(name, bad):
    model = BadDatum(bad)
    if (name, False) in CASES:
        model = without(model, "log_prob")
    require_the_bad_datum_is_named(small_outcome(model, name, **on_all_data(name)), name)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(("name", "dense"), [case for case in CASES if case[0] not in OWN_DATA])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_datum_that_is_not_finite_fails_the_row_and_is_named(name, dense, bad):
    x = X.clone()
    x[BAD] = bad
    found = small_outcome(case_model(name, dense), name, x=x, **on_all_data(name))
    require_the_bad_datum_is_named(found, name)


@pytest.mark.parametrize("error", [ValueError("off\nsecond line"), RuntimeError("off")])
def test_an_error_of_the_model_fails_its_rows_and_leaves_the_others_alone(error):
    class Broken(Everything):
        def decode(self, z):
            raise error

    first, second = outcomes(Broken(), ["reconstruction_mse", "elbo"])
    assert only(first).status == "failed"
    assert only(first).reason == f"{type(error).__name__}: off"
    assert numbers(second) == numbers(outcome(Everything(), "elbo"))


def test_an_error_in_a_later_block_leaves_no_number_of_the_earlier_ones():
    class Late(Everything):
        calls = 0

        def decode(self, z):
            self.calls += 1
            if self.calls == 2:
                raise ValueError("late")
            return super().decode(z)

    row = only(outcome(Late(), "reconstruction_mse"))
    assert (row.status, row.value, row.n) == ("failed", None, None)


@pytest.mark.parametrize("name", sorted(evaluators))
def test_a_missing_capability_is_a_row_that_names_the_methods(name):
    found = outcome(object(), name)
    if evaluators[name].is_marginal:
        assert found.rows == []  # the metric has its row already
        return
    row = only(found)
    assert (row.metric, row.status, row.value) == (name, "not_applicable", None)
    assert row.reason.startswith("the model has no ")
    for method in row.reason.removeprefix("the model has no ").split(", "):
        stem = method.split("(")[0]
        assert any(hasattr(need, stem) for need in evaluators[name].needs)


def test_the_reason_names_the_nearest_of_several_capabilities():
    row = only(outcome(small_gan(), "bits_per_dim"))
    assert row.reason == "the model has no log_prob(x)"

    class AlmostAutoencoder:
        def encode(self, x): ...

    row = only(outcome(AlmostAutoencoder(), "reconstruction_mse"))
    assert row.reason == "the model has no decode(z)"


def test_a_conditional_model_needs_labels():
    assert only(outcome(Labelled(), "elbo", x=torch.zeros(4, 3))).reason == (
        "the model is conditional and needs labels y"
    )


def test_a_conditional_model_is_given_each_datums_own_label():
    y = torch.arange(N) % 4
    x = y.double().reshape(-1, 1).expand(N, 3)
    values = outcome(Labelled(), "elbo", x=x, y=y).per_datum
    expected = -1.5 * math.log(2 * math.pi)  # each datum at its own mean
    assert torch.allclose(values, torch.full((N,), expected, dtype=torch.float64), rtol=1e-12)


# --- modes ---


def test_the_model_is_evaluated_in_eval_mode_and_put_back():
    class Watching(nn.Module, Everything):
        def __init__(self):
            nn.Module.__init__(self)
            self.head = nn.Dropout(0.5)
            self.frozen = nn.BatchNorm1d(2).eval()
            self.seen = []
            Everything.__init__(self)

        def posterior(self, x):
            modules = (self, self.head, self.frozen)
            self.seen.append([m.training for m in modules] + [torch.is_grad_enabled()])
            return Everything.posterior(self, x)

    model = Watching()
    outcome(model, "elbo")
    assert model.seen
    assert not any(any(flags) for flags in model.seen)
    assert [m.training for m in (model, model.head, model.frozen)] == [True, True, False]
    model.eval()
    outcome(model, "elbo")
    assert not model.training


def test_the_model_is_put_back_after_an_error_that_is_nobodys_business():
    class Odd(nn.Module):
        def encode(self, x):
            raise KeyboardInterrupt

        def decode(self, z): ...

    model = Odd()
    with pytest.raises(KeyboardInterrupt):
        outcome(model, "reconstruction_mse")
    assert model.training


# --- tasks ---


def test_unknown_names_and_options_are_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'elbo'"):
        make_task("elbow")
    with pytest.raises(ConfigError, match=r"evaluate\.elbo\.n_sample: .*did you mean 'n_samples'"):
        make_task("elbo", {"n_sample": 3})
    with pytest.raises(ConfigError, match=r"evaluate\.iw_log_likelihood\.n_samples"):
        make_task("iw_log_likelihood", {"n_samples": 0})


def test_the_key_of_a_task_holds_name_version_and_every_option():
    a, b = (make_task("elbo", {"n_samples": n}) for n in (10, 11))
    assert a.key == make_task("elbo").key == 'elbo/v1/{"n_samples":10}'
    assert a.key != b.key
    record = a.evaluator.record.model_copy(update={"version": 2})
    newer = dataclasses.replace(a, evaluator=dataclasses.replace(a.evaluator, record=record))
    assert newer.key != a.key


def test_no_gradients_are_recorded():
    model = Everything()
    model.shift = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    found = evaluate_model(X[:5], None, [make_task("elbo")], Context(model, Stream(0)))
    assert not found[0].per_datum.requires_grad
    assert model.shift.grad is None


@pytest.mark.parametrize("n", [1, 99, 101, 250])
def test_the_values_of_a_datum_do_not_depend_on_the_data_after_it(n):
    tasks = [make_task("elbo"), make_task("iw_log_likelihood", {"n_samples": 7})]
    model = Everything()
    whole = evaluate_model(X, None, tasks, Context(model, Stream(0)))
    part = evaluate_model(X[:n], None, tasks, Context(model, Stream(0)))
    for long, short in zip(whole, part, strict=True):
        assert torch.equal(long.per_datum[:n], short.per_datum)


def test_blocks_have_the_documented_size():
    assert runner.DATA_BLOCK == 100  # part of every noise address: a change changes numbers


@pytest.mark.parametrize(
    ("device", "shape", "size"),
    [
        ("cpu", (1, 28, 28), 100),
        ("cpu", (3, 64, 64), 100),
        ("meta", (1, 28, 28), 1000),
        ("meta", (3, 32, 32), 341),
        ("meta", (3, 64, 64), 100),
        ("meta", (3, 512, 512), 100),
    ],
)
def test_blocks_of_an_accelerator_are_larger_unless_images_are(device, shape, size):
    assert runner.block_size(torch.device(device), math.prod(shape)) == size


@every_evaluator
def test_large_blocks_give_the_same_number_with_other_noise(name, dense, monkeypatch):
    small = small_outcome(case_model(name, dense), name)
    monkeypatch.setattr(runner, "block_size", lambda *_: 2 * DATA_BLOCK)
    large = small_outcome(case_model(name, dense), name)
    assert [(row.metric, row.status, row.n) for row in large.rows] == [
        (row.metric, row.status, row.n) for row in small.rows
    ]
    for a, b in zip(small.rows, large.rows, strict=True):
        assert b.value == pytest.approx(a.value, abs=6 * a.stderr + 1e-9)


def test_a_caller_may_choose_how_many_data_are_passed_at_once():
    class Counts:
        def __init__(self):
            self.passed = []

        def log_prob(self, x):
            self.passed.append(len(x))
            return x.flatten(1).sum(dim=1)

    x, values = torch.arange(250.0).reshape(250, 1, 1, 1), {}
    for size, passed in ((None, [100, 100, 100]), (250, [250]), (125, [125, 125])):
        model = Counts()
        context = Context(model, Stream(0))
        (result,) = evaluate_model(x, None, [make_task("log_likelihood")], context, size=size)
        assert model.passed == passed
        values[size] = result.per_datum
    assert all(torch.equal(found, x.flatten()) for found in values.values())
