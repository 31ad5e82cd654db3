"""Every minibatch of a small data set, against gradients taken by finite differences."""

import copy

import numpy as np
import pytest
import torch
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from genbench.core.objective import Batch
from genbench.core.seeding import Stream
from genbench.objectives.elbo import NegativeEnumeratedElbo
from genbench.studies import Setting, studies
from genbench.studies.minibatch_gradients import Gradients, MinibatchOptions, spread_by_batch_size
from genbench.studies.small_models import built, digits


@pytest.fixture(scope="module")
def gradients() -> Gradients:
    setting = Setting(Stream(1))
    options = {"hidden": [4], "n_categories": 3, "observation": "unit_gaussian"}
    data = digits(setting)
    model = built("discrete_vae", options, data, setting.stream).double()
    return Gradients(model, data.held_out("train").x[:4].double())


def test_every_check_passes():
    found = studies["minibatch_gradients"].function(MinibatchOptions(n_data=5), Setting(Stream(0)))
    assert [check.name for check in found.checks if not check.passed] == []
    assert found.tables["batch_sizes"].n_minibatches.tolist() == [5, 10, 10, 5, 1]


def test_the_whole_gradient_is_that_of_the_summed_elbo_by_finite_differences(gradients):
    step, objective, zeros = 1e-5, NegativeEnumeratedElbo(), torch.zeros(4)
    towards = np.random.default_rng(0).normal(size=sum(p.numel() for p in gradients.parameters))

    def total(shift: float) -> float:
        moved = parameters_to_vector(gradients.parameters) + shift * torch.from_numpy(towards)
        model = copy.deepcopy(gradients.model)
        vector_to_parameters(moved, model.parameters())
        single = (objective(model, Batch(x[None], zeros[:1])).value for x in gradients.x)
        return float(sum(single).detach())

    expected = (total(step) - total(-step)) / (2 * step)
    assert abs(expected) > 1
    assert gradients.estimate((0, 1, 2, 3)) @ towards == pytest.approx(expected, rel=1e-6)


def test_a_sum_without_the_factor_is_biased(gradients):
    whole = gradients.estimate((0, 1, 2, 3))
    unscaled = gradients.of_every_minibatch(2).mean(axis=0) * 2 / 4
    assert np.allclose(unscaled, whole / 2)


def test_the_spread_falls_with_the_batch_and_is_none_at_the_whole_set(gradients):
    spread = spread_by_batch_size(gradients).enumerated
    assert spread.is_monotonic_decreasing
    assert spread.iloc[0] > 0.1
    assert spread.iloc[-1] == pytest.approx(0, abs=1e-7)
