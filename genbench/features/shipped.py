"""Feature spaces that come with genbench: networks trained once, each for one data set."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load

from genbench.core.errors import ConfigError, DataError, StorageError
from genbench.core.files import sha256_bytes
from genbench.core.options import Options
from genbench.core.reading import read_bytes, read_json
from genbench.features.classifier import Classifier
from genbench.features.space import FeatureSpace
from genbench.features.training import confusion_of

FOLDER = Path(__file__).with_name("weights")
MOST_BYTES = 500_000


class Shipped(NamedTuple):
    """The data set that a network is for and was trained on, and the number of its features."""

    data: str
    dim: int


SHIPPED: Mapping[str, Shipped] = MappingProxyType(
    {"mnist-cnn64-v1": Shipped("mnist", 64), "digits-cnn16-v1": Shipped("digits", 16)}
)


class TrainingRecord(Options):
    """How a network was trained, and how well it classifies the test images.

    Attributes:
        name: Of the feature space.
        data: The protocol of its data.
        data_digest: SHA-256 of all pixels and labels.
        image_shape: (C, H, W).
        epochs: Passes over the training images.
        batch_size: Images in a step.
        learning_rate: Of Adam, constant.
        seed: Of weights and order, with the name.
        accuracy: Share of the test images that it classifies correctly.
        confusion: Test images of each class (row) by predicted class (column).
        sha256: Digest of the file of weights.
        genbench: The version that trained it.
        torch: The version that it was trained with.
    """

    name: str
    data: str
    data_digest: str
    image_shape: tuple[int, int, int]
    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    accuracy: float
    confusion: tuple[tuple[int, ...], ...]
    sha256: str
    genbench: str
    torch: str


def record_of(name: str, folder: Path = FOLDER) -> TrainingRecord:
    """Return the training record of a network.

    Raises:
        DataError: The file is missing or damaged.
    """
    try:
        return TrainingRecord.read(read_json(folder / f"{name}.json"), "record")
    except (StorageError, ConfigError) as error:
        raise DataError(f"features '{name}': {error}; install genbench again") from error


def shipped_space(name: str, folder: Path = FOLDER) -> FeatureSpace:
    """Return a feature space that comes with genbench.

    Raises:
        DataError: Its file is missing, or does not have the digest of its training record.
    """
    record, path = record_of(name, folder), folder / f"{name}.safetensors"
    try:
        content = read_bytes(path, MOST_BYTES)
        if (found := sha256_bytes(content)) != record.sha256:
            raise StorageError(f"{path} has sha256 {found}, expected {record.sha256}")
        network = Classifier.of_weights(load(content), record.image_shape)
    except (StorageError, SafetensorError, ValueError) as error:
        raise DataError(f"features '{name}': {error}; install genbench again") from error
    confusion = confusion_of(torch.tensor(record.confusion))
    network.eval().requires_grad_(False)
    return FeatureSpace(name, network, True, confusion)
