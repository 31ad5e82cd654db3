"""Checks: on which side of the exact number a claim holds."""

import numpy as np
import pytest
import torch

from genbench.studies.study import at_least, at_most, equal


@pytest.mark.parametrize(
    ("claim", "passing", "failing"),
    [
        (equal, (0.9, 1.1), (0.8, 1.2)),
        (at_most, (-9.0, 1.1), (1.2,)),
        (at_least, (0.9, 9.0), (0.8,)),
    ],
)
def test_a_claim_holds_up_to_its_tolerance_on_the_side_that_counts(claim, passing, failing):
    assert all(claim("c", 1.0, value, 0.1001).passed for value in passing)
    assert not any(claim("c", 1.0, value, 0.1001).passed for value in failing)


@pytest.mark.parametrize("claim", [equal, at_most, at_least])
def test_no_claim_holds_of_a_number_that_is_not_finite(claim):
    assert not any(claim("c", 0.0, value, 1.0).passed for value in (np.nan, np.inf, -np.inf))


def test_a_bound_has_no_slack_unless_it_is_stated():
    assert at_most("c", 1, np.float32(1)).passed
    assert not at_most("c", 1, 1 + 1e-12).passed
    assert not at_least("c", 1, 1 - 1e-12).passed


def test_numbers_of_any_library_are_stored_as_plain_ones():
    check = equal("c", np.int64(2), torch.tensor(2.0), 0.0, "Why.")
    assert (type(check.expected), type(check.found), check.note) == (float, float, "Why.")
