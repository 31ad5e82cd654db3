"""Masked multilayer perceptrons: the parameters of each number, from the numbers before it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from genbench.nets.mlp import ACTIVATIONS


@dataclass(frozen=True)
class Units:
    """The units of a layer, in the order of their degrees.

    A unit of degree m depends on no more than the first m of D inputs. Degrees are spread evenly
    over ``lowest`` to ``highest``, so they follow from sizes and need not be stored.
    """

    n: int
    lowest: int
    highest: int

    @property
    def first(self) -> int:
        """The degree of the first unit."""
        return self.lowest + (self.highest - self.lowest + 1) // (2 * self.n)

    def degrees(self, device: torch.device | None = None) -> Tensor:
        """Return the degree of each unit, (n,) int64, never falling."""
        middles = 2 * torch.arange(self.n, device=device) + 1
        return self.lowest + middles * (self.highest - self.lowest + 1) // (2 * self.n)

    def at_most(self, highest: int) -> list[int]:
        """Return how many units have degrees of at most m, for m = 0 to ``highest``."""
        counts = torch.searchsorted(self.degrees(), torch.arange(highest + 1), right=True)
        return [int(count) for count in counts]


class MaskedLinear(nn.Linear):
    """A linear layer whose weights are 0 from each unit to those of a lower degree.

    Args:
        before: The units that it reads.
        after: The units that it gives.
        n_copies: How many outputs each of ``after`` has; those of one copy are next to each other.
        bias: Whether it has one.

    References:
        Germain, Gregor, Murray, Larochelle 2015, equations 12 and 13, where an output has a degree
        greater by one.
    """

    def __init__(
        self, before: Units, after: Units, n_copies: int = 1, *, bias: bool = True
    ) -> None:
        super().__init__(before.n, n_copies * after.n, bias=bias)
        device = self.weight.device
        allowed = after.degrees(device).unsqueeze(1) >= before.degrees(device)
        self.mask = nn.Buffer(allowed.to(self.weight.dtype).repeat(n_copies, 1), persistent=False)

    def forward(self, h: Tensor) -> Tensor:
        """Map (..., n_in) to (..., n_out)."""
        return linear(h, self.weight * self.mask, self.bias)


class MaskedMlp(nn.Module):
    """D numbers (..., D) to an output image (..., channels, H, W) with some whole multiple of D.

    Output i of each D depends on the inputs before i and on no others. With ``direct``, weights
    lead from the inputs to the outputs besides those through the hidden layers.

    References:
        Germain, Gregor, Murray, Larochelle 2015, section 4.
    """

    def __init__(
        self,
        n_inputs: int,
        hidden: Sequence[int],
        output_shape: Sequence[int],
        activation: str,
        *,
        direct: bool = True,
    ) -> None:
        super().__init__()
        self.output_shape = tuple(output_shape)
        self.n_inputs = n_inputs
        self.n_copies = torch.Size(self.output_shape).numel() // n_inputs
        inputs, outputs = Units(n_inputs, 1, n_inputs), Units(n_inputs, 0, n_inputs - 1)
        self.units = _chain(inputs, hidden)
        layers = [MaskedLinear(before, after) for before, after in pairwise(self.units)]
        self.layers = nn.ModuleList(layers)
        self.activation = ACTIVATIONS[activation]()
        self.output = MaskedLinear(self.units[-1], outputs, self.n_copies)
        skips = direct and bool(hidden)  # else the output layer is the direct one
        self.direct = MaskedLinear(inputs, outputs, self.n_copies, bias=False) if skips else None

    def forward(self, x: Tensor) -> Tensor:
        """Return (..., channels, H, W)."""
        h = x
        for layer in self.layers:
            h = self.activation(layer(h))
        output = self.output(h)
        if self.direct is not None:
            output = output + self.direct(x)
        image: Tensor = output.unflatten(-1, self.output_shape)
        return image

    def start_at(self, image: Tensor) -> None:
        """Set the output bias so that an untrained network returns roughly this image."""
        with torch.no_grad():
            self.output.bias.copy_(image.flatten())


def _chain(inputs: Units, hidden: Sequence[int]) -> tuple[Units, ...]:
    """Return inputs and hidden layers: no unit has a lower degree than all units before it."""
    chain = [inputs]
    for n in hidden:
        highest = inputs.n - 1
        chain.append(Units(n, min(chain[-1].first, highest), highest))
    return tuple(chain)


class Unrolled:
    """A masked network that is given the numbers of n rows one after the other.

    Each unit is computed once, when the last input that it depends on is known, so all D outputs
    cost no more than one pass through the network. Rows are columns here, for contiguous products.

    Args:
        network: It must not change meanwhile.
        n: Rows.
    """

    def __init__(self, network: MaskedMlp, n: int) -> None:
        self._network = network
        self._known = 0
        self._values = [network.output.weight.new_zeros(units.n, n) for units in network.units]
        self._counts = [units.at_most(network.n_inputs) for units in network.units]
        self._compute(0)

    @torch.no_grad()
    def output(self) -> Tensor:
        """Return the outputs of the number that is given next, (n, n_copies)."""
        network, place = self._network, self._known
        rows = slice(place, None, network.n_inputs)
        known = self._counts[-1][place]
        bias = network.output.bias[rows].unsqueeze(1)
        output = torch.addmm(bias, network.output.weight[rows, :known], self._values[-1][:known])
        if network.direct is not None:
            output += network.direct.weight[rows, :place] @ self._values[0][:place]
        return output.T

    @torch.no_grad()
    def put(self, x: Tensor) -> None:
        """Take the next number of each row, (n,)."""
        self._values[0][self._known] = x
        self._known += 1
        self._compute(self._known)

    def rows(self) -> Tensor:
        """Return the numbers given so far, (n, D); the others are 0."""
        return self._values[0].T

    @torch.no_grad()
    def _compute(self, degree: int) -> None:
        """Compute the hidden units of a degree, layer by layer."""
        for i, layer in enumerate(self._network.layers, start=1):
            assert isinstance(layer, MaskedLinear)
            start = self._counts[i][degree - 1] if degree else 0
            end, known = self._counts[i][degree], self._counts[i - 1][degree]
            if start < end:
                weight, bias = layer.weight[start:end, :known], layer.bias[start:end].unsqueeze(1)
                sums = torch.addmm(bias, weight, self._values[i - 1][:known])
                self._values[i][start:end] = self._network.activation(sums)
