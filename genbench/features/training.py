"""Trains the classifier behind a feature space on the training images of a data set."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from genbench.core.objective import Batch, Loss
from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.features.classifier import Classifier
from genbench.training.config import TrainConfig
from genbench.training.loop import Loop, fit
from genbench.training.threads import threads, torch_as_started
from genbench.training.update import Update

STEPS = 400
"""At least so many, in whole epochs: two epochs of MNIST."""
BATCH_SIZE = 256
LEARNING_RATE = 2e-3


def budget_of(n_train: int) -> TrainConfig:
    """Return the training budget for so many images."""
    epochs = -(-STEPS // max(1, n_train // BATCH_SIZE))
    return TrainConfig(
        epochs=epochs,
        batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        schedule="constant",
        select="last",
    )


def trained_classifier(dataset: Dataset, dim: int, name: str) -> Classifier:
    """Train a classifier with ``dim`` features; the name seeds its weights and the order of data.

    It sees the training images as they are, whatever the view of ``dataset``. It is trained on the
    CPU in one thread: the same images and name give the same network.

    Raises:
        DivergedError: The loss was not finite.
    """
    stream = Stream(0, ("features", name))
    plain = dataset.unprocessed.on(torch.device("cpu"))
    with torch_as_started(), threads(1):
        with stream.child("init").seeded():
            network = Classifier(plain.image_shape, dim, plain.n_classes)
        update = Update("classifier", list(network.parameters()), _cross_entropy, validates=False)
        fit(Loop(network, [update], plain, budget_of(plain.size("train")), stream), f"train {name}")
    return network.eval().requires_grad_(False)


def _cross_entropy(network: Classifier, batch: Batch) -> Loss:
    return Loss(cross_entropy(network.head(network(batch.x)), batch.y), {})


def confusion_counts(predicted: Tensor, labels: Tensor, n_classes: int) -> Tensor:
    """Return how often images of a class (row) were given each class (column), (C, C) int64."""
    pairs = labels.cpu() * n_classes + predicted
    return torch.bincount(pairs, minlength=n_classes**2).view(n_classes, n_classes)


def confusion_of(counts: Tensor) -> Tensor | None:
    """Return P(predicted given true), (C, C) float64; None if a class has no image."""
    totals = counts.sum(dim=1, keepdim=True)
    return counts.double() / totals if bool(totals.all()) else None
