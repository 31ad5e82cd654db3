"""The squared error of a plain autoencoder, and with a penalty on the code."""

import pytest
import torch

from genbench.core.objective import Batch
from genbench.objectives.reconstruction import SparseSquaredError, SquaredError


class Halves:
    def encode(self, x):
        return x.flatten(1)

    def decode(self, z):
        return (z / 2).reshape(-1, 1, 2, 2)


def test_squared_error_by_hand_is_a_sum_over_pixels_and_a_mean_over_data():
    x = torch.tensor([[2.0, 0, 0, 0], [2, 4, 0, 0]]).reshape(2, 1, 2, 2)
    loss = SquaredError()(Halves(), Batch(x, torch.zeros(2)))
    assert loss.value.item() == pytest.approx((1 + (1 + 4)) / 2)  # errors 1; 1 and 2
    assert loss.logged["mse"].item() == pytest.approx((1 + 1 + 4) / 8)


def test_the_penalty_by_hand_is_a_sum_over_the_code_and_a_mean_over_data():
    x = torch.tensor([[2.0, 0, 0, 0], [2, -4, 0, 0]]).reshape(2, 1, 2, 2)
    loss = SparseSquaredError(0.5)(Halves(), Batch(x, torch.zeros(2)))
    assert loss.value.item() == pytest.approx((1 + (1 + 4)) / 2 + 0.5 * (2 + 6) / 2)
    assert loss.logged["mse"].item() == pytest.approx((1 + 1 + 4) / 8)
    assert (loss.logged["code_l1"].item(), loss.logged["code_l0"].item()) == (4.0, 1.5)


def test_without_a_penalty_it_is_the_squared_error():
    x = torch.rand(3, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    batch = Batch(x, torch.zeros(3))
    expected = SquaredError()(Halves(), batch).value
    assert SparseSquaredError(0.0)(Halves(), batch).value.item() == pytest.approx(expected.item())
