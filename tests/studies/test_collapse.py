"""The collapse without the KL term, and each measure of it on codes placed by hand."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal

from genbench.core.seeding import Stream
from genbench.data import DataConfig, load
from genbench.studies import Findings, Setting, studies
from genbench.studies.collapse import CollapseOptions, codes, distance_to_data
from genbench.training.config import TrainConfig


@pytest.fixture(scope="module")
def findings() -> Findings:
    train = TrainConfig(epochs=60, batch_size=50, learning_rate=2e-3)
    options = CollapseOptions(n_data=100, latent_dim=4, hidden=(32,), n_samples=50, train=train)
    return studies["collapse"].function(options, Setting(Stream(0)))


def test_the_checks_of_scale_mean_and_rate_pass_on_a_short_training(findings):
    assert [check.passed for check in findings.checks[:4]] == [True] * 4


def test_the_scale_falls_only_without_the_kl(findings):
    scale = findings.tables["epochs"].pivot(index="epoch", columns="lambda", values="scale")
    assert scale[0.0].iloc[-1] < 0.4 * scale[0.0].iloc[0]
    assert scale[1.0].iloc[-1] > 0.5 * scale[1.0].iloc[0]
    assert scale[0.0].iloc[-10:].max() < scale[1.0].iloc[-10:].min()


def test_pictures_are_intensities_and_both_weights_decode_the_same_originals(findings):
    samples, unseen = findings.arrays["samples"], findings.arrays["unseen"]
    assert samples.shape == (2, 10, 8, 8)
    assert 0 <= min(samples.min(), unseen.min()) < max(samples.max(), unseen.max()) <= 1
    assert set(unseen[0].ravel()) == {0, 1}
    assert abs(unseen[1] - unseen[2]).max() > 0.1


class Placed:
    """Codes on a line, 3 apart, with scale 1/2 in both of two dimensions."""

    def prior(self):
        return Independent(Normal(torch.zeros(2), torch.ones(2)), 1)

    def posterior(self, x):
        loc = torch.zeros(len(x), 2)
        loc[:, 0] = 3.0 * torch.arange(len(x))
        return Independent(Normal(loc, torch.full_like(loc, 0.5)), 1)


def test_the_measures_of_codes_are_those_of_a_line_by_hand():
    data = load(DataConfig(name="digits", binarisation="static", limit=3))
    found = codes(Placed(), data)
    assert found["scale"] == pytest.approx(0.5)
    assert found["mean_size"] == pytest.approx(math.sqrt((0 + 9 + 36) / 6))
    assert found["apart"] == pytest.approx(3 / math.sqrt(0.5))
    per_scale = 2 * (0.5 * (0.25 - 1) - math.log(0.5))
    assert found["kl"] == pytest.approx(per_scale + 0.5 * (0 + 9 + 36) / 3)


def test_the_distance_to_data_is_that_to_the_nearest():
    x = torch.tensor([[[0.0, 0.0]], [[1.0, 1.0]]])
    data = torch.tensor([[[0.0, 1.0]], [[5.0, 5.0]]])
    assert distance_to_data(x, data) == pytest.approx(math.sqrt(0.5))
