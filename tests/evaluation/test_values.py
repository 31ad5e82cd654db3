"""What a metric of a user's may return, and what is said of anything else."""

import re
from itertools import chain, repeat

import numpy as np
import pytest
import torch

import genbench
from genbench.core.capabilities import Autoencodes, HasPosterior, Samples
from genbench.core.errors import ConfigError
from genbench.core.estimate import Estimate, NotApplicableError
from genbench.core.options import Options
from genbench.evaluation.needs import alternatives
from genbench.evaluation.spec import PerDatum, evaluators
from tests.evaluation.helpers import Everything, N, X, only, outcome, outcomes, without

FLAT = X.flatten(1)
RECORD = {"unit": "share", "better": "none", "kind": "estimate", "needs": "posterior"}


@pytest.fixture(autouse=True)
def own_table(monkeypatch):
    monkeypatch.setattr(evaluators, "_entries", dict(evaluators._entries))


def row_of(function, **record):
    genbench.evaluator(name="own", **(RECORD | record))(function)
    return only(outcome(Everything(), "own"))


@pytest.mark.parametrize(
    "function",
    [
        lambda block: block.x.flatten(1).mean(dim=1),
        lambda block: block.x.flatten(1).mean(dim=1).numpy(),
        lambda block: block.x.flatten(1).mean(dim=1).tolist(),
        lambda block: PerDatum(block.x.flatten(1).mean(dim=1)),
        lambda block: block.x.flatten(1).mean(dim=1).requires_grad_(),
        lambda block, options: block.x.flatten(1).mean(dim=1),
    ],
)
def test_plain_tensors_arrays_and_lists_are_values(function):
    row = row_of(function)
    assert (row.status, row.n) == ("ok", N)
    assert row.value == pytest.approx(FLAT.mean().item(), rel=1e-12)
    expected = FLAT.mean(dim=1).std().item() / N**0.5
    assert row.stderr == pytest.approx(expected, rel=1e-12)


def test_truth_values_and_whole_numbers_are_averaged_exactly():
    assert row_of(lambda block: block.x.flatten(1)[:, 0] > 0).value == pytest.approx(
        (FLAT[:, 0] > 0).double().mean().item(), rel=1e-12
    )


def columns(block, numbers):
    """Return the first pixels of each image: as many as the next number says."""
    return block.x.flatten(1)[:, : next(numbers)]


@pytest.mark.parametrize("record", [{"parts": {}}, {"reduce": lambda values: values.mean()}])
def test_blocks_whose_values_have_other_shapes_are_refused(record):
    numbers = chain([3], repeat(1))
    row = row_of(lambda block: columns(block, numbers), **record)
    assert row.status == "failed"
    assert "[3] in one piece and [1] in another" in row.reason


def test_values_of_blocks_have_the_widest_type_that_one_of_them_has():
    types = chain([torch.float32], repeat(torch.float64))
    row = row_of(lambda block: block.x.flatten(1).mean(dim=1).to(next(types)))
    means = FLAT.mean(dim=1)
    whole = torch.cat((means[:100].float(), means[100:]))
    assert row.value == pytest.approx(whole.mean().item(), rel=1e-12)


def raises(block):
    return {}["missing"]


LINE = raises.__code__.co_firstlineno + 1


EXPECTED = "; expected one value for each image of the block, (100,)"


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda block: None, f"own(block) returned nothing{EXPECTED}"),
        (lambda block: {"a": 1}, f"own(block) returned a dict{EXPECTED}"),
        (lambda block: "high", f"own(block) returned a str{EXPECTED}"),
        (lambda block: ["high"] * 100, f"own(block) returned an array of type <U4{EXPECTED}"),
        (lambda block: list(block.x), f"own(block) returned a list of tensors{EXPECTED}: stack "),
        (lambda block: block.x.mean(), f"own(block) returned one number{EXPECTED}: a bl"),
        (lambda block: 0.5, f"own(block) returned one number{EXPECTED}: a block is"),
        (
            lambda block: block.x.flatten(1)[:7, 0],
            f"own(block) returned the shape (7,){EXPECTED}",
        ),
        (
            lambda block: block.x.flatten(1)[:, :2],
            f"own(block) returned the shape (100, 2){EXPECTED}: declare `parts={{}}` to list",
        ),
        (
            lambda block: block.x.flatten(1)[:, 0] * 1j,
            f"own(block) returned complex numbers{EXPECTED}",
        ),
        (
            lambda block: block.x.flatten(1)[:, 0] / 0 * 0,
            f"{N} of {N} data have a non-finite value; the first is datum 0",
        ),
        (raises, f"own(block) raised KeyError: 'missing' (test_values.py:{LINE})"),
    ],
)
def test_anything_else_fails_this_metric_alone_and_says_what_was_expected(function, reason):
    genbench.evaluator(name="own", **RECORD)(function)
    own, kl = outcomes(Everything(), ["own", "kl"])
    assert only(own).status == "failed"
    assert only(own).reason.startswith(reason)
    assert only(kl).status == "ok"


def test_one_column_where_parts_are_declared_is_refused():
    reason = row_of(lambda block: block.x.flatten(1)[:, 0], parts={}).reason
    expected = "a row for each image of the block and a column for each part, (100, P)"
    assert reason == f"own(block) returned the shape (100,); expected {expected}"


