"""Inverse temperatures of annealed importance sampling."""

from typing import Literal

import torch
from torch import Tensor

Schedule = Literal["linear", "sigmoid"]

STEEPNESS = 4.0
"""The logistic runs from -STEEPNESS to STEEPNESS."""


def temperatures(n: int, schedule: Schedule) -> Tensor:
    """Return n + 1 inverse temperatures from exactly 0 to exactly 1, (n + 1,) float64.

    linear: beta_t = t / n. sigmoid: beta_t = (s_t - s_0) / (s_n - s_0) with s_t the logistic
    function of 4 (2 t / n - 1), so the steps are small near both ends.

    Raises:
        ValueError: ``n`` is below 1.

    References:
        Neal 2001, section 3; Wu, Burda, Salakhutdinov, Grosse 2017, for the logistic form.

    Example:
        >>> temperatures(4, "linear").tolist()
        [0.0, 0.25, 0.5, 0.75, 1.0]
    """
    if n < 1:
        raise ValueError(f"n_temperatures must be 1 or more, not {n}")
    if schedule == "linear":
        return torch.arange(n + 1, dtype=torch.float64) / n
    rise = torch.sigmoid(torch.linspace(-STEEPNESS, STEEPNESS, n + 1, dtype=torch.float64))
    return (rise - rise[0]) / (rise[-1] - rise[0])
