"""Code lengths: of data whose length is known, and of a model that a test adds up by itself."""

import math

import pytest
import torch

from genbench.core.seeding import Stream
from genbench.studies import Findings, Setting, studies
from genbench.studies.bits import CodeLengthOptions, enumerated_lengths
from genbench.training.config import TrainConfig


@pytest.fixture(scope="module")
def findings() -> Findings:
    budget = CodeLengthOptions(train=TrainConfig(epochs=3, batch_size=64, learning_rate=1e-2))
    return studies["bits"].function(budget, Setting(Stream(0)))


def test_every_check_passes(findings):
    assert len(findings.checks) == 8
    assert [check.name for check in findings.checks if not check.passed] == []


def test_a_uniform_pixel_of_256_levels_takes_eight_bits_exactly(findings):
    assert findings.checks[0].found == 8


def test_the_table_is_consistent_in_its_units(findings):
    table = findings.tables["code_lengths"]
    assert (table.nats / table.bits).tolist() == pytest.approx([math.log(2)] * len(table))
    assert (table.bits / table.bits_per_pixel).tolist() == pytest.approx([64] * len(table))


def test_what_is_sent_is_the_ideal_length_and_the_cost_of_q(findings):
    table = findings.tables["code_lengths"].pivot(index="model", columns="quantity", values="bits")
    sent = table["rate"] + table["distortion"]
    assert sent.tolist() == pytest.approx((table["-log p(x)"] + table["cost of q"]).tolist())
    assert (table["cost of q"] > 0).all()


class TwoCategories:
    """p(z) = (1/4, 3/4); one pixel, on with probability 0.9 or 0.2; q(z given x) = (1/2, 1/2)."""

    def prior(self):
        return torch.distributions.OneHotCategorical(torch.tensor([0.25, 0.75]))

    def posterior(self, x):
        return torch.distributions.OneHotCategorical(torch.full((len(x), 2), 0.5))

    def observation_model(self, z):
        mean = z @ torch.tensor([[0.9], [0.2]])
        return torch.distributions.Bernoulli(mean.reshape(-1, 1, 1, 1))


def test_the_sums_are_those_of_two_categories_by_hand():
    found = enumerated_lengths(TwoCategories(), torch.tensor([1.0, 0.0]).reshape(2, 1, 1, 1))
    on, off = 0.25 * 0.9 + 0.75 * 0.2, 0.25 * 0.1 + 0.75 * 0.8
    rate = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    distortion = [-0.5 * math.log(0.9 * 0.2), -0.5 * math.log(0.1 * 0.8)]
    assert found["-log p(x)"].tolist() == pytest.approx([-math.log(on), -math.log(off)], rel=1e-6)
    assert found["rate"].tolist() == pytest.approx([rate] * 2, rel=1e-6)
    assert found["distortion"].tolist() == pytest.approx(distortion, rel=1e-6)
    cost = rate + distortion[0] + math.log(on)
    assert found["cost of q"][0] == pytest.approx(cost, rel=1e-5)
