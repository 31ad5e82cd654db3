"""Models that studies train: the same numbers every time, and better than before training."""

import pytest
import torch

from genbench.core.objective import Batch
from genbench.core.seeding import Stream
from genbench.objectives.reconstruction import SquaredError
from genbench.studies import Setting
from genbench.studies.small_models import built, digits, trained
from genbench.training.config import TrainConfig

OPTIONS = {"hidden": [16], "latent_dim": 4}
TRAIN = TrainConfig(epochs=3, batch_size=10, learning_rate=1e-2)


@pytest.fixture(scope="module")
def data():
    return digits(Setting(Stream(0)), limit=200)


def loss(model, data) -> float:
    with torch.no_grad():
        return float(SquaredError()(model, Batch(*data.held_out("test"))).value)


def test_training_starts_at_the_untrained_model_and_lowers_the_loss(data):
    start = built("ae", OPTIONS, data, Stream(5))
    assert loss(trained("ae", OPTIONS, data, TRAIN, Stream(5)), data) < 0.9 * loss(start, data)


def test_the_stream_alone_decides_on_the_weights(data):
    one, same, other = (trained("ae", OPTIONS, data, TRAIN, Stream(s)) for s in (1, 1, 2))
    assert loss(one, data) == loss(same, data) != loss(other, data)


def test_watching_sees_every_epoch_and_changes_nothing(data):
    seen = []

    def watch(epoch, model):
        seen.append((epoch, model.training, loss(model, data)))

    model = trained("ae", OPTIONS, data, TRAIN, Stream(1), watch)
    assert [epoch for epoch, _, _ in seen] == [1, 2, 3]
    assert not any(training for _, training, _ in seen)
    assert seen[-1][2] == loss(model, data) < seen[0][2]
    assert loss(trained("ae", OPTIONS, data, TRAIN, Stream(1)), data) == seen[-1][2]


def test_digits_are_served_as_the_view_says():
    binary = digits(Setting(Stream(0)), binarisation="static", limit=10).held_out("train").x
    grey = digits(Setting(Stream(0)), limit=10).held_out("train").x
    assert set(binary.unique().tolist()) == {0, 1}
    assert len(grey.unique()) > 5
