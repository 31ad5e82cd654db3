"""Training throughput per recipe, through the loop that runs use."""

from itertools import count

import pytest

from genbench.core.seeding import Stream
from genbench.training.config import TrainConfig
from genbench.training.loop import Loop
from genbench.training.threads import flushed_denormals
from tests.benchmarks.workloads import BATCH_SIZE, MOST_STEPS, NETWORKS, fresh, images, trainable

EPOCHS = 1_000_000
"""More than are ever timed: the schedule barely moves, and a start-up cost would pay for itself."""
WARM_UP = 5
"""Epochs after which even one of a single step has recorded it, if it can be recorded."""


@pytest.fixture
def timed_epochs(measure):
    """Time epochs of so many steps; the same model goes on learning."""

    def go(name, network, steps):
        built = fresh(name, network)
        config = TrainConfig(epochs=EPOCHS, batch_size=BATCH_SIZE)
        n = steps * BATCH_SIZE
        loop = Loop(built.model, built.updates, images(n, 1), config, Stream(0))
        epochs = count()

        def epoch():
            with flushed_denormals():
                return loop.run_epoch(next(epochs))

        means = measure(epoch, images=n, warm_up=WARM_UP, batch_size=BATCH_SIZE, steps=steps)
        assert {f"train.{update.name}.loss" for update in built.updates} <= means.keys()
        assert all(parameter.isfinite().all() for parameter in built.model.parameters())

    return go


@trainable(networks=NETWORKS)
def test_training_step(timed_epochs, name, network):
    """An epoch of one batch: the step with all that stands around it."""
    timed_epochs(name, network, steps=1)


@trainable()
def test_epoch(timed_epochs, name, network):
    timed_epochs(name, network, steps=MOST_STEPS)
