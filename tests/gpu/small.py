"""Small data and recipes on a device, and their training."""

from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace

import pytest
import torch

from genbench.core.seeding import Stream, seeded
from genbench.data import DataConfig, load
from genbench.recipes import recipes
from genbench.runs.build import facts_of
from genbench.training import capture
from genbench.training import loop as training
from genbench.training.config import TrainConfig
from genbench.training.loop import Loop, fit

SMALL = {"hidden": (16,), "channels": (4, 8), "latent_dim": 3, "n_features": 16}
STREAM = Stream(0, ("train",))
CONFIG = TrainConfig(epochs=3, batch_size=30, kl_warmup_epochs=2, grad_clip=5.0)
PLAIN, RECORDED = 10**9, 0
"""Numbers of steps from which recording pays for itself: never and always."""


@contextmanager
def recording_from(steps):
    """Make recordings of trainings of so many steps or more."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("CAPTURE_STEPS", "GRAPH_CAPTURE_STEPS"):
            patch.setattr(capture, name, steps)
        yield


@contextmanager
def stopped_after(epoch):
    """Write a checkpoint after each epoch, and interrupt training after that of ``epoch``."""
    save = training.save_checkpoint

    def save_then_stop(path, model, optimizers, progress):
        save(path, model, optimizers, progress)
        if progress.epoch == epoch:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "CHECKPOINT_SECONDS", -1.0)
        patch.setattr(training, "save_checkpoint", save_then_stop)
        with pytest.raises(KeyboardInterrupt):
            yield


@cache
def digits(device, limit=90, **view):
    """Binary digits, redrawn for each batch, on a device."""
    config = DataConfig(name="digits", limit=limit, **(view or {"binarisation": "dynamic"}))
    return load(config, device=device)


def grey_digits(device, limit=90):
    """Grey digits with uniform noise, on a device."""
    return digits(device, limit, dequantisation="uniform")


def built(data, name, config=CONFIG, seed=0, **options):
    """Build a recipe with small networks on the device of its data, always from the same seed."""
    known = recipes[name].options.model_fields
    chosen = {k: v for k, v in SMALL.items() if k in known} | options
    with seeded(seed, "init"):
        made = recipes[name].build(facts_of(data), recipes[name].options(**chosen), config)
    made.model.to(data.levels.device)
    if made.closed_form:
        made.fit(data)
    return made


def trained(data, made, config=CONFIG, steps=RECORDED, checkpoint=None, stream=STREAM):
    """Train what was built, recorded from a number of steps on; return loop and result."""
    with recording_from(steps):
        loop = Loop(made.model, made.updates, data, config, stream, checkpoint)
        return SimpleNamespace(loop=loop, made=made, **vars(fit(loop)))


def assert_same_bits(one, other):
    """Compare the histories and weights of two trainings."""
    assert len(one.history) > 1
    assert one.history == other.history
    assert one.last.keys() == other.last.keys()
    different = [k for k, tensor in one.last.items() if not torch.equal(tensor, other.last[k])]
    assert different == []
    assert all(torch.equal(tensor, other.best[k]) for k, tensor in one.best.items())
