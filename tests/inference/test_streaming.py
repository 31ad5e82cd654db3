"""Properties of the streaming log-mean-exp that every weighted bound goes through."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genbench.inference.streaming import StreamingLogMeanExp

values = st.lists(st.floats(-700, 700), min_size=1, max_size=30)


def log_mean_exp(numbers):
    stream = StreamingLogMeanExp()
    stream.add(numbers[:, None])
    return stream.result()[0]


def double(numbers):
    return torch.tensor(numbers, dtype=torch.float64)


@settings(deadline=None)
@given(values)
def test_log_mean_exp_is_the_log_of_the_mean_of_exponentials(numbers):
    top = max(numbers)
    by_hand = top + math.log(math.fsum(math.exp(v - top) for v in numbers) / len(numbers))
    assert float(log_mean_exp(double(numbers))) == pytest.approx(by_hand, abs=1e-11)


@settings(deadline=None)
@given(values, st.floats(-1e5, 1e5))
def test_log_mean_exp_moves_with_a_shift(numbers, shift):
    moved = log_mean_exp(double(numbers) + shift)
    assert float(moved) == pytest.approx(float(log_mean_exp(double(numbers))) + shift, abs=1e-9)


@settings(deadline=None)
@given(values, st.randoms(use_true_random=False))
def test_log_mean_exp_ignores_the_order(numbers, random):
    shuffled = list(numbers)
    random.shuffle(shuffled)
    expected = float(log_mean_exp(double(numbers)))
    assert float(log_mean_exp(double(shuffled))) == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(values)
def test_log_mean_exp_lies_between_mean_and_maximum(numbers):
    result = float(log_mean_exp(double(numbers)))
    assert math.fsum(numbers) / len(numbers) - 1e-9 <= result <= max(numbers) + 1e-9


def test_log_mean_exp_takes_minus_infinity_as_a_weight_of_zero():
    result = log_mean_exp(double([0.0, -math.inf]))
    assert float(result) == pytest.approx(-math.log(2), abs=1e-15)
