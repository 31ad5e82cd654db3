"""A model that decodes draws of some data only, whose noise is that of all data."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from genbench.core.capabilities import Variational
from genbench.core.tensors import as_event


class OnlyRows:
    """The model of B data, with log p(x given z) of chosen ones; that of the others is NaN.

    Decoding is what draws cost. So data can be left out of it, while the noise of each keeps its
    place among all B and does not depend on which others are chosen.

    Args:
        model: The model of all data, with batch (B,).
        chosen: The same model for the chosen data alone.
        rows: Places of the chosen data, (R,).
    """

    def __init__(self, model: Variational, chosen: Variational, rows: Tensor) -> None:
        self._chosen, self._rows = chosen, rows
        self.prior: Callable[[], Distribution] = model.prior
        self.posterior: Callable[[Tensor], Distribution] = model.posterior

    def observation_model(self, z: Tensor) -> Distribution:
        """Return p(x given z) of z (k, B, ...), batch (k, B)."""
        p = as_event(self._chosen.observation_model(z[:, self._rows]), 2)
        return _Rows(p, self._rows, z.shape[1])


class _Rows(Distribution):
    """A distribution with batch (k, R) as one with batch (k, B); its other densities are NaN."""

    def __init__(self, p: Distribution, rows: Tensor, n: int) -> None:
        self._p, self._rows = p, rows
        batch = torch.Size((p.batch_shape[0], n))
        super().__init__(batch, p.event_shape, validate_args=False)

    def log_prob(self, value: Any) -> Tensor:
        """Return log densities (k, B) of a value for each datum, (B, ...)."""
        found = self._p.log_prob(value[self._rows])
        return found.new_full(self.batch_shape, torch.nan).index_copy(1, self._rows, found)
