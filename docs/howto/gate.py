"""Hold a model of your own against a stored baseline, as a test would."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Independent

import genbench
from genbench.testing import assert_no_regression, write_baseline


class Coins:
    """Independent coins, one for each pixel."""

    def __init__(self, probability: float) -> None:
        self.pixels = Independent(Bernoulli(torch.full((8, 8), probability)), 2)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log p(x), (B,) in nats."""
        return self.pixels.log_prob(x)


x = (torch.rand(500, 8, 8, generator=torch.Generator().manual_seed(0)) < 0.3).float()
good = genbench.evaluate(Coins(0.3), x, evaluators=("log_likelihood",))
write_baseline(good, "my_model.json", margins={"log_likelihood": 1.0})  # once

assert_no_regression(good, "my_model.json")  # in every test run

worse = genbench.evaluate(Coins(0.6), x, evaluators=("log_likelihood",))
with pytest.raises(AssertionError, match="worse"):  # the message is the table of verdicts
    assert_no_regression(worse, "my_model.json")
