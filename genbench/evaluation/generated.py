"""The images that a model generates, and what all evaluators of samples compute from them."""

import math
from collections.abc import Sequence
from functools import cached_property
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from genbench.core.estimate import NotApplicableError, require_finite
from genbench.core.options import Options
from genbench.core.seeding import Stream, generator
from genbench.data.noise import requantise
from genbench.evaluation.drawing import (
    cached_draws,
    forget_draws,
    mean_images,
    n_images_of,
    require_intensities,
)
from genbench.evaluation.spec import Context
from genbench.features.reference import Reference
from genbench.features.space import FeatureSpace
from genbench.features.spaces import AUTO
from genbench.samples.balls import DENSITY_K
from genbench.samples.classes import Shares, class_shares
from genbench.samples.memorisation import NearestTraining, cells_of
from genbench.samples.neighbours import Neighbourhoods, OwnNeighbours

N_SAMPLES = 10_000
"""Images of each model where an evaluator's options do not say."""
NOTE = (
    "Samples are compared as they are shown, in [0, 1], less the noise of dequantisation, with the"
    " training images as they are: these columns have one scale for all protocols of a data set."
)
"""Said below the tables of every metric of samples."""
UNKNOWN = "the training images are not known: name a data set"


class Generated:
    """Samples of one model, the training images they are compared with, and both as features.

    Each part is computed when it is first asked for, once for all evaluators. Sample i depends
    neither on the number of samples nor on batches.
    """

    def __init__(self, context: Context, asked: int, features: str, shape: Sequence[int]) -> None:
        self.context = context
        self.asked = asked
        self._space, self._shape = features, tuple(shape)
        self._near: dict[int, Neighbourhoods] = {}

    @property
    def n(self) -> int:
        """How many samples there are: as many as were asked for, or as are stored."""
        return min(self.asked, n_images_of(self.context.model) or self.asked)

    @property
    def remark(self) -> str:
        """What a reader of the numbers must know; mostly nothing."""
        return "" if self.n == self.asked else f"there are only {self.n} images, each drawn once"

    @property
    def stream(self) -> Stream:
        """Randomness of what is computed from the samples, addressed by name."""
        return self.context.stream.child("generated")

    @cached_property
    def images(self) -> Tensor:
        """The samples as people look at them, (n, C, H, W) in [0, 1], on the CPU.

        Those of a model of dequantised data lose the noise that was added to the data.

        Raises:
            NonFiniteError: One is not finite.
            NotApplicableError: They have another size than the data, or another range.
        """
        if wider := self._wider:
            return wider.images[: self.n]
        drawn = cached_draws(self.context, "samples", mean_images, 0, self.asked)
        images, n_levels = shown(drawn.cpu().float(), self._shape), self.context.n_levels
        del drawn
        forget_draws(self.context, "samples")
        return images if n_levels is None else requantise(images, n_levels)

    @cached_property
    def reference(self) -> Reference:
        """The training and held-out images as features, and the space.

        Raises:
            NotApplicableError: They are not known, or the samples are no images like these.
        """
        self.images  # noqa: B018  they are refused before anything is computed
        if self.context.reference is None:
            raise NotApplicableError(UNKNOWN)
        found: Reference = self.context.reference(self._space)
        return found

    @property
    def space(self) -> FeatureSpace:
        """The feature space, with its name."""
        return self.reference.space

    @cached_property
    def features(self) -> Tensor:
        """The samples as features (n, d), float64, on the device of the reference."""
        if wider := self._wider:
            return wider.features[: self.n]
        return self.space.features(self.images).to(self.training.device)

    @property
    def _wider(self) -> "Generated | None":
        """More samples of the model in the same space, if anybody asked for them."""
        known: dict[object, Generated] = self.context.cache.get("generated", {})
        alike = (g for g in known.values() if g._space == self._space and g.asked > self.asked)
        return max(alike, key=lambda g: g.asked, default=None)

    @cached_property
    def shares(self) -> Shares:
        """The shares of the classes among the samples, corrected for what the network confuses.

        Raises:
            NotApplicableError: The space tells no classes apart.
        """
        predicted, known = self.space.classes_of(self.features), self.space.confusion
        exact = torch.eye(self.space.n_classes or 1)
        return class_shares(predicted, exact if known is None else known)

    @cached_property
    def data_shares(self) -> Tensor | None:
        """The shares of the classes among the training images, (C,); None without labels."""
        labels, n_classes = self.reference.labels, self.space.n_classes
        if labels is None or n_classes is None:
            return None
        return torch.bincount(labels, minlength=n_classes).double() / len(labels)

    @property
    def training(self) -> Tensor:
        """All training images as features (N, d), float64."""
        return self.reference.training

    @property
    def compared(self) -> Tensor:
        """As many training images as samples, the same for every model, as features (n, d)."""
        return self.shared.compared(self.n)

    def near(self, k: int) -> Neighbourhoods:
        """Return the samples among as many training images, with k neighbours of each or more."""
        wanted = max(k, DENSITY_K)
        if wanted not in self._near:
            among = self.shared.neighbours(self.n, wanted + 1)
            self._near[wanted] = Neighbourhoods(self.features, among, wanted)
        return self._near[wanted]

    @cached_property
    def near_training(self) -> NearestTraining:
        """The training image that is nearest to each sample."""
        return NearestTraining(self.features, self.training)

    @property
    def shared(self) -> "Shared":
        """What all models share of the training and held-out images."""
        if self.reference not in _SHARED:
            _SHARED[self.reference] = Shared(self.training, self.reference.held_out)
        return _SHARED[self.reference]


