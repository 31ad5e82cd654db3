"""From the name of a feature space to the space: shipped, fitted to the data, or a user's own."""

import re
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from genbench.core.errors import ConfigError, did_you_mean, quoted
from genbench.core.files import sha256_json
from genbench.data import Dataset
from genbench.features.classifier import Autoencoder, Classifier
from genbench.features.custom import AUTO as AUTO
from genbench.features.custom import CUSTOM, custom_space, kept_weights
from genbench.features.kept import kept
from genbench.features.pca import Projection, principal_components
from genbench.features.shipped import SHIPPED, shipped_space
from genbench.features.space import FeatureSpace
from genbench.features.training import (
    confusion_counts,
    confusion_of,
    explained,
    trained_autoencoder,
    trained_classifier,
)
from genbench.training.checkpoint import weights_of
from genbench.training.threads import threads, torch_as_started

OWN, PCA = "own", "pca"
MOST_FEATURES, FEWEST_LEARNED = 64, 8
VERSION = 1
"""Of how spaces are fitted: part of their digest."""
_SHORT = {"classifier": "cnn", "autoencoder": "ae"}
_PCA = re.compile(r"pca(\d{1,4})?")
_OWN = re.compile(r"own-(cnn|ae)\d+-[0-9a-f]{8}")


def space_of(
    dataset: Dataset, name: str = AUTO, folder: Path | None = None, weights: Path | None = None
) -> FeatureSpace:
    """Return the space of a name for the images of a data set; what is fitted is kept in a folder.

    Args:
        dataset: Under any protocol: its images are taken as they are.
        name: ``auto`` is the network that comes with genbench for these data, else one that is
            trained on their labels, else their principal components. ``own`` is such a network, or
            without labels the code of an autoencoder; ``pca`` are the components and ``pca32`` so
            many of them; and the name of a space.
        folder: Where fitted spaces are kept; None fits them anew.
        weights: The user's own network, which ``auto`` then is; without it, a ``custom:`` network
            is looked for in ``folder``.

    Raises:
        ConfigError: The name is unknown, or the space is not for these data.
        DataError: Weights are missing, damaged, or of another network.
        StorageError: A file cannot be written.
    """
    if name.startswith(CUSTOM) or (name == AUTO and weights):
        kept_copy = kept_weights(name, folder) if folder else None
        return _custom(dataset, name, weights or kept_copy)
    if name == AUTO:
        return space_of(dataset, _best_for(dataset), folder)
    if name in SHIPPED:
        _require_family(name, dataset)
        return shipped_space(name)
    if name == OWN or _OWN.fullmatch(name):
        return _own_space(dataset, name, folder)
    if found := _PCA.fullmatch(name):
        return _pca_space(dataset, int(found[1]) if found[1] else None, folder)
    known = [AUTO, OWN, PCA, *SHIPPED]
    raise ConfigError(f"features: unknown name {quoted(name)}; {did_you_mean(name, known)}")


def _best_for(dataset: Dataset) -> str:
    mine = (name for name, known in SHIPPED.items() if _is_of(known.data, dataset))
    return next(mine, OWN if dataset.n_classes > 1 else PCA)


def _is_of(name: str, dataset: Dataset) -> bool:
    return dataset.name == name and not dataset.config.is_own


def _require_family(name: str, dataset: Dataset) -> None:
    family = SHIPPED[name].data
    if not _is_of(family, dataset):
        raise ConfigError(
            f"features: '{name}' is a network of '{family}', and says little about "
            f"'{dataset.name}'; use 'auto' or 'pca'"
        )


