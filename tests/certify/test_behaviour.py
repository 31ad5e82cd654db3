"""What comes back from a function that is no log p(x) at all."""

import math

import pytest
import torch

from genbench.certify.behaviour import BATCH, call_repeatedly
from genbench.certify.own import certify
from genbench.core.seeding import Stream


def certified(function, kind="exact"):
    return certify(lambda x, y: function, kind=kind)


def row(frame, check):
    return frame[frame["check"].str.startswith(check)].iloc[0]


def uniform(x):
    return torch.full((len(x),), -9 * math.log(2))


def test_a_function_is_called_with_all_images_and_with_batches_in_another_order():
    x, sizes = torch.arange(120.0).reshape(120, 1, 1, 1), []

    def log_prob(images):
        sizes.append(len(images))
        found = images.flatten()
        images.zero_()  # what it does to its images is its own business
        return found.clone()

    calls = call_repeatedly(log_prob, x, Stream(0))
    assert sizes == [120, BATCH, BATCH, 20] * 2
    assert not calls.is_noisy


def with_nan(x):
    return torch.where(x.sum((1, 2, 3)) == 9, torch.nan, uniform(x))


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: uniform(x).sum(), "returned a tensor () of float32; expected a tensor (512,)"),
        (lambda x: -x.flatten(1), "(512, 9) of float32; expected a tensor (512,): .flatten(1)"),
        (lambda x: uniform(x)[:7], "returned a tensor (7,)"),
        (with_nan, "with 1 NaN; expected numbers"),
        (lambda x: uniform(x) + math.inf, "512 infinite values"),
        (lambda x: None, "log_prob(x) returned"),
        (lambda x: "low", "log_prob(x) returned"),
        (lambda x: x.flatten(1) @ torch.ones(4), "log_prob(x) raised RuntimeError: size mismatch"),
    ],
)
def test_values_that_are_no_numbers_for_images_are_named(function, words):
    (found,) = certified(function).itertuples()
    assert (found.verdict, found.check, found.expected) == ("fail", "values", "512 numbers")
    assert words in found.reason


@pytest.mark.parametrize(
    "function",
    [
        lambda x: uniform(x) + math.log(len(x)),
        lambda x: uniform(x) + 0.1 * (x - x.mean(0)).sum((1, 2, 3)),
        lambda x: uniform(x) + torch.arange(len(x)) / len(x),
    ],
    ids=["grows with the batch", "centred on the batch", "by place"],
)
def test_a_value_that_depends_on_its_batch_is_named(function):
    found = row(certified(function), "batches of 50")
    assert found["verdict"] == "fail"
    assert "depends on the others in its batch" in found["reason"]


def test_noise_is_admitted_in_a_bound_and_not_in_an_exact_value():
    def noisy(x):
        return uniform(x) - 0.5 + torch.randn(len(x))

    assert row(certified(noisy), "repeated calls")["verdict"] == "fail"
    assert "changes between calls" in row(certified(noisy), "repeated calls")["reason"]
    assert set(certified(noisy, "lower_bound")["verdict"]) == {"pass"}
    grows = certified(lambda x: noisy(x) + 0.2 * math.log(len(x)), "lower_bound")
    assert row(grows, "batches of 50")["verdict"] == "fail"
