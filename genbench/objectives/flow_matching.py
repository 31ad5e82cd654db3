"""The objective of flow matching, at one random time for each datum."""

from dataclasses import dataclass
from typing import Any

import torch

from genbench.core.objective import Batch, Loss
from genbench.objectives.diffusion import spread_steps


@dataclass(frozen=True)
class VelocityError:
    """Squared error of the velocity of a :class:`genbench.models.flow_matching.FlowMatching`.

    A batch mean, summed over the numbers of an image. Times are those at which the model asks its
    network; those of a batch are spread evenly over them, and each datum's is uniform. The loss is
    no bound on log p(x), nor does it reach zero: paths cross, and velocities vary around their
    mean.

    References:
        Lipman et al. 2023, equation 23; Liu, Gong, Liu 2023, equation 1.
    """

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch."""
        noise = torch.randn_like(batch.x.flatten(1))
        place = spread_steps(len(noise), 2 * model.n_steps, noise.device)
        error = model.squared_errors(batch.x, place, noise).mean()
        return Loss(error, {"velocity_mse": error / noise.shape[1]})