class Shared:
    """What is computed of the training and held-out images alone, once for all models."""

    def __init__(self, training: Tensor, held_out: Tensor) -> None:
        self._training, self._held_out = training, held_out
        self._compared: dict[int, Tensor] = {}
        self._neighbours: dict[tuple[int, int], OwnNeighbours] = {}

    def compared(self, n: int) -> Tensor:
        """Return n training images in an order that is always the same, or all, (n, d)."""
        if n not in self._compared:
            order = torch.randperm(len(self._training), generator=generator(0, "reference"))
            self._compared[n] = self._training[order[:n]]
        return self._compared[n]

    def neighbours(self, n: int, k: int) -> OwnNeighbours:
        """Return these n images with the k nearest others of each."""
        if (n, k) not in self._neighbours:
            self._neighbours[n, k] = OwnNeighbours(self.compared(n), k)
        return self._neighbours[n, k]

    @cached_property
    def held_out(self) -> NearestTraining:
        """The training image that is nearest to each held-out image."""
        return NearestTraining(self._held_out, self._training)

    @cached_property
    def cells(self) -> Tensor:
        """Centres of cells of the training images (C, d), the same for every model and seed."""
        return cells_of(self._training, Stream(0, ("reference",)))


_SHARED: WeakKeyDictionary[Reference, Shared] = WeakKeyDictionary()


def generated_of(context: Context, options: Options, x: Tensor) -> Generated:
    """Return what options ask for, the same object for all that ask for the same.

    Args:
        context: Of the evaluation of a model.
        options: ``n_samples`` and ``features``, where an evaluator has them.
        x: Data (N, ...): their shape, and the largest number of samples.
    """
    asked = min(getattr(options, "n_samples", N_SAMPLES), len(x))
    space = getattr(options, "features", AUTO)
    known = context.cache.setdefault("generated", {})
    key = asked, space
    if key not in known:
        known[key] = Generated(context, asked, space, x.shape[1:])
    found: Generated = known[key]
    return found


def shown(images: Tensor, shape: Sequence[int]) -> Tensor:
    """Return images (n, ...) in the shape of the data and cut off at 0 and 1.

    Raises:
        NonFiniteError: One is not finite.
        NotApplicableError: They have another size, or their numbers are no intensities in [0, 1].
    """
    require_finite(images)
    if images[:1].numel() != math.prod(shape):
        found = " × ".join(map(str, images.shape[1:]))
        wanted = " × ".join(map(str, shape))
        raise NotApplicableError(f"the model's images have {found} numbers, the data {wanted}")
    require_intensities(images)
    return images.reshape(-1, *shape).clamp(0, 1)
