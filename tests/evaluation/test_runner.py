"""What holds for every evaluator: meta-tests over the registry, and the runner's own rules."""

import copy
import dataclasses
import math

import pytest
import torch
from torch import nn
from torch.distributions import Independent, Normal

from genbench.core.errors import ConfigError
from genbench.core.seeding import Stream
from genbench.evaluation import runner
from genbench.evaluation.runner import DATA_BLOCK, evaluate_model, make_task
from genbench.evaluation.spec import Context, evaluators
from tests.evaluation.helpers import (
    LINEAR,
    Everything,
    Labelled,
    N,
    X,
    model_for,
    only,
    outcome,
    outcomes,
    small_gan,
)

NAMES = sorted(evaluators)
DIRECTED = [name for name in NAMES if evaluators[name].better != "none"]
SAMPLED = ["elbo", "iw_log_likelihood", "reconstruction_log_prob"]


def numbers(found):
    return [(row.metric, row.value, row.stderr, row.n) for row in found.rows]


@pytest.mark.parametrize("name", NAMES)
def test_every_number_comes_with_all_it_needs_to_be_read(name):
    found = outcome(model_for(name), name)
    record = evaluators[name]
    for row in found.rows:
        assert (row.status, row.unit, row.better) == ("ok", record.unit, record.better)
        assert math.isfinite(row.value)
        assert row.stderr is None or (math.isfinite(row.stderr) and row.stderr >= 0)
        assert row.kind in ("exact", "lower_bound", "upper_bound", "estimate")
        assert row.metric.startswith(name)
        assert row.evaluator_version == record.version
        assert row.options == make_task(name).options.model_dump(mode="json")


@pytest.mark.parametrize("name", NAMES)
def test_n_is_the_full_set_and_the_last_partial_block_counts(name):
    found = outcome(model_for(name), name)
    assert {row.n for row in found.rows} == {N}
    if found.per_datum is not None:
        assert len(found.per_datum) == N
        values = found.per_datum.reshape(N, -1).double()
        for row, column in zip(found.rows, values.unbind(1), strict=True):
            assert row.value == pytest.approx(column.mean().item(), rel=1e-12)
            assert row.stderr == pytest.approx(column.std().item() / math.sqrt(N), rel=1e-9)


@pytest.mark.parametrize("name", DIRECTED)
def test_a_degraded_decoder_scores_worse_in_the_declared_direction(name):
    damaged = copy.deepcopy(LINEAR)
    damaged.mean.add_(1.0)
    good, bad = (only(outcome(Everything(model), name)) for model in (LINEAR, damaged))
    margin = 4 * math.hypot(good.stderr, bad.stderr)
    if evaluators[name].better == "higher":
        assert bad.value < good.value - margin
    else:
        assert bad.value > good.value + margin


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_gives_the_same_numbers_whatever_the_global_generator(name):
    model = model_for(name)
    torch.manual_seed(1)
    first = outcome(model, name, seed=5)
    torch.manual_seed(2)
    second = outcome(model, name, seed=5)
    assert numbers(first) == numbers(second)


@pytest.mark.parametrize("name", SAMPLED)
def test_another_seed_gives_other_numbers(name):
    assert only(outcome(Everything(), name, seed=1)).value != (
        only(outcome(Everything(), name, seed=2)).value
    )


@pytest.mark.parametrize("name", NAMES)
def test_evaluation_leaves_the_global_generator_where_it_was(name):
    model = model_for(name)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    outcome(model, name)
    assert torch.equal(torch.get_rng_state(), before)


def test_results_do_not_depend_on_the_order_or_on_the_company_of_evaluators():
    together = outcomes(Everything(), NAMES)
    reverse = outcomes(Everything(), NAMES[::-1])[::-1]
    for name, first, second in zip(NAMES, together, reverse, strict=True):
        alone = numbers(outcome(Everything(), name))
        assert numbers(first) == numbers(second) == alone


@pytest.mark.parametrize("name", NAMES)
def test_data_that_follow_change_nothing_for_the_blocks_before(name):
    model = model_for(name)
    whole = outcome(model, name).per_datum
    if whole is None:
        pytest.skip("this evaluator has no value per datum")
    first = outcome(model, name, x=X[:DATA_BLOCK]).per_datum
    assert torch.equal(first, whole[:DATA_BLOCK])


def test_data_in_different_blocks_have_noise_of_their_own():
    twice = torch.cat((X[:DATA_BLOCK], X[:DATA_BLOCK]))
    values = outcome(Everything(), "elbo", x=twice).per_datum
    assert not torch.isclose(values[:DATA_BLOCK], values[DATA_BLOCK:]).any()


# --- failures are rows ---


class BadDatum(Everything):
    """p(x|z) is NaN or infinite for one datum of the last whole block."""

    def __init__(self, bad, index=303):
        super().__init__()
        self.bad, self.x = bad, X[index]

    def posterior(self, x):
        q = super().posterior(x).base_dist
        hit = (x == self.x).flatten(1).all(1, keepdim=True)
        loc = torch.where(hit, self.bad, q.loc)
        return Independent(Normal(loc, q.scale, validate_args=False), 1, validate_args=False)

    def observation_model(self, z):
        p = super().observation_model(z).base_dist
        return Independent(Normal(p.loc, p.scale, validate_args=False), 3, validate_args=False)


def test_there_is_nothing_to_average_away_without_a_bad_datum():
    values = outcome(BadDatum(0.0), "elbo").per_datum
    assert torch.isfinite(values).all()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("log_likelihood",)])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_value_that_is_not_finite_fails_the_row_and_names_the_datum(name, bad):
    model = BadDatum(bad)
    if name == "bits_per_dim":
        model = _without_density(model)
    found = outcome(model, name)
    row = only(found)
    assert (row.metric, row.status) == (name, "failed")
    assert "1 of 501 data" in row.reason
    assert row.reason.endswith("datum 303")
    assert (row.value, row.stderr, row.n) == (None, None, None)
    assert found.per_datum is None


def _without_density(model):
    """The three methods of ``model`` and nothing else."""
    namespace = {
        name: staticmethod(getattr(model, name))
        for name in ("prior", "posterior", "observation_model")
    }
    return type("Variational", (), namespace)()


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


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_capability_is_a_row_that_names_the_methods(name):
    found = outcome(object(), name)
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
        "the model is conditional: labels y are needed"
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
    newer = dataclasses.replace(a, evaluator=dataclasses.replace(a.evaluator, version=2))
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
