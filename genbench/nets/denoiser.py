"""A perceptron of noisy numbers that is told how noisy they are."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genbench.nets.mlp import layers

N_FEATURES = 32


def sinusoids(n_steps: int) -> Tensor:
    """Return sines and cosines of 1, ..., n_steps, (n_steps, N_FEATURES).

    Their frequencies fall geometrically from 1 to 1 / 10,000.

    References:
        Vaswani et al. 2017, section 3.5; Ho, Jain, Abbeel 2020, appendix B.
    """
    n = N_FEATURES // 2
    frequency = 10_000.0 ** -(torch.arange(n) / (n - 1))
    angle = torch.arange(1, n_steps + 1)[:, None] * frequency
    return torch.cat((angle.sin(), angle.cos()), dim=1)


class MlpDenoiser(nn.Module):
    """Numbers z (B, D) with the noise of step t to (B, D), by a perceptron of z and sinusoids of t.

    It starts as nearly zero: the last layer's weights are a hundredth of torch's, its biases zero.

    Args:
        n_numbers: D.
        n_steps: Steps are 1, ..., n_steps.
        hidden: Sizes of the hidden layers, possibly none.
        activation: Between them.
    """

    def __init__(
        self, n_numbers: int, n_steps: int, hidden: Sequence[int], activation: str
    ) -> None:
        super().__init__()
        self.sinusoids = nn.Buffer(sinusoids(n_steps), persistent=False)
        sizes = (n_numbers + N_FEATURES, *hidden)
        self.body = layers(sizes, activation)
        self.output = nn.Linear(sizes[-1], n_numbers)
        with torch.no_grad():
            self.output.weight.mul_(0.01)
            self.output.bias.zero_()

    def forward(self, z: Tensor, t: int | Tensor) -> Tensor:
        """Return (B, D) for z (B, D); t is one step for all, or (B,) int64."""
        step = self.sinusoids[t - 1].expand(len(z), -1)
        found: Tensor = self.output(self.body(torch.cat((z, step), dim=1)))
        return found
