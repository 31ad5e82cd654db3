"""The objective of importance-weighted autoencoders."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from genbench.core.capabilities import bind
from genbench.core.objective import Batch, Loss
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
            value = _doubly_reparameterised(view, batch.x, z)
        else:
            value = log_mean_exp(log_weights(view, batch.x, z, q))
        bound = value.mean()
        return Loss(-bound, {"iw_bound": bound})


def _doubly_reparameterised(model: Any, x: Tensor, z: Tensor) -> Tensor:
    """Return the bound (B,), its gradient in z weighted once more by the normalised weights."""
    if not z.requires_grad:
        raise ValueError("the doubly reparameterised gradient needs a reparameterised posterior")
    with torch.no_grad():
        q = posterior_of(model, x)  # the density of q without its score
    log_w = log_weights(model, x, z, q)
    normalised = log_w.detach().softmax(dim=0)
    weight = normalised.reshape(*normalised.shape, *[1] * (z.ndim - 2))
    z.register_hook(lambda gradient: gradient * weight)  # type: ignore[no-untyped-call]
    return log_mean_exp(log_w)
