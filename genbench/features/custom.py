"""Feature spaces from a user's own weights: ``[features] weights`` of a suite."""

import re
from functools import cached_property
from pathlib import Path

from pydantic import field_validator, model_validator
from safetensors import SafetensorError
from safetensors.torch import load

from genbench.core.errors import ConfigError, DataError, StorageError, first_line, quoted
from genbench.core.files import sha256_bytes, write_atomic
from genbench.core.options import Options
from genbench.core.reading import MIB, has, read_bytes
from genbench.data import Dataset
from genbench.data.own.names import place_of
from genbench.features.classifier import Classifier
from genbench.features.space import FeatureSpace

AUTO, CUSTOM = "auto", "custom:"
MOST_BYTES = 256 * MIB
REMARK = "the user's own network: not to be set beside published numbers"


class FeatureOptions(Options):
    """``[features]`` of a suite.

    Attributes:
        weights: A ``.safetensors`` file with a network of the form that genbench trains: two
            convolutions and two dense layers, named as those of
            :class:`genbench.features.classifier.Classifier`. Its features are those of ``auto``.
        space: In place of a file the name of a space, which ``auto`` then is. Results state it, so
            that a model that is added to them is compared in the same space.
    """

    weights: Path | None = None
    space: str = ""

    @field_validator("weights", mode="before")
    @classmethod
    def _place(cls, weights: object) -> object:
        return place_of(weights) if isinstance(weights, str | Path) else weights

    @model_validator(mode="after")
    def _one_of_both(self) -> "FeatureOptions":
        if self.weights and self.space:
            raise ValueError("weights and space: state one of them")
        return self

    @cached_property
    def name(self) -> str:
        """The name of the space of ``weights``, or ``space``; ``auto`` without either.

        Raises:
            DataError: The file cannot be read.
        """
        return custom_name(_content(self.weights)) if self.weights else self.space or AUTO


def asked_space(features: str | Path) -> tuple[str, Path | None]:
    """Return the name of a space, and its weights if it was asked for by their file.

    What has a dot or a slash is a file: no name of a space has one.

    Raises:
        DataError: The file cannot be read.
    """
    if not re.search(r"[./\\]", str(features)):
        return str(features), None
    weights = place_of(features)
    return custom_name(_content(weights)), weights


def custom_name(content: bytes) -> str:
    """Return the name of the space of a file of weights.

    Example:
        >>> custom_name(b"")
        'custom:e3b0c442'
    """
    return f"{CUSTOM}{sha256_bytes(content)[:8]}"


def custom_space(path: Path, dataset: Dataset, asked: str = AUTO) -> FeatureSpace:
    """Return the space of a user's own weights.

    Raises:
        ConfigError: The file has another digest than the name that was asked for.
        DataError: It is missing, no safetensors file, or holds another network.
    """
    content = _content(path)
    name = custom_name(content)
    if asked.startswith(CUSTOM) and asked != name:
        raise ConfigError(f"features: {path} is '{name}', not {quoted(asked)}")
    try:
        network = Classifier.of_weights(load(content), dataset.image_shape)
    except (SafetensorError, ValueError) as error:
        raise DataError(
            f"features.weights: {path}: {first_line(error)}; expected a safetensors file of the "
            f"network that genbench trains, for {'x'.join(map(str, dataset.image_shape))} images"
        ) from error
    classes = network.n_classes == dataset.n_classes
    return FeatureSpace(name, network.eval().requires_grad_(False), classes, remark=REMARK)


def keep_weights(weights: Path, folder: Path) -> None:
    """Copy a user's weights to where :func:`kept_weights` finds them by the name of their space.

    Raises:
        DataError: The file cannot be read.
        StorageError: The copy cannot be written.
    """
    content = _content(weights)
    path = kept_weights(custom_name(content), folder)
    if not has(path, content):
        write_atomic(path, content)


def kept_weights(name: str, folder: Path) -> Path:
    """Return where the weights of a space are in a folder of features."""
    return folder / f"{name.replace(':', '-')}.safetensors"


def _content(path: Path) -> bytes:
    try:
        return read_bytes(path, MOST_BYTES)
    except StorageError as error:
        raise DataError(f"features.weights: {error}") from error
