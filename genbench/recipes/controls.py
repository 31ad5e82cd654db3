"""Recipes that learn nothing, or the least there is: what every other row has to beat."""

import torch

from genbench.models.controls import FixedImages, KMeans, MeanImage, NearestImage
from genbench.models.densities import IndependentBernoulli, IndependentGaussian
from genbench.models.mixtures import MixtureDensity
from genbench.recipes.options import (
    FixedGaussianOptions,
    FixedImagesOptions,
    GaussianMixtureOptions,
    IndependentPixelsOptions,
    KMeansOptions,
    MeanImageOptions,
    observation_head,
)
from genbench.recipes.registry import Built, DataFacts, recipe
from genbench.training.config import TrainConfig


@recipe("independent_pixels")
def independent_pixels(
    data: DataFacts, options: IndependentPixelsOptions, train: TrainConfig
) -> Built:
    """Independent pixels in closed form: the likelihood without any structure, exact."""
    if options.observation == "bernoulli":
        binary = IndependentBernoulli(data.image_shape)
        name = "Bernoulli per pixel"
        return Built(binary, (), binary.fit, observation_head(None), name)
    grey = IndependentGaussian(data.image_shape, options.min_scale)
    name = f"Gaussian per pixel (scale at least {options.min_scale:g})"
    head = observation_head(FixedGaussianOptions(scale=options.min_scale))
    return Built(grey, (), grey.fit, head, name)


@recipe("gaussian_mixture")
def gaussian_mixture(data: DataFacts, options: GaussianMixtureOptions, train: TrainConfig) -> Built:
    """Gaussian mixture by expectation maximisation: log p(x) exact, no network."""
    model = MixtureDensity(
        options.n_components,
        data.image_shape,
        options.covariance,
        options.floor,
        options.n_fit,
        drawn_seed(),
    )
    head = observation_head(FixedGaussianOptions(scale=options.floor**0.5))
    name = f"Gaussian mixture, {options.covariance} covariance, floor {options.floor:g}"
    return Built(model, (), model.fit, head, name)


@recipe("mean_image")
def mean_image(data: DataFacts, options: MeanImageOptions, train: TrainConfig) -> Built:
    """The mean training image, whatever the datum: a control."""
    model = MeanImage(data.image_shape)
    return Built(model, closed_form=model.fit)


@recipe("copier")
def copier(data: DataFacts, options: FixedImagesOptions, train: TrainConfig) -> Built:
    """Training images known by heart: a control that samples perfectly and learns nothing."""
    model = NearestImage(options.n_images, data.image_shape)
    return Built(model, closed_form=model.fit)


@recipe("kmeans")
def kmeans(data: DataFacts, options: KMeansOptions, train: TrainConfig) -> Built:
    """Centroids of the training images: a control that the Parzen estimate overrates."""
    model = KMeans(options.n_clusters, data.image_shape, drawn_seed())
    return Built(model, closed_form=model.fit)


@recipe("data")
def real_data(data: DataFacts, options: FixedImagesOptions, train: TrainConfig) -> Built:
    """Real images of the validation split: a control for metrics of samples."""
    model = FixedImages(options.n_images, data.image_shape)
    return Built(model, closed_form=model.fit, closed_form_split="validation")


def drawn_seed() -> int:
    """Draw a seed from the run's own stream, in which recipes are built."""
    return int(torch.randint(2**31 - 1, ()))
