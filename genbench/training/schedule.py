"""Learning-rate schedules as pure functions of the progress of training."""

import math


def learning_rate_factor(schedule: str, progress: float) -> float:
    """Return the factor on the learning rate at ``progress`` in [0, 1).

    Example:
        >>> learning_rate_factor("cosine", 0.5), learning_rate_factor("linear", 0.25)
        (0.5, 0.75)
    """
    if schedule == "linear":
        return 1.0 - progress
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * progress))
    return 1.0
