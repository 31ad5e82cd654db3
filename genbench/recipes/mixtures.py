"""Recipes of mixtures of densities, fitted to training images without a network."""

from typing import Literal

from pydantic import PositiveFloat, PositiveInt

from genbench.core.options import Options
from genbench.distributions.observation import FixedGaussianHead
from genbench.models.bayesian_mixture import BayesianMixture
from genbench.models.mixtures import MixtureDensity
from genbench.recipes.controls import draw_seed
from genbench.recipes.registry import Built, DataFacts, recipe
from genbench.training.config import TrainConfig


class MixtureOptions(Options):
    """A mixture fitted to at most ``n_fit`` training images.

    ``floor`` is added to each variance, by default the square of about one grey level of 256;
    without it the density of constant pixels is unbounded.
    """

    n_components: PositiveInt = 10
    floor: PositiveFloat = 1e-5
    n_fit: PositiveInt = 20_000


class GaussianMixtureOptions(MixtureOptions):
    """Full covariances take n_components * n_pixels^2 numbers; ``tied`` ones share one matrix."""

    covariance: Literal["diag", "tied", "full"] = "diag"


class BayesianMixtureOptions(MixtureOptions):
    """Full covariances, which take n_components * n_pixels^2 numbers.

    ``concentration`` is the Dirichlet prior of each weight, in data; None means 1 / n_components.
    Small numbers leave components empty.
    """

    concentration: PositiveFloat | None = None


@recipe("gaussian_mixture")
def gaussian_mixture(data: DataFacts, options: GaussianMixtureOptions, train: TrainConfig) -> Built:
    """Gaussian mixture fitted by expectation maximisation: exact log p(x), no network."""
    n, shape, covariance = options.n_components, data.image_shape, options.covariance
    data.require_images(max(n, 2), f"n_components: {n}")
    model = MixtureDensity(n, shape, covariance, options.floor, options.n_fit, draw_seed())
    name = f"Gaussian mixture, {covariance} covariance, floor {options.floor:g}"
    return _built(model, options, name)


@recipe("bayesian_mixture")
def bayesian_mixture(data: DataFacts, options: BayesianMixtureOptions, train: TrainConfig) -> Built:
    """Bayesian Gaussian mixture: the predictive density under the variational posterior."""
    n, shape, concentration = options.n_components, data.image_shape, options.concentration
    data.require_images(max(n, 2), f"n_components: {n}")
    model = BayesianMixture(n, shape, concentration, options.floor, options.n_fit, draw_seed())
    return _built(model, options, "mixture of Student t, parameters integrated out")


def _built(model: MixtureDensity, options: MixtureOptions, name: str) -> Built:
    return Built(model, (), model.fit, FixedGaussianHead(options.floor**0.5), name)
