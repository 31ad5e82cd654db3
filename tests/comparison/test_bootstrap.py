import math

import numpy as np
import pytest

from genbench.comparison.bootstrap import N_REPLICATES, rank_replicates, replicates
from genbench.core.addressed import numpy_generator

VALUES = numpy_generator(0, "values").normal(size=400)
WITHIN = 4 / math.sqrt(2 * N_REPLICATES)  # four standard errors of a relative standard deviation


def test_one_seed_has_the_standard_error_of_the_mean():
    drawn = replicates({"x": {0: VALUES}})["x"]
    assert drawn.shape == (N_REPLICATES, 1)
    expected = VALUES.std() / 20
    assert drawn.std() == pytest.approx(expected, rel=WITHIN)
    assert drawn.mean() == pytest.approx(VALUES.mean(), abs=4 * expected / math.sqrt(N_REPLICATES))


def test_seeds_are_drawn_with_replacement():
    shifts = np.array([0.0, 1.0, 5.0])
    drawn = replicates({"x": {s: np.full(10, v) for s, v in enumerate(shifts)}})["x"]
    assert set(drawn.ravel().round(9)) == set(shifts)
    assert drawn.mean(axis=1).std() == pytest.approx(shifts.std() / math.sqrt(3), rel=WITHIN)


def test_all_contestants_see_the_same_resampled_data():
    drawn = replicates({"x": {0: VALUES}, "y": {0: VALUES + 3.0}})
    assert drawn["y"] - drawn["x"] == pytest.approx(3.0, abs=1e-12)


def test_draws_do_not_depend_on_who_else_is_compared():
    seeds = {0: VALUES, 1: VALUES + 1}
    alone = replicates({"x": seeds})["x"]
    among = replicates({"y": {0: VALUES[::-1]}, "x": seeds, "z": seeds})
    assert np.allclose(among["x"], alone, rtol=1e-12)
    assert not np.array_equal(among["z"], among["x"])


def test_global_generators_are_not_used():
    np.random.seed(0)  # noqa: NPY002
    before = replicates({"x": {0: VALUES}})["x"]
    np.random.seed(1)  # noqa: NPY002
    assert np.array_equal(replicates({"x": {0: VALUES}})["x"], before)


def test_equal_scores_share_their_ranks():
    scores = np.array([[1.0, 2.0], [3.0, 2.0], [1.0, 2.0], [0.0, 7.0]])
    assert rank_replicates(scores).T.tolist() == [[2.5, 1, 2.5, 4], [3, 3, 3, 1]]
