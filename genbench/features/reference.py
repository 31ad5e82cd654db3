"""The features of a data set's own images, which generated ones are compared with."""

from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from genbench.core.protocol import SplitName
from genbench.core.tensors import joined
from genbench.data import Dataset
from genbench.features.kept import kept
from genbench.features.space import BATCH, FeatureSpace
from genbench.features.spaces import AUTO, key_of, space_of

AT_ONCE = 2**25
"""Numbers of the images whose features are computed at once, if there are threads for so many."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Real images in a feature space: neither binarised nor dequantised, whatever models see.

    Attributes:
        space: The feature space.
        training: Features of all training images, (N, d) float64.
        held_out: Those of the validation images, (M, d).
        labels: Classes of the training images, (N,) int64; None where the data have none.
    """

    space: FeatureSpace
    training: Tensor = field(repr=False)
    held_out: Tensor = field(repr=False)
    labels: Tensor | None = field(repr=False)

    def on(self, device: torch.device) -> "Reference":
        """Return it with its features on a device, where they are compared."""
        return replace(self, training=self.training.to(device), held_out=self.held_out.to(device))


def reference_of(
    dataset: Dataset,
    space_name: str = AUTO,
    folder: Path | None = None,
    weights: Path | None = None,
) -> Reference:
    """Return the training and validation images in a feature space; test images are not read.

    Features are computed once for each space and content of the data, and kept in ``folder``.

    Args:
        dataset: Under any protocol.
        space_name: See :func:`genbench.features.spaces.space_of`.
        folder: Where fitted spaces and features are kept; None computes them anew.
        weights: The user's own network.

    Raises:
        ConfigError: The name is unknown, or the space is not for these data.
        DataError: Weights are missing, damaged, or of another network.
        StorageError: A file cannot be written.
    """
    space = space_of(dataset, space_name, folder, weights)
    splits: dict[str, SplitName] = {"training": "train", "held_out": "validation"}
    like = {
        name: torch.empty(dataset.size(split), space.dim, dtype=torch.float64, device="meta")
        for name, split in splits.items()
    }
    name = f"features-{space.name.replace(':', '-')}"
    found = kept(
        folder,
        name,
        key_of(dataset, "features", space.digest),
        like,
        lambda: {part: _features(dataset, split, space) for part, split in splits.items()},
    )
    labels = dataset.labels_of("train").cpu() if dataset.n_classes > 1 else None
    return Reference(space, found["training"], found["held_out"], labels)


def _features(dataset: Dataset, split: SplitName, space: FeatureSpace) -> Tensor:
    """Return the features of a split, as many blocks at once as there are threads, and room."""
    n_pixels = torch.Size(dataset.image_shape).numel()
    n = max(1, min(torch.get_num_threads(), AT_ONCE // (BATCH * n_pixels)))
    blocks = dataset.unprocessed.blocks(split)
    groups = iter(lambda: list(islice(blocks, n)), [])
    return joined((space.features(torch.cat(group)) for group in groups), dataset.size(split))
