"""Maxout networks."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn


class Maxout(nn.Module):
    """Each output is the largest of ``n_pieces`` linear functions of the input.

    References:
        Goodfellow et al. 2013, equations 1 and 2.
    """

    def __init__(self, n_inputs: int, n_outputs: int, n_pieces: int) -> None:
        super().__init__()
        self.linear = nn.Linear(n_inputs, n_outputs * n_pieces)
        self.n_pieces = n_pieces

    def forward(self, h: Tensor) -> Tensor:
        """Map (..., n_inputs) to (..., n_outputs)."""
        pieces: Tensor = self.linear(h)
        return pieces.reshape(*h.shape[:-1], -1, self.n_pieces).amax(dim=-1)


class MaxoutEncoder(nn.Module):
    """Image (B, C, H, W) to features (B, n_features), with dropout before and after each layer."""

    def __init__(
        self,
        n_inputs: int,
        hidden: Sequence[int],
        n_pieces: int,
        input_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        stack: list[nn.Module] = [nn.Dropout(input_dropout)]
        for n_in, n_out in pairwise((n_inputs, *hidden)):
            stack += [Maxout(n_in, n_out, n_pieces), nn.Dropout(dropout)]
        self.body = nn.Sequential(*stack)
        self.n_features = hidden[-1]

    def forward(self, x: Tensor) -> Tensor:
        """Return features (B, n_features)."""
        features: Tensor = self.body(x.flatten(1))
        return features
