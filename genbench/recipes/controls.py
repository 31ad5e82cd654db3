"""Recipes that learn little or nothing: what every other row has to beat."""

from typing import Literal

import torch
from pydantic import PositiveFloat, PositiveInt

from genbench.core.options import Options
from genbench.core.registry import Registry
from genbench.distributions.observation import BernoulliHead, FixedGaussianHead
from genbench.models.controls import FixedImages, KMeans, MeanImage, NearestImage
from genbench.models.densities import IndependentBernoulli, IndependentGaussian
from genbench.recipes.registry import Built, DataFacts, recipe
from genbench.training.config import TrainConfig

IS_BINARY = Registry("observation", {"bernoulli": True, "gaussian": False})


class IndependentPixelsOptions(Options):
    """Bernoulli pixels for binary images; Gaussian ones of scale >= ``min_scale`` for grey.

    The default is about one grey level of 256.
    """

    observation: Literal["bernoulli", "gaussian"] = "bernoulli"
    min_scale: PositiveFloat = 0.003


class FixedImagesOptions(Options):
    """At most ``n_images`` images are kept."""

    n_images: PositiveInt = 10_000


class KMeansOptions(Options):
    """The number of centroids."""

    n_clusters: PositiveInt = 1_000


@recipe("independent_pixels")
def independent_pixels(
    data: DataFacts, options: IndependentPixelsOptions, train: TrainConfig
) -> Built:
    """Independent pixels, fitted in closed form: exact likelihood, no structure."""
    if IS_BINARY[options.observation]:
        binary = IndependentBernoulli(data.image_shape)
        return Built(binary, (), binary.fit, BernoulliHead(), "Bernoulli per pixel")
    grey = IndependentGaussian(data.image_shape, options.min_scale)
    name = f"Gaussian per pixel (scale at least {options.min_scale:g})"
    return Built(grey, (), grey.fit, FixedGaussianHead(options.min_scale), name)


@recipe("mean_image")
def mean_image(data: DataFacts, options: Options, train: TrainConfig) -> Built:
    """The mean training image for every datum: a control."""
    model = MeanImage(data.image_shape)
    return Built(model, closed_form=model.fit)


@recipe("copier")
def copier(data: DataFacts, options: FixedImagesOptions, train: TrainConfig) -> Built:
    """Memorised training images: a control that samples perfectly and learns nothing."""
    model = NearestImage(options.n_images, data.image_shape)
    return Built(model, closed_form=model.fit)


@recipe("kmeans")
def kmeans(data: DataFacts, options: KMeansOptions, train: TrainConfig) -> Built:
    """Centroids of the training images: a control that the Parzen estimate overrates."""
    data.require_images(options.n_clusters, f"n_clusters: {options.n_clusters}")
    model = KMeans(options.n_clusters, data.image_shape, draw_seed())
    return Built(model, closed_form=model.fit)


@recipe("data")
def real_data(data: DataFacts, options: FixedImagesOptions, train: TrainConfig) -> Built:
    """Real images of the validation split: a control for sample metrics."""
    model = FixedImages(options.n_images, data.image_shape)
    return Built(model, closed_form=model.fit, closed_form_split="validation")


def draw_seed() -> int:
    """Draw a seed from the run's stream, which is active while recipes are built."""
    return int(torch.randint(2**31 - 1, ()))
