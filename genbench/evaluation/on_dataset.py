"""What an evaluation knows of a data set besides its test data, as every run of a suite does."""

from typing import Any

import torch
from torch import Tensor

from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.data.protocol import SplitName
from genbench.evaluation.spec import Context

SPLIT: SplitName = "test"
"""The split that models are evaluated on, unless a suite states another one."""


def context_on(dataset: Dataset, model: Any, seed: int, split: SplitName = SPLIT) -> Context:
    """Return the context of an evaluation of ``model`` on a split of ``dataset``."""
    return Context(
        model,
        Stream(seed, ("evaluate", split)),
        validation=dataset.held_out("validation").x,
        n_levels=dataset.n_levels if dataset.config.dequantisation == "uniform" else None,
        log_py=_log_frequencies(dataset),
    )


def _log_frequencies(dataset: Dataset) -> Tensor:
    """Return log p(y) of the training labels, with one added to each count, (n_classes,)."""
    y = dataset.labels_of("train")
    counts = torch.bincount(y, minlength=dataset.n_classes).double() + 1
    return (counts / counts.sum()).log()
