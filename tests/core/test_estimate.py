"""Mean, standard error, and the refusal to average what is not finite."""

import math
import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genbench.core.estimate import NonFiniteError, mean_and_stderr, require_finite


def test_mean_and_stderr_by_hand():
    # 1, 2, 3, 6: mean 3, squares of deviations 4 + 1 + 0 + 9 = 14, s^2 = 14/3, s/sqrt(4)
    found = mean_and_stderr(torch.tensor([1.0, 2.0, 3.0, 6.0]))
    assert found.value == 3.0
    assert found.stderr == pytest.approx(math.sqrt(14 / 3) / 2, rel=1e-15)
    assert found.n == 4


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50))
def test_mean_and_stderr_agree_with_the_standard_library(numbers):
    found = mean_and_stderr(torch.tensor(numbers, dtype=torch.float64))
    assert found.value == pytest.approx(statistics.fmean(numbers), rel=1e-12, abs=1e-9)
    expected = statistics.stdev(numbers) / math.sqrt(len(numbers))
    assert found.stderr == pytest.approx(expected, rel=1e-9, abs=1e-8)
    assert found.n == len(numbers)


def test_one_datum_has_no_standard_error():
    found = mean_and_stderr(torch.tensor([5.0]))
    assert (found.value, found.stderr, found.n) == (5.0, None, 1)


def test_single_precision_values_are_averaged_in_double_precision():
    values = torch.full((100_000,), 0.1, dtype=torch.float32)
    assert mean_and_stderr(values).value == pytest.approx(float(values[0]), rel=1e-14)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_never_averaged_away(bad):
    values = torch.zeros(10)
    values[7] = values[9] = bad
    with pytest.raises(NonFiniteError, match=r"2 of 10 .* datum 7"):
        mean_and_stderr(values)


def test_a_row_counts_once_however_many_of_its_entries_are_bad():
    values = torch.zeros(4, 3)
    values[2] = math.nan
    with pytest.raises(NonFiniteError, match=r"1 of 4 .* datum 2"):
        require_finite(values)
    assert require_finite(torch.zeros(4, 3)) is None
