"""The discretised logistic distribution: a mass over the grey levels of an image.

Arguments are not checked and nothing synchronises; the formula works under ``torch.func``.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.distributions import Distribution, constraints
from torch.nn.functional import logsigmoid


class GreyLevels(constraints.Constraint):
    """The values k / (n_levels - 1) for k = 0 to n_levels - 1."""

    is_discrete = True

    def __init__(self, n_levels: int) -> None:
        self.n_levels = n_levels
        super().__init__()

    def check(self, value: Tensor) -> Tensor:
        """Return whether each number is a grey level, up to float32 rounding."""
        level = value * (self.n_levels - 1)
        near = (level - level.round()).abs() < 1e-3
        return near & (value > -1e-6) & (value < 1 + 1e-6)


class LevelTable(Distribution):
    """A mass for each grey level, from a table.

    Args:
        masses: (..., n_levels); the last dimension sums to 1.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, masses: Tensor) -> None:
        self.masses, self.n_levels = masses, masses.shape[-1]
        super().__init__(masses.shape[:-1], validate_args=False)

    @property
    def support(self) -> GreyLevels:
        """The grey levels."""
        return GreyLevels(self.n_levels)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log P(x) for each pixel, in nats, with x rounded to the nearest level."""
        level = (value * (self.n_levels - 1)).round().long()
        table, level = torch.broadcast_tensors(self.masses.log(), level.unsqueeze(-1))  # type: ignore[no-untyped-call]
        log_px: Tensor = table.gather(-1, level[..., :1]).squeeze(-1)
        return log_px


class DiscretisedLogistic(Distribution):
    """The mass that a logistic distribution puts on the cell of each grey level.

    With h = 1 / (2 (n_levels - 1)), half the distance between two levels,

        P(x) = sigmoid((x + h - loc) / scale) - sigmoid((x - h - loc) / scale),

    where the first level's cell has no lower end and the last one's no upper end, so the
    probabilities of all levels sum to 1. A sample is a draw from Logistic(loc, scale), rounded to
    the nearest level.

    References:
        Kingma et al. 2016 (inverse autoregressive flow), section 6.2; Salimans et al. 2017,
        equation 2.
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}  # noqa: RUF012

    def __init__(self, loc: Tensor, scale: Tensor, n_levels: int = 256) -> None:
        self.loc, self.scale = torch.broadcast_tensors(loc, scale)  # type: ignore[no-untyped-call]
        self.n_levels = n_levels
        super().__init__(self.loc.shape, validate_args=False)

    @property
    def support(self) -> GreyLevels:
        """The grey levels."""
        return GreyLevels(self.n_levels)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Distribution:
        """Return the same pixels for every element of ``batch_shape``."""
        return DiscretisedLogistic(
            self.loc.expand(batch_shape), self.scale.expand(batch_shape), self.n_levels
        )

    def log_prob(self, value: Tensor) -> Tensor:
        """Return log P(x) for each pixel, in nats, with x rounded to the nearest level.

        With a and b the standardised upper and lower ends of the cell, the difference of the
        sigmoids is sigmoid(a) sigmoid(-b) (1 - exp(b - a)): its logarithm is a sum of three terms
        that never cancel, however far x is from loc.
        """
        steps = self.n_levels - 1
        level = (value * steps).round()
        below_top = logsigmoid(((level + 0.5) / steps - self.loc) / self.scale)
        above_bottom = logsigmoid((self.loc - (level - 0.5) / steps) / self.scale)
        within = (-torch.expm1(-1 / (steps * self.scale))).log()
        first, last = level <= 0, level >= steps
        zero = torch.zeros_like(within)
        return (
            torch.where(last, zero, below_top)
            + torch.where(first, zero, above_bottom)
            + torch.where(first | last, zero, within)
        )

    @property
    def mean(self) -> Tensor:
        """The expected grey level: the sum over k >= 1 of P(level >= k), over n_levels - 1."""
        steps = self.n_levels - 1
        total = torch.zeros_like(self.loc)
        for k in range(steps):
            total = total + ((self.loc - (k + 0.5) / steps) / self.scale).sigmoid()
        return total / steps

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Return draws: the logistic quantile of uniform noise, rounded to the nearest level."""
        with torch.no_grad():
            shape = self._extended_shape(torch.Size(sample_shape))
            tiny = torch.finfo(self.loc.dtype).tiny
            u = torch.rand(shape, dtype=self.loc.dtype, device=self.loc.device).clamp(min=tiny)
            x = self.loc + self.scale * u.logit()
            steps = self.n_levels - 1
            levels: Tensor = (x.clamp(0, 1) * steps).round() / steps
        return levels
