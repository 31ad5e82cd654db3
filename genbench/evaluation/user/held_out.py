"""The data that a user's model is evaluated on: arrays, or the test data of a named data set."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genbench.core.capabilities import Conditions, ConditionsOnPixels
from genbench.core.errors import ConfigError
from genbench.core.protocol import LABEL, PIXELS, Protocol
from genbench.core.seeding import Stream
from genbench.data import DataConfig, Dataset, load
from genbench.data.protocol import chosen
from genbench.evaluation.on_dataset import SPLIT, context_on
from genbench.evaluation.spec import Context
from genbench.evaluation.user.data import read_data

DATA_SEED = "data_seed"


@dataclass(frozen=True)
class HeldOut:
    """Data, their labels, and the data set under one protocol that they belong to, if any."""

    x: Tensor
    y: Tensor | None = None
    dataset: Dataset | None = None

    def context(self, model: Any, seed: int) -> Context:
        """Return what an evaluation of ``model`` knows besides x and y."""
        if self.dataset is None:
            return Context(model, Stream(seed, ("evaluate",)))
        return context_on(self.dataset, model, seed)

    def protocol(self, model: Any, measure: str) -> Protocol | None:
        """Return what a number must share to be compared, given the measure of the likelihoods."""
        if self.dataset is None:
            return None
        known = replace(self.dataset.protocol, measure=measure or self.dataset.natural_measure)
        return replace(known, condition=_condition(model))


def _condition(model: Any) -> str:
    if isinstance(model, ConditionsOnPixels):
        return f"{PIXELS}shown pixels"
    return LABEL if isinstance(model, Conditions) else ""


def held_out(x: Any, y: Any, device: torch.device, stated: Mapping[str, Any]) -> HeldOut:
    """Return the data of an array, or those that a data set's name or path stands for.

    Args:
        x: Data, or the name or path of a data set.
        y: Labels of data.
        device: Where a data set is loaded.
        stated: How a data set is presented, as in :func:`genbench.load_data`.

    Raises:
        ConfigError: The data hold no numbers, or an option is unknown or does not fit.
        DataError: A file is missing or damaged.
    """
    if not isinstance(x, str | Path):
        if stated:
            key = next(iter(stated))
            raise ConfigError(f"{key}: x is no data set's name, so its pixels are used as they are")
        return HeldOut(*read_data(x, y))
    if y is not None:
        raise ConfigError(f"y: the labels of '{x}' come with its data; leave y out")
    dataset = _named(x, device, dict(stated))
    return HeldOut(*dataset.held_out(SPLIT), dataset)


def _named(name: str | Path, device: torch.device, stated: dict[str, Any]) -> Dataset:
    data_dir, seed = stated.pop("data_dir", None), stated.pop(DATA_SEED, 0)
    if "seed" in stated:
        raise ConfigError(f"seed: is that of the evaluation; {DATA_SEED} is that of the pixels")
    config = DataConfig.read({**chosen(name), "seed": seed, **stated}, "evaluate")
    return load(config, Path(data_dir) if data_dir else None, device)
