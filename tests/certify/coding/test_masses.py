"""Masses in whole numbers."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.distributions import Bernoulli, Independent, Normal

from genbench.certify.coding import masses as module
from genbench.certify.coding.masses import masses_of, n_levels_of, whole
from genbench.certify.coding.rans import TOTAL, Stack
from genbench.core.errors import RunsFailedError
from genbench.core.estimate import NotApplicableError
from genbench.distributions.discretised import DiscretisedLogistic, LevelTable
from genbench.distributions.pixels import BernoulliPixels

rows = st.lists(st.floats(0, 1), min_size=2, max_size=256).filter(lambda row: sum(row) > 0)


@given(rows)
def test_whole_masses_own_all_numbers_and_each_level_at_least_one(row):
    bounds = whole(np.array([row]))[0]
    widths = np.diff(bounds)
    assert (bounds[0], bounds[-1]) == (0, TOTAL)
    assert widths.min() >= 1
    assert np.abs(widths / TOTAL - np.array(row) / sum(row)).max() <= (len(row) + 2) / TOTAL


@pytest.mark.parametrize("row", [[0.0, 0.0], [0.5, np.nan], [-0.1, 1.1], [np.inf, 1.0]])
def test_what_is_no_probability_is_refused(row):
    with pytest.raises(RunsFailedError, match="no probabilities"):
        whole(np.array([row]))


def test_masses_of_bernoulli_pixels_are_those_of_zero_and_one():
    logits = torch.tensor([[[-1.0, 0.0], [2.0, 40.0]]], dtype=torch.float64)
    p = logits.sigmoid().flatten()
    expected = torch.stack((1 - p, p), dim=1)
    assert n_levels_of(BernoulliPixels(logits)) == 2
    found = torch.from_numpy(masses_of(BernoulliPixels(logits), 2))
    assert torch.allclose(found, expected, rtol=1e-12)


def test_masses_keep_the_batch_and_sum_to_one():
    loc = torch.linspace(0, 1, 24, dtype=torch.float64).reshape(4, 1, 2, 3)
    p = Independent(DiscretisedLogistic(loc, torch.tensor(0.1), 17), 3)
    found = masses_of(p, n_levels_of(p))
    assert found.shape == (4, 6, 17)
    assert found.sum(-1) == pytest.approx(1, abs=1e-6)
    top = Independent(DiscretisedLogistic(loc[3], torch.tensor(0.1), 17), 3)
    assert (found[3] == masses_of(top, 17)).all()


def test_masses_of_a_table_are_the_table():
    table = torch.rand(1, 2, 3, 5, dtype=torch.float64)
    table /= table.sum(-1, keepdim=True)
    found = masses_of(Independent(LevelTable(table), 3), 5)
    assert torch.allclose(torch.from_numpy(found), table.reshape(6, 5), rtol=1e-12)


def test_a_density_has_no_levels():
    with pytest.raises(NotApplicableError, match="density"):
        n_levels_of(Independent(Normal(torch.zeros(1, 2, 2), 1.0), 3))
    assert n_levels_of(Independent(Bernoulli(torch.full((2,), 0.5)), 1)) == 2


@given(st.integers(0, 2**32 - 1))
def test_pixels_come_back(seed):
    random = np.random.default_rng(seed)
    bounds = whole(random.random((30, 6)))
    levels = random.integers(6, size=30)
    stack = Stack()
    module.push_pixels(stack, bounds, levels)
    assert (module.pop_pixels(stack, bounds) == levels).all()
