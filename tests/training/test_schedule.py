"""Learning-rate schedules: their known values, and what is refused."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genbench.core.errors import ConfigError
from genbench.training.schedule import learning_rate_factor


@pytest.mark.parametrize(
    ("schedule", "progress", "factor"),
    [
        ("constant", 0.0, 1.0),
        ("constant", 0.99, 1.0),
        ("linear", 0.0, 1.0),
        ("linear", 0.25, 0.75),
        ("cosine", 0.0, 1.0),
        ("cosine", 0.5, 0.5),
        ("cosine", 1 / 3, 0.75),
        ("cosine", 1.0, 0.0),
    ],
)
def test_factor_has_its_known_value(schedule, progress, factor):
    assert learning_rate_factor(schedule, progress) == pytest.approx(factor, abs=1e-15)


@pytest.mark.parametrize("epochs", [3280, 328])
def test_stages_take_three_to_the_i_parts_at_a_rate_ten_to_the_minus_i_sevenths(epochs):
    factors = [learning_rate_factor("stages", epoch / epochs) for epoch in range(epochs)]
    expected = [10 ** (-i / 7) for i in range(8) for _ in range(3**i)]
    every = len(expected) // epochs
    assert factors == pytest.approx(expected[::every], rel=1e-14)


@given(st.sampled_from(["linear", "cosine"]), st.floats(0, 0.999), st.floats(1e-3, 0.5))
def test_decaying_schedules_only_fall_and_stay_positive(schedule, progress, step):
    now = learning_rate_factor(schedule, progress)
    later = learning_rate_factor(schedule, min(progress + step, 0.9999))
    assert 0 < later <= now <= 1


def test_cosine_lies_above_linear_first_and_below_it_later():
    assert learning_rate_factor("cosine", 0.2) > learning_rate_factor("linear", 0.2)
    assert learning_rate_factor("cosine", 0.8) < learning_rate_factor("linear", 0.8)
    assert math.isclose(
        learning_rate_factor("cosine", 0.2) + learning_rate_factor("cosine", 0.8), 1.0
    )


def test_an_unknown_schedule_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="unknown schedule 'cosinus'; did you mean 'cosine'"):
        learning_rate_factor("cosinus", 0.5)
