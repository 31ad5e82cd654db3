"""The natural order of names, and ranks in it."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from genbench.data.own.labels import natural, ranked

NAMES = st.text("ab019.", max_size=6)


@given(st.sets(NAMES, max_size=30))
def test_any_names_have_one_order(names):
    ordered = sorted(names, key=natural)
    assert ordered == sorted(reversed(ordered), key=natural)


@given(st.lists(st.integers(0, 2**63 - 1), min_size=1))
def test_the_order_of_numbers_is_that_of_their_names(numbers):
    as_numbers, classes = ranked(np.array(numbers), "x")
    as_names, same_classes = ranked(np.array(list(map(str, numbers))), "x")
    np.testing.assert_array_equal(as_numbers, as_names)
    assert classes == same_classes == tuple(map(str, sorted(set(numbers))))


@given(st.lists(NAMES.filter(bool), min_size=1))
def test_a_rank_points_to_the_name(names):
    ranks, classes = ranked(np.array(names), "x")
    assert [classes[rank] for rank in ranks] == names