def test_a_reason_not_to_apply_is_given_by_raising():
    def none(block):
        raise NotApplicableError("needs colours")

    row = row_of(none)
    assert (row.status, row.reason) == ("not_applicable", "needs colours")


# --- numbers of all samples at once ---


def pairs(block):
    return torch.stack([block.x.flatten(1), 2 * block.x.flatten(1)], dim=1)


def distance(values):
    real, other = values[:, 0].mean(dim=0), values[:, 1].mean(dim=0)
    return (real - other).square().sum()


@pytest.mark.parametrize(
    "reduce",
    [
        distance,
        lambda values, options: distance(values).item(),
        lambda values, options: np.float64(distance(values)),
        lambda values, options: Estimate(distance(values).item(), None, len(values)),
    ],
)
def test_a_reduction_sees_the_values_of_all_data_in_order(reduce):
    row = row_of(pairs, reduce=reduce)
    expected = FLAT.mean(dim=0).square().sum().item()
    assert (row.status, row.n, row.stderr) == ("ok", N, None)
    assert row.value == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("reduce", "reason"),
    [
        (
            lambda values, options: values,
            f"reduce of own returned the shape ({N}, 2, 12); expected a number or a genbench.Est",
        ),
        (lambda values, options: None, "reduce of own returned a NoneType; expected a number"),
        (lambda values, options: {"a": 1.0}, "reduce of own returned parts; expected one number: "),
        (lambda values, options: float("nan"), "reduce of own returned nan ± None"),
        (lambda values, options: values[0, 5], "reduce of own raised IndexError: index 5 is out"),
    ],
)
def test_a_reduction_that_returns_no_number_fails_this_metric_alone(reduce, reason):
    row = row_of(pairs, reduce=reduce)
    assert row.status == "failed"
    assert row.reason.startswith(reason)


# --- noise ---


def test_draws_of_a_metric_depend_on_the_seed_alone():
    def noisy(block):
        return torch.rand(len(block.x))

    def another(block):
        return torch.rand(len(block.x))

    genbench.evaluator(name="noisy", **RECORD)(noisy)
    genbench.evaluator(name="another", **RECORD)(another)
    torch.rand(17)
    together = [only(found).value for found in outcomes(Everything(), ["kl", "noisy", "another"])]
    torch.rand(3)
    assert only(outcome(Everything(), "noisy")).value == together[1] != together[2]


# --- declarations ---


@pytest.mark.parametrize(
    ("needs", "expected"),
    [
        ("sample", (Samples,)),
        (Samples, (Samples,)),
        (("sample", HasPosterior), (Samples, HasPosterior)),
    ],
)
def test_a_need_is_named_by_its_methods(needs, expected):
    assert alternatives(needs, "") == expected


def test_a_need_of_several_methods_is_one_capability():
    (need,) = alternatives("encode, decode", "")
    assert isinstance(Everything(), need) == isinstance(Everything(), Autoencodes)
    genbench.evaluator(name="own", **(RECORD | {"needs": "posterior, sample"}))(raises)
    row = only(outcome(without(without(Everything(), "sample"), "posterior"), "own"))
    assert (row.status, row.reason) == (
        "not_applicable",
        "the model has no posterior(x), sample(n)",
    )


class Width(Options):
    width: int = 3


@pytest.mark.parametrize(
    ("function", "changes", "words"),
    [
        (raises, {"needs": "samples"}, "evaluator.own.needs: unknown method 'samples'; did you me"),
        (raises, {"needs": 3}, "evaluator.own.needs: expected names of methods, such as 'sample',"),
        (raises, {"options": dict}, "evaluator.own.options: expected a subclass of genbench.Optio"),
        (lambda: 0, {}, "evaluator.own: the function takes (block) or (block, options)"),
        (raises, {"reduce": lambda: 0}, "evaluator.own.reduce: the function takes (values) or "),
        (raises, {"reduce": torch.std}, "evaluator.own.reduce: the function takes (values) or "),
        (raises, {"reduce": 3}, "evaluator.own.reduce: the function takes (values) or (values, "),
        (raises, {"unit": None}, "evaluator.own.unit: "),
        (raises, {"leaderboard": "sample"}, "evaluator.own.leaderboard: unknown name 'sample'; d"),
        (raises, {"better": "up"}, "evaluator.own.better: unknown name 'up'; known: higher, lower"),
        (
            raises,
            {"kind": "bound"},
            "evaluator.own.kind: unknown name 'bound'; did you mean 'upper",
        ),
    ],
)
def test_a_wrong_declaration_is_named_with_what_is_known(function, changes, words):
    with pytest.raises(ConfigError, match=f"^{re.escape(words)}"):
        genbench.evaluator(name="own", **(RECORD | changes))(function)
    assert "own" not in evaluators


def test_options_are_checked_and_reach_the_function():
    genbench.evaluator(name="own", options=Width, **RECORD)(
        lambda block, options: torch.full((len(block.x),), float(options.width))
    )
    assert only(outcome(Everything(), "own", width=7)).value == 7
    with pytest.raises(ConfigError, match=r"own\.wdth: unknown key; did you mean 'width'"):
        outcome(Everything(), "own", wdth=7)


def test_version_and_title_have_defaults():
    genbench.evaluator(name="my_own", **RECORD)(raises)
    record = evaluators["my_own"].record
    assert (record.version, record.title) == (1, "my own")
