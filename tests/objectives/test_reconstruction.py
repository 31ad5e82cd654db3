"""The squared error of a plain autoencoder."""

import pytest
import torch

from genbench.core.objective import Batch
from genbench.objectives.reconstruction import squared_error


class Halves:
    def encode(self, x):
        return x.flatten(1)

    def decode(self, z):
        return (z / 2).reshape(-1, 1, 2, 2)


def test_squared_error_by_hand_is_a_sum_over_pixels_and_a_mean_over_data():
    x = torch.tensor([[2.0, 0, 0, 0], [2, 4, 0, 0]]).reshape(2, 1, 2, 2)
    loss = squared_error()(Halves(), Batch(x, torch.zeros(2)))
    assert loss.value.item() == pytest.approx((1 + (1 + 4)) / 2)  # errors 1; 1 and 2
    assert loss.logged["mse"].item() == pytest.approx((1 + 1 + 4) / 8)
