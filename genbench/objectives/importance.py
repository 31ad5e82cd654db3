"""The objective of importance-weighted autoencoders."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from genbench.core.capabilities import bind
from genbench.core.objective import Batch, Loss
from genbench.distributions.own_gradient import OwnGradient
from genbench.inference.bounds import draw, log_weights, posterior_of
from genbench.inference.streaming import log_mean_exp


@dataclass(frozen=True)
class NegativeIwBound:
    """-log (1/K) sum_k w_k, w_k = p(x, z_k) / q(z_k given x), for K = ``n_samples``, a batch mean.

    With K = 1 it is the negative ELBO with a sampled KL. The plain gradient weights the gradient of
    each log w_k by the normalised weight; its signal-to-noise ratio for q falls as K grows. The
    doubly reparameterised gradient has the same mean without that drawback: it leaves out the score
    of q and weights the gradient through z_k twice. It needs a reparameterisable posterior. Both
    have the same value, the bound.

    References:
        Burda, Grosse, Salakhutdinov 2016, equations 8 and 14; Tucker et al. 2019, equation 8.
    """

    n_samples: int
    doubly_reparameterised: bool = False

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch."""
        view = bind(model, batch.y, batch.x)
        q = posterior_of(view, batch.x)
        z = draw(q, self.n_samples)
        if self.doubly_reparameterised and torch.is_grad_enabled():
            value = _doubly_reparameterised(view, batch.x, q, z)
        else:
            value = log_mean_exp(log_weights(view, batch.x, z, q))
        bound = value.mean()
        return Loss(-bound, {"iw_bound": bound})


def _doubly_reparameterised(model: Any, x: Tensor, q: Distribution, z: Tensor) -> Tensor:
    """Return the bound (B,), its gradient in z weighted once more by the normalised weights."""
    if not q.has_rsample:
        raise ValueError("the doubly reparameterised gradient needs a reparameterised posterior")
    with torch.no_grad():
        without_score = posterior_of(model, x)
    z, weights = _Weighted.apply(z, z.new_zeros(z.shape[:2]))
    log_w = _Weighting.apply(log_weights(model, x, z, without_score), weights)
    return log_mean_exp(log_w)


class _Weighted(OwnGradient):
    """z and weights as they are. The gradient of z is multiplied by what comes back as weights'."""

    @staticmethod
    def forward(z: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Return z (K, B, ...) and weights (K, B)."""
        return z.clone(), weights.clone()

    @staticmethod
    def backward(ctx: Any, of_z: Tensor, of_weights: Tensor) -> tuple[Tensor, None]:
        """Return the weighted gradient of z."""
        return of_z * of_weights.reshape(*of_weights.shape, *[1] * (of_z.ndim - 2)), None


class _Weighting(OwnGradient):
    """log w as it is. As the gradient of weights it sends back the normalised weights."""

    @staticmethod
    def forward(log_w: Tensor, weights: Tensor) -> Tensor:
        """Return log w (K, B)."""
        return log_w.clone()

    @staticmethod
    def backward(ctx: Any, of_log_w: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient of log w, and w / sum_k w."""
        return of_log_w, ctx.saved_tensors[0].softmax(dim=0)
