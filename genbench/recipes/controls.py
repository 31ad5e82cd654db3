"""Recipes that learn little or nothing: what every other row has to beat."""

from collections.abc import Callable
from typing import Literal

import torch
from pydantic import Field, PositiveFloat, PositiveInt

from genbench.core.errors import ConfigError
from genbench.core.options import Options
from genbench.core.registry import Registry
from genbench.distributions.observation import (
    BernoulliHead,
    DiscretisedLogisticHead,
    FixedGaussianHead,
)
from genbench.models.controls import (
    BlurredImages,
    FixedImages,
    KMeans,
    MeanImage,
    NearestImage,
    WithoutClass,
)
from genbench.models.densities import (
    IndependentBernoulli,
    IndependentCategorical,
    IndependentGaussian,
)
from genbench.recipes.registry import Built, DataFacts, recipe
from genbench.training.config import TrainConfig


class IndependentPixelsOptions(Options):
    """The distribution of each pixel.

    Attributes:
        observation: ``bernoulli`` for binary images, ``categorical`` for grey levels as they are,
            ``gaussian`` for grey levels with uniform noise.
        min_scale: Smallest scale of the Gaussians; the default is about one grey level of 256.
        n_levels: Grey levels of the categorical distributions.
    """

    observation: Literal["bernoulli", "gaussian", "categorical"] = "bernoulli"
    min_scale: PositiveFloat = 0.003
    n_levels: int = Field(256, ge=2)


class FixedImagesOptions(Options):
    """At most ``n_images`` images are kept."""

    n_images: PositiveInt = 10_000


class BlurOptions(FixedImagesOptions):
    """The standard deviation ``sd`` of the blur in pixels."""

    sd: float = Field(1.0, gt=0, le=100)


class MissingClassOptions(FixedImagesOptions):
    """The label that is ``missing``."""

    missing: int = Field(0, ge=0)


class KMeansOptions(Options):
    """The number of centroids."""

    n_clusters: PositiveInt = 1_000


def _bernoulli(data: DataFacts, options: IndependentPixelsOptions) -> Built:
    model = IndependentBernoulli(data.image_shape)
    return Built(model, (), model.fit, BernoulliHead(), "Bernoulli per pixel")


def _gaussian(data: DataFacts, options: IndependentPixelsOptions) -> Built:
    model = IndependentGaussian(data.image_shape, options.min_scale)
    name = f"Gaussian per pixel (scale at least {options.min_scale:g})"
    return Built(model, (), model.fit, FixedGaussianHead(options.min_scale), name)


def _categorical(data: DataFacts, options: IndependentPixelsOptions) -> Built:
    model = IndependentCategorical(data.image_shape, options.n_levels)
    name = f"categorical per pixel, {options.n_levels} levels"
    return Built(model, (), model.fit, DiscretisedLogisticHead(options.n_levels), name)


INDEPENDENT: Registry[Callable[[DataFacts, IndependentPixelsOptions], Built]] = Registry(
    "observation", {"bernoulli": _bernoulli, "gaussian": _gaussian, "categorical": _categorical}
)


@recipe("independent_pixels", seedless=True)
def independent_pixels(
    data: DataFacts, options: IndependentPixelsOptions, train: TrainConfig
) -> Built:
    """Independent pixels, fitted in closed form: exact likelihood, no structure."""
    return INDEPENDENT[options.observation](data, options)


@recipe("mean_image", seedless=True)
def mean_image(data: DataFacts, options: Options, train: TrainConfig) -> Built:
    """The mean training image for every datum: a control."""
    model = MeanImage(data.image_shape)
    return Built(model, closed_form=model.fit)


@recipe("copier", version=2, seedless=True)
def copier(data: DataFacts, options: FixedImagesOptions, train: TrainConfig) -> Built:
    """Memorised training images: a control that samples perfectly and learns nothing."""
    model = NearestImage(options.n_images, data.image_shape)
    return Built(model, closed_form=model.fit, closed_form_images="unprocessed")


@recipe("kmeans")
def kmeans(data: DataFacts, options: KMeansOptions, train: TrainConfig) -> Built:
    """Centroids of the training images: a control that the Parzen estimate overrates."""
    data.require_images(options.n_clusters, f"n_clusters: {options.n_clusters}")
    model = KMeans(options.n_clusters, data.image_shape, draw_seed())
    return Built(model, closed_form=model.fit)


@recipe("data", version=2, seedless=True)
def real_data(data: DataFacts, options: FixedImagesOptions, train: TrainConfig) -> Built:
    """Real images of the validation split: a control for sample metrics."""
    return _real(FixedImages(options.n_images, data.image_shape))


@recipe("blur", seedless=True)
def blur(data: DataFacts, options: BlurOptions, train: TrainConfig) -> Built:
    """Blurred real images of the validation split: a control for sample metrics."""
    return _real(BlurredImages(options.n_images, data.image_shape, options.sd))


@recipe("missing_class", seedless=True)
def missing_class(data: DataFacts, options: MissingClassOptions, train: TrainConfig) -> Built:
    """Real images of the validation split, without one class: a control for sample metrics."""
    if data.n_classes < 2:
        raise ConfigError("missing: the data have no labels")
    if options.missing >= data.n_classes:
        last = data.n_classes - 1
        raise ConfigError(f"missing: there is no class {options.missing}; the last one is {last}")
    model = WithoutClass(options.n_images, data.image_shape, options.missing)
    return _real(model, with_labels=True)


def _real(model: FixedImages, *, with_labels: bool = False) -> Built:
    """Return a control that draws held-out images as people look at them."""
    return Built(
        model,
        closed_form=model.fit,
        closed_form_split="validation",
        closed_form_images="unprocessed",
        closed_form_labels=with_labels,
    )


def draw_seed() -> int:
    """Draw a seed from the run's stream, which is active while recipes are built."""
    return int(torch.randint(2**31 - 1, ()))
