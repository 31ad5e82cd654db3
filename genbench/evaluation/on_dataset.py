"""What an evaluation knows of a data set besides its test data, as every run of a suite does."""

from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from genbench.core.protocol import SplitName
from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.evaluation.spec import Context
from genbench.features.reference import Reference, reference_of

SPLIT: SplitName = "test"
"""The split that models are evaluated on, unless a suite states another one."""
_References = dict[tuple[str, Path | None], Reference]
_REFERENCES: WeakKeyDictionary[Dataset, _References] = WeakKeyDictionary()
"""What was looked up, for the next model on the same data."""
_SHARED: WeakKeyDictionary[Dataset, dict[str, Any]] = WeakKeyDictionary()
"""What evaluators have computed of the data alone."""


def context_on(
    dataset: Dataset,
    model: Any,
    seed: int,
    split: SplitName = SPLIT,
    features: Path | None = None,
) -> Context:
    """Return the context of an evaluation of ``model`` on a split of ``dataset``.

    The features of the training images are kept in the folder ``features``, if there is one.
    """
    return Context(
        model,
        Stream(seed, ("evaluate", split)),
        validation=dataset.held_out("validation").x,
        n_levels=dataset.n_levels if dataset.config.dequantisation == "uniform" else None,
        log_py=_log_frequencies(dataset),
        reference=partial(_reference, dataset, features),
        shared=_SHARED.setdefault(dataset, {}),
    )


def _reference(dataset: Dataset, folder: Path | None, space: str) -> Reference:
    """Return the training and held-out images in a feature space, looked up once for all views."""
    known = _REFERENCES.setdefault(dataset.unprocessed, {})
    if (space, folder) not in known:
        found = reference_of(dataset, space, folder)
        known[space, folder] = found.on(dataset.levels.device)
    return known[space, folder]


def _log_frequencies(dataset: Dataset) -> Tensor:
    """Return log p(y) of the training labels, with one added to each count, (n_classes,)."""
    y = dataset.labels_of("train")
    counts = torch.bincount(y, minlength=dataset.n_classes).double() + 1
    return (counts / counts.sum()).log()
