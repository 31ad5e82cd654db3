"""What images are compared in: a named map from images to vectors."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from genbench.core.estimate import NotApplicableError, require_finite
from genbench.features.classifier import Classifier, Encoder
from genbench.features.pca import Projection
from genbench.training.checkpoint import digest_of, weights_of
from genbench.training.precision import products_in
from genbench.training.threads import threads

BATCH = 1_000


@dataclass(frozen=True, eq=False)
class FeatureSpace:
    """A map from images to vectors that is never changed: its name and digest belong to a number.

    Attributes:
        name: Such as ``mnist-cnn64-v1`` or ``pca32``.
        network: What computes the features, on the CPU.
        classes: Whether the network's classes are those of the data.
        confusion: P(predicted given true) on held-out data, (C, C); None where it is not known.
        remark: What a reader should know of it, in a few words.
    """

    name: str
    network: Encoder | Projection = field(repr=False)
    classes: bool = False
    confusion: Tensor | None = field(default=None, repr=False)
    remark: str = ""

    @property
    def dim(self) -> int:
        """Numbers in the features of an image."""
        return self.network.dim

    @property
    def n_classes(self) -> int | None:
        """The number of classes that it predicts, or None."""
        return self._classifier.n_classes if self._classifier else None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that the features depend on."""
        return digest_of(weights_of(self.network))

    def features(self, images: Tensor) -> Tensor:
        """Return the features (N, d) of images (N, C, H, W) in [0, 1], float64 on the CPU.

        Each batch is computed in one thread, so that the same images always have the same
        features; as many batches at once as torch has threads.

        Raises:
            NotApplicableError: The images have another shape.
            NonFiniteError: A pixel is not finite.
        """
        shape = tuple(self.network.image_shape)
        if images.ndim != 4 or tuple(images.shape[1:]) != shape:
            found = "x".join(map(str, images.shape[1:]))
            takes = "x".join(map(str, shape))
            raise NotApplicableError(f"images are {found}, but '{self.name}' is of {takes} images")
        if len(images):
            require_finite(images)
        features = torch.empty(len(images), self.dim, dtype=torch.float64)
        batches, places = torch.split(images, BATCH), torch.split(features, BATCH)
        n = torch.get_num_threads()
        with products_in("float32"), threads(1), ThreadPoolExecutor(n) as pool:
            list(pool.map(self._of_batch, batches, places))  # raises what one of them raised
        return features

    @torch.no_grad()
    def _of_batch(self, images: Tensor, features: Tensor) -> None:
        features.copy_(self.network(images.cpu().float()))

    def predicted(self, images: Tensor) -> Tensor:
        """Return the most probable class of each image, (N,) int64; raises as :meth:`features`."""
        return self.classes_of(self.features(images))

    def classes_of(self, features: Tensor) -> Tensor:
        """Return the most probable class of images by their features (N, d), (N,) int64.

        Raises:
            NotApplicableError: The space knows no classes.
        """
        network = self._classifier
        if network is None:
            raise NotApplicableError(f"the features '{self.name}' tell no classes apart")
        with torch.no_grad():
            logits: Tensor = network.head(features.cpu().float())
        return logits.argmax(dim=1)

    @property
    def _classifier(self) -> Classifier | None:
        return self.network if self.classes and isinstance(self.network, Classifier) else None
