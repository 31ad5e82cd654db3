"""Properties of the inverse temperatures."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genbench.inference.schedules import temperatures

SCHEDULES = ("linear", "sigmoid")
sizes = st.integers(1, 3000)


@pytest.mark.parametrize("schedule", SCHEDULES)
@given(n=sizes)
def test_temperatures_rise_from_exactly_zero_to_exactly_one_in_n_steps(n, schedule):
    beta = temperatures(n, schedule)
    assert beta.dtype == torch.float64
    assert beta.shape == (n + 1,)
    assert beta[0] == 0
    assert beta[-1] == 1
    assert bool((beta.diff() > 0).all())


@pytest.mark.parametrize("schedule", SCHEDULES)
@given(n=sizes)
def test_temperatures_are_symmetric_about_one_half(n, schedule):
    beta = temperatures(n, schedule)
    assert torch.allclose(beta + beta.flip(0), torch.ones_like(beta), rtol=0, atol=1e-14)


def test_sigmoid_temperatures_are_those_of_the_paper():
    by_hand = [1 / (1 + torch.tensor(-v).double().exp()) for v in (-4.0, -2.0, 0.0, 2.0, 4.0)]
    expected = [(v - by_hand[0]) / (by_hand[-1] - by_hand[0]) for v in by_hand]
    assert torch.allclose(temperatures(4, "sigmoid"), torch.stack(expected), rtol=0, atol=1e-15)


def test_sigmoid_steps_are_small_at_both_ends():
    steps = temperatures(100, "sigmoid").diff()
    assert steps[0] < steps[50] / 5
    assert steps[-1] < steps[50] / 5


def test_no_temperatures_is_an_error():
    with pytest.raises(ValueError, match="n_temperatures must be 1 or more, not 0"):
        temperatures(0, "linear")
