"""Trains the network behind a feature space on the training images of a data set."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from genbench.core.objective import Batch, Loss
from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.features.classifier import Autoencoder, Classifier, Encoder
from genbench.training.config import TrainConfig
from genbench.training.loop import Loop, fit
from genbench.training.threads import threads, torch_as_started
from genbench.training.update import Update

Network = TypeVar("Network", bound=Encoder)
STEPS = 400
"""At least so many, in whole epochs: two epochs of MNIST."""
BATCH_SIZE = 256
WITHOUT_LABELS = {"steps": 800, "batch_size": 64}
"""Of an autoencoder: a third of the time, and nearly as good as with large batches."""
LEARNING_RATE = 2e-3


def budget_of(n_train: int, steps: int = STEPS, batch_size: int = BATCH_SIZE) -> TrainConfig:
    """Return the training budget for so many images."""
    epochs = -(-steps // max(1, n_train // batch_size))
    return TrainConfig(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=LEARNING_RATE,
        schedule="constant",
        select="last",
    )


def trained_classifier(dataset: Dataset, dim: int, name: str) -> Classifier:
    """Train a classifier with ``dim`` features on the labels; see :func:`_trained`."""
    shape, n_classes = dataset.image_shape, dataset.n_classes
    budget = budget_of(dataset.size("train"))
    return _trained(lambda: Classifier(shape, dim, n_classes), _of_classes, budget, dataset, name)


def trained_autoencoder(dataset: Dataset, dim: int, name: str) -> Autoencoder:
    """Train an autoencoder with ``dim`` features, without labels; see :func:`_trained`."""

    def make() -> Autoencoder:
        network = Autoencoder(dataset.image_shape, dim)
        network.start_at(dataset.unprocessed.mean_image.cpu())
        return network

    budget = budget_of(dataset.size("train"), **WITHOUT_LABELS)
    return _trained(make, _of_pixels, budget, dataset, name)


def _trained(
    make: Callable[[], Network],
    loss: Callable[[Network, Batch], Loss],
    budget: TrainConfig,
    dataset: Dataset,
    name: str,
) -> Network:
    """Train a network; the name seeds its weights and the order of data.

    It sees the training images as they are, whatever the view of ``dataset``. It is trained on the
    CPU in one thread: the same images and name give the same network.

    Raises:
        DivergedError: The loss was not finite.
    """
    stream = Stream(0, ("features", name))
    plain = dataset.unprocessed.on(torch.device("cpu"))
    with torch_as_started(), threads(1):
        with stream.child("init").seeded():
            network = make()
        update = Update("features", list(network.parameters()), loss, validates=False)
        fit(Loop(network, [update], plain, budget, stream), f"train {name}")
    return network.eval().requires_grad_(False)


def _of_classes(network: Classifier, batch: Batch) -> Loss:
    return Loss(cross_entropy(network.head(network(batch.x)), batch.y), {})


def _of_pixels(network: Autoencoder, batch: Batch) -> Loss:
    return Loss(binary_cross_entropy_with_logits(network.logits(batch.x), batch.x.flatten(1)), {})


def confusion_counts(predicted: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """Return how often images of a class (row) were given each class (column), (C, C) int64."""
    pairs = labels.cpu() * n_classes + predicted
    return torch.bincount(pairs, minlength=n_classes**2).view(n_classes, n_classes)


def confusion_of(counts: Tensor) -> Tensor | None:
    """Return P(predicted given true), (C, C) float64; None if a class has no image."""
    totals = counts.sum(dim=1, keepdim=True)
    return counts.double() / totals if bool(totals.all()) else None


def explained(network: Autoencoder, x: Tensor) -> float:
    """Return the share of the variance of images (N, C, H, W) that reconstructions keep, or 0."""
    left = (network.reconstruction(x) - x).square().sum()
    return max(0.0, 1 - float(left / (x - x.mean(dim=0)).square().sum().clamp(min=1e-30)))
