"""The objective of diffusion models, from one random step for each datum."""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from genbench.core.objective import Batch, Loss
from genbench.core.registry import Registry

Weighting = Literal["elbo", "hybrid"]
IS_HYBRID: Registry[bool] = Registry("weighting", {"elbo": False, "hybrid": True})


@dataclass(frozen=True)
class NegativeDiffusionElbo:
    """-ELBO of a :class:`genbench.models.diffusion.Diffusion`, a batch mean, without bias.

    The sum over steps is T times the loss of one random step. The steps of a batch are spread
    evenly, from a common random start; that of each datum is uniform.

    If ``hybrid``, T |e - e^|^2 / 2 is added, in which the squared error of the noise counts the
    same in every step.

    References:
        Kingma, Salimans, Poole, Ho 2021, equations 12 to 14 and appendix I.1, for the steps; Ho,
        Jain, Abbeel 2020, equation 14, for what is added; Nichol, Dhariwal 2021, equation 16, for
        the sum, there with a small weight of the bound.
    """

    hybrid: bool

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch."""
        u = model.standardised(batch.x)
        t = spread_steps(len(u), model.n_steps, u.device)
        of_step, squared = model.step_losses(u, t, torch.randn_like(u))
        negative_elbo = model.n_steps * of_step.mean() + model.fixed_losses(u).mean()
        error = squared.mean()
        value = negative_elbo + 0.5 * model.n_steps * error if self.hybrid else negative_elbo
        return Loss(value, {"elbo": -negative_elbo, "noise_mse": error / u.shape[1]})


def spread_steps(n: int, n_steps: int, device: torch.device) -> Tensor:
    """Return n steps from 1 to ``n_steps``, each uniform, together spread evenly, (n,) int64."""
    place = torch.arange(n, device=device) / n + torch.rand(1, device=device)
    return (place.remainder(1) * n_steps).long().clamp(max=n_steps - 1) + 1
