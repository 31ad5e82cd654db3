"""VAEs whose prior is a learned mixture of Gaussians: a discrete latent above a continuous one."""

from typing import Any

from torch import Tensor
from torch.distributions import Distribution, LowRankMultivariateNormal

from genbench.distributions.mixture import MixturePrior
from genbench.models.linear_vae import affine_parameters
from genbench.models.vae import Vae


class MixtureVae(Vae):
    """z1 ~ Categorical(w), z2 ~ N(m_z1, diag s_z1^2), x ~ p(x given z2), and q(z2 given x).

    The discrete latent is summed out, so for all other purposes this is a VAE of z2 with the prior
    p(z2) = sum_k w_k N(z2; m_k, diag s_k^2). The KL divergence of q from it has no closed form.

    Args:
        parts: Encoder, posterior head, decoder, observation head and D, as for :class:`Vae`.
        n_components: K.

    References:
        Dilokthanakul et al. 2016, for mixtures as priors of VAEs.
    """

    def __init__(self, *parts: Any, n_components: int) -> None:
        self.n_components = n_components  # known before the prior is added
        super().__init__(*parts)

    def _add_prior(self, latent_dim: int) -> None:
        self.mixture = MixturePrior(latent_dim, self.n_components)

    def prior(self) -> Distribution:
        """Return p(z2), the mixture: batch (), event (D,)."""
        p: Distribution = self.mixture()
        return p


class LinearMixtureVae(MixtureVae):
    """A mixture VAE with x given z2 ~ N(W z2 + b, s2 I): p(x) is a mixture of K Gaussians.

    p(x) = sum_k w_k N(x; W m_k + b, W diag(s_k^2) W^T + s2 I), computed in float64.
    """

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the exact log p(x), (B,) in nats."""
        W, b, s2 = affine_parameters(self.decoder, self.observation_head)
        factor = W * self.mixture.log_scale.exp().double().unsqueeze(1)  # (K, n_pixels, D)
        mean = self.mixture.loc.double() @ W.T + b  # (K, n_pixels)
        images: Distribution = LowRankMultivariateNormal(
            mean, factor, s2.expand_as(mean), validate_args=False
        )
        log_joint = images.log_prob(x.flatten(1).double().unsqueeze(1))  # (B, K)
        return (log_joint + self.mixture.weights().logits.double()).logsumexp(dim=-1)
