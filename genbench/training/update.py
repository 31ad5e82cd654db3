"""What one optimiser does in each step of training."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from genbench.core.objective import Objective


@dataclass(frozen=True)
class Update:
    """Minimise ``objective`` over ``parameters`` only.

    A VAE has one update; a GAN has two, the discriminator's and the generator's. ``validates``
    says whether the objective on held-out data may select the best checkpoint; an adversarial loss
    may not. ``betas`` are Adam's.
    """

    name: str
    parameters: Sequence[nn.Parameter]
    objective: Objective
    betas: tuple[float, float] = (0.9, 0.999)
    learning_rate_scale: float = 1.0
    weight_decay: float = 0.0
    steps_per_batch: int = 1
    validates: bool = True
