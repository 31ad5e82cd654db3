"""Small models that studies build and train themselves, without storing them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from genbench.core.seeding import Stream, derive
from genbench.data import DataConfig, Dataset, load
from genbench.recipes import Built, recipes
from genbench.runs.build import build
from genbench.runs.spec import RunSpec
from genbench.studies.study import Setting
from genbench.training.config import TrainConfig
from genbench.training.loop import Loop
from genbench.training.threads import flushed_denormals, threads

EpochWatch = Callable[[int, Any], None]
"""Called with the number of epochs done and the model."""


def digits(setting: Setting, **view: Any) -> Dataset:
    """Return the 8x8 digits, grey unless the view (keys of ``[data]``) says otherwise.

    They stay on the CPU: models this small are no faster on a GPU.
    """
    config = DataConfig.model_validate({"name": "digits"} | view)
    return load(config, setting.data_dir)


def built(recipe: str, options: Mapping[str, Any], data: Dataset, stream: Stream) -> Any:
    """Return a recipe's model, initialised from the stream and untrained."""
    return _build(recipe, options, data, TrainConfig(), stream).model.eval()


def trained(
    recipe: str,
    options: Mapping[str, Any],
    data: Dataset,
    train: TrainConfig,
    stream: Stream,
    watch: EpochWatch | None = None,
) -> Any:
    """Train a recipe's model and return it in eval mode.

    Args:
        recipe: Its name.
        options: Its options, as in a suite file.
        data: The data set.
        train: The training configuration.
        stream: Source of initial weights, data order and noise.
        watch: Called after each epoch with the number of epochs done and the model in eval mode.
    """
    built = _build(recipe, options, data, train, stream)
    model: nn.Module = built.model.to(data.levels.device)
    loop = Loop(model, built.updates, data, train, stream.child("train"))
    with threads(1), flushed_denormals():
        for epoch in range(train.epochs):
            loop.run_epoch(epoch)
            if watch:
                watch(epoch + 1, model.eval())
    return model.eval()


def flat_gradient(value: Tensor, parameters: Iterable[nn.Parameter]) -> Tensor:
    """Return the gradient of a number in all parameters, as one vector."""
    gradients = torch.autograd.grad(value, list(parameters))
    return torch.cat([g.flatten() for g in gradients])


def _build(
    recipe: str, options: Mapping[str, Any], data: Dataset, train: TrainConfig, stream: Stream
) -> Built:
    seed = derive(stream.seed, *stream.path)
    typed = recipes[recipe].options.read(dict(options), f"model.{recipe}")
    spec = RunSpec(
        name=recipe, recipe=recipe, options=typed, data=data.config, train=train, seed=seed
    )
    return build(spec, data)