def width_for(dataset: Dataset) -> int:
    """Return how many features so many images bear: a power of two, 64 at most.

    A Fréchet distance needs ten images for each feature, also of the held-out images, and 20
    training images for each keep the reference exact.
    """
    bearable = min(dataset.size("train") // 20, dataset.size("validation") // 10, MOST_FEATURES)
    return 1 << max(0, bearable.bit_length() - 1)


def key_of(dataset: Dataset, *what: str | int) -> str:
    """Return the SHA-256 of something that is computed from the images of a data set."""
    of_data = dataset.digest, dataset.n_levels, dataset.unprocessed.config.canonical()
    return sha256_json([VERSION, *of_data, *what])


def _own_space(dataset: Dataset, asked: str, folder: Path | None) -> FeatureSpace:
    """Return a network that is trained on the training images, with their labels if there are any.

    Raises:
        ConfigError: Another one was asked for.
    """
    make = _classifier if dataset.n_classes > 1 else _autoencoder
    dim = max(FEWEST_LEARNED, width_for(dataset))
    return make(dataset, dim, asked, folder)


def _own_name(dataset: Dataset, what: str, dim: int, asked: str) -> tuple[str, str]:
    """Return the name of a network of these images, and the key of its weights."""
    key = key_of(dataset, what, dim)
    name = f"own-{_SHORT[what]}{dim}-{key[:8]}"
    if asked not in (OWN, name):
        raise ConfigError(f"features: {quoted(asked)} is of other images; these have '{name}'")
    return name, key


def _classifier(dataset: Dataset, dim: int, asked: str, folder: Path | None) -> FeatureSpace:
    name, key = _own_name(dataset, "classifier", dim, asked)
    with torch.device("meta"):
        like = Classifier(dataset.image_shape, dim, dataset.n_classes).state_dict()
    weights = kept(
        folder, name, key, like, lambda: weights_of(trained_classifier(dataset, dim, name))
    )
    network = Classifier.of_weights(weights, dataset.image_shape)
    space = FeatureSpace(name, network.eval().requires_grad_(False), True)
    counts = _held_out_counts(space, dataset)
    share = float(counts.trace() / counts.sum())
    remark = f"a network trained on the labels; {share:.1%} of the held-out images right"
    return replace(space, confusion=confusion_of(counts), remark=remark)


def _autoencoder(dataset: Dataset, dim: int, asked: str, folder: Path | None) -> FeatureSpace:
    name, key = _own_name(dataset, "autoencoder", dim, asked)
    with torch.device("meta"):
        network = Autoencoder(dataset.image_shape, dim)
    like = network.state_dict()
    weights = kept(
        folder, name, key, like, lambda: weights_of(trained_autoencoder(dataset, dim, name))
    )
    network.to_empty(device="cpu").load_state_dict(dict(weights))
    network.eval().requires_grad_(False)
    with torch.no_grad(), threads(1):
        share = explained(network, dataset.unprocessed.held_out("validation").x.cpu())
    remark = f"the code of an autoencoder, {share:.1%} of the variance of held-out images"
    return FeatureSpace(name, network, remark=f"{remark}; the data have no labels")


def _custom(dataset: Dataset, name: str, weights: Path | None) -> FeatureSpace:
    if weights is None:
        raise ConfigError(f"features: {quoted(name)} needs the file that [features] weights names")
    space = custom_space(weights, dataset, name)
    if not space.classes:
        return space
    return replace(space, confusion=confusion_of(_held_out_counts(space, dataset)))


def _held_out_counts(space: FeatureSpace, dataset: Dataset) -> Tensor:
    """Return the validation images of each class by predicted class, (C, C)."""
    x, y = dataset.unprocessed.held_out("validation")
    return confusion_counts(space.predicted(x), y, dataset.n_classes)


def _pca_space(dataset: Dataset, asked: int | None, folder: Path | None) -> FeatureSpace:
    """Return principal components: as many as asked for, else as many as the images bear."""
    n_pixels = torch.Size(dataset.image_shape).numel()
    most = max(1, min(dataset.size("train") // 20, n_pixels))
    dim = min(width_for(dataset), most) if asked is None else asked
    if not 1 <= dim <= most:
        raise ConfigError(f"features: 'pca{asked}' needs 1 to {most} components of these images")
    size = {"mean": (n_pixels,), "components": (dim, n_pixels), "rank": ()}
    like = {n: torch.empty(s, dtype=torch.float64, device="meta") for n, s in size.items()}
    key = key_of(dataset, "pca", dim)
    found = kept(folder, f"pca{dim}", key, like, lambda: _components(dataset, dim))
    rank = max(1, int(found["rank"]))
    network = Projection(dataset.image_shape, found["mean"], found["components"][:rank])
    why = "" if dataset.n_classes > 1 else "; the data have no labels to train a network on"
    return FeatureSpace(f"pca{network.dim}", network, remark=f"principal components{why}")


def _components(dataset: Dataset, dim: int) -> dict[str, Tensor]:
    with torch_as_started(), torch.no_grad(), threads(1):
        found = principal_components(dataset, dim)
    return {name: part.double().contiguous() for name, part in found._asdict().items()}
