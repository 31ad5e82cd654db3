"""Recipes whose parameters are integrated out rather than chosen."""

from pydantic import PositiveFloat, PositiveInt

from genbench.core.options import Options
from genbench.models.bayesian_mixture import BayesianMixture
from genbench.recipes.controls import drawn_seed
from genbench.recipes.options import FixedGaussianOptions, observation_head
from genbench.recipes.registry import Built, DataFacts, recipe
from genbench.training.config import TrainConfig


class BayesianMixtureOptions(Options):
    """A mixture with full covariances, inferred from at most ``n_fit`` training images.

    ``concentration`` is the Dirichlet prior of each weight, in data; None is 1 / n_components, and
    small numbers leave components empty. ``floor`` is added to each variance of the data within a
    component. It takes n_components * n_pixels^2 numbers.
    """

    n_components: PositiveInt = 10
    concentration: PositiveFloat | None = None
    floor: PositiveFloat = 1e-5
    n_fit: PositiveInt = 20_000


@recipe("bayesian_mixture")
def bayesian_mixture(data: DataFacts, options: BayesianMixtureOptions, train: TrainConfig) -> Built:
    """Bayesian Gaussian mixture: the predictive density under the variational posterior."""
    model = BayesianMixture(
        options.n_components,
        data.image_shape,
        options.concentration,
        options.floor,
        options.n_fit,
        drawn_seed(),
    )
    head = observation_head(FixedGaussianOptions(scale=options.floor**0.5))
    return Built(model, (), model.fit, head, "mixture of Student t, parameters integrated out")
