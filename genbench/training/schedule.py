"""Learning-rate schedules as pure functions of the progress of training."""

import math
from collections.abc import Callable

from genbench.core.registry import Registry

N_STAGES = 8


def learning_rate_factor(schedule: str, progress: float) -> float:
    """Return the factor on the learning rate at ``progress`` in [0, 1).

    ``stages`` divides training into eight stages, i = 0 to 7, with lengths proportional to 3^i and
    factors 10^(-i/7); with 3,280 epochs stage i has 3^i of them.

    Raises:
        ConfigError: The schedule is unknown.

    References:
        Burda, Grosse, Salakhutdinov 2016, section 5, for ``stages``.

    Example:
        >>> learning_rate_factor("cosine", 0.5), learning_rate_factor("linear", 0.25)
        (0.5, 0.75)
    """
    return SCHEDULES[schedule](progress)


def _stages(progress: float) -> float:
    stage = math.floor(math.log(progress * (3**N_STAGES - 1) + 1, 3) + 1e-9)
    return float(10.0 ** (-stage / (N_STAGES - 1)))


SCHEDULES: Registry[Callable[[float], float]] = Registry(
    "schedule",
    {
        "constant": lambda progress: 1.0,
        "linear": lambda progress: 1.0 - progress,
        "cosine": lambda progress: 0.5 * (1.0 + math.cos(math.pi * progress)),
        "stages": _stages,
    },
)
