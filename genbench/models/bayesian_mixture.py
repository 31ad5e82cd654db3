"""The Bayesian Gaussian mixture: a posterior over all parameters and its predictive density."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.distributions import Chi2

from genbench.core.fitting import fit_repeatably
from genbench.models.mixtures import MixtureDensity, spread


class BayesianMixture(MixtureDensity):
    """p(x given the data) of a Gaussian mixture whose parameters are integrated out; in float64.

    Weights have a Dirichlet prior, each mean and precision a Gaussian-Wishart prior. Variational
    inference finds the posterior q with Dirichlet parameters a_m, means mu_m, precision counts b_m,
    degrees n_m and inverse Wishart scales V_m. Under q the predictive density is exact,

        p(x) = sum_m a_m / sum a  St(x; mu_m, S_m, k_m),  k_m = n_m + 1 - D,
        S_m = V_m (1 + b_m) / (b_m k_m),

    a mixture of multivariate Student t densities with k_m degrees of freedom. The factorised q is
    the only approximation; with one component there is none.

    References:
        Bishop 2006, section 10.2, equations 10.81 and 10.82.
    """

    def __init__(
        self,
        n_components: int,
        image_shape: Sequence[int],
        concentration: float | None = None,
        floor: float = 1e-5,
        n_fit: int = 20_000,
        seed: int = 0,
    ) -> None:
        super().__init__(n_components, image_shape, "full", floor, n_fit, seed)
        self.concentration = concentration
        self.degrees = nn.Buffer(torch.ones(n_components, dtype=torch.float64))

    def fit(self, x: Tensor) -> None:
        """Fit q to images x (N, C, H, W), or to ``n_fit`` evenly spaced ones if N is larger.

        The priors are scikit-learn's: the data's mean with the weight of one datum, the data's
        covariance with D degrees of freedom, and 1 / n_components data for each weight unless
        ``concentration`` is given.
        """
        flat = x.flatten(1)[spread(len(x), self.n_fit).to(x.device)].double()
        concentration, counts, means, degrees, covariances = self._posterior(flat)
        k = degrees + 1 - flat.shape[1]
        widen = degrees * (1 + counts) / (counts * k)  # scikit-learn's covariances are V_m / n_m
        self.put(
            weights=concentration / concentration.sum(),
            means=means,
            degrees=k,
            scales=torch.linalg.cholesky(covariances * widen[:, None, None]),
        )

    def _posterior(self, flat: Tensor) -> list[Tensor]:
        from sklearn.mixture import BayesianGaussianMixture

        mixture = BayesianGaussianMixture(
            n_components=len(self.weights),
            covariance_type="full",
            reg_covar=self.floor,
            max_iter=200,
            weight_concentration_prior_type="dirichlet_distribution",
            weight_concentration_prior=self.concentration,
            random_state=self.seed,
        )
        fit_repeatably(mixture, flat)
        parameters = (
            mixture.weight_concentration_,
            mixture.mean_precision_,
            mixture.means_,
            mixture.degrees_of_freedom_,
            mixture.covariances_,
        )
        return [torch.as_tensor(array, dtype=torch.float64) for array in parameters]

    def sample(self, n: int) -> Tensor:
        """Return n draws from p(x), not clipped to (0, 1)."""
        chosen = torch.multinomial(self.weights, n, replacement=True)
        normal = torch.randn(n, self.means.shape[1], 1, dtype=torch.float64, device=chosen.device)
        k = self.degrees[chosen]
        stretch = (k / Chi2(k, validate_args=False).sample()).sqrt()
        steps = (self.scales[chosen] @ normal).squeeze(2) * stretch[:, None]
        return (self.means[chosen] + steps).reshape(n, *self.image_shape)

    def _component(self, flat: Tensor, m: int) -> Tensor:
        """Return log St(x; mu_m, S_m, k_m), (B,)."""
        k, d, factor = self.degrees[m], flat.shape[1], self.scales[m]
        white = torch.linalg.solve_triangular(factor, (flat - self.means[m]).T, upper=False)
        distance = white.square().sum(dim=0)
        log_norm = (
            torch.lgamma((k + d) / 2)
            - torch.lgamma(k / 2)
            - d / 2 * (k * math.pi).log()
            - factor.diagonal().log().sum()
        )
        return log_norm - (k + d) / 2 * torch.log1p(distance / k)
