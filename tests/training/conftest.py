"""Small data and real recipes for tests of the training loop."""

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from genbench.core.seeding import Stream, seeded
from genbench.data import DataConfig, Dataset, load
from genbench.recipes import DataFacts, recipes
from genbench.training.config import TrainConfig
from genbench.training.loop import FitResult, Loop, fit

STREAM = Stream(0, ("train",))
SMALL = {"hidden": (16,), "channels": (4, 8), "latent_dim": 3}


@pytest.fixture(scope="session")
def data() -> Dataset:
    """90 binary digits, redrawn for each batch."""
    return load(DataConfig(name="digits", binarisation="dynamic", limit=90))


@pytest.fixture(scope="session")
def build(data):
    """Build a recipe with small networks, always from the same initial weights."""

    def make(recipe: str, train: TrainConfig, **options):
        facts = DataFacts(data.image_shape, data.n_classes, data.held_out("train").x.mean(dim=0))
        known = recipes[recipe].options
        small = {key: value for key, value in SMALL.items() if key in known.model_fields}
        chosen = known(**small, **options)
        with seeded(0, "init"):
            return recipes[recipe].build(facts, chosen, train)

    return make


@pytest.fixture
def train(build, data, tmp_path) -> Callable[..., tuple[torch.nn.Module, FitResult]]:
    """Train a recipe, from a checkpoint where a path of one is given."""

    count = itertools.count()

    def run(
        recipe: str = "vae",
        config: TrainConfig | None = None,
        checkpoint: Path | None = None,
        stream: Stream = STREAM,
        **options,
    ):
        config = config or TrainConfig(epochs=4, batch_size=30)
        built = build(recipe, config, **options)
        path = checkpoint or tmp_path / f"unused{next(count)}.safetensors"
        return built.model, fit(Loop(built.model, built.updates, data, config, stream, path))

    return run


@pytest.fixture
def kill_after(monkeypatch):
    """Make the loop write every checkpoint and stop after so many epochs."""
    from genbench.training import loop

    def stop_after(n_epochs: int) -> None:
        monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
        save = loop.save_checkpoint

        def save_then_stop(path, model, optimizers, progress):
            save(path, model, optimizers, progress)
            if progress.epoch == n_epochs:
                monkeypatch.setattr(loop, "save_checkpoint", save)
                raise KeyboardInterrupt

        monkeypatch.setattr(loop, "save_checkpoint", save_then_stop)

    return stop_after
