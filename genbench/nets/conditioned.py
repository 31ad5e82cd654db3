"""A decoder of a code and a condition."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from genbench.nets.mlp import ACTIVATIONS


class ConditionedMlpDecoder(nn.Module):
    """Codes (..., B, n_inputs) and conditions (B, n_condition) to (..., B, *output_shape).

    A multilayer perceptron of the two concatenated. The first layer's product with a condition is
    computed once for all codes decoded with it.
    """

    def __init__(
        self,
        n_inputs: int,
        n_condition: int,
        hidden: Sequence[int],
        output_shape: Sequence[int],
        activation: str,
    ) -> None:
        super().__init__()
        self.output_shape = tuple(output_shape)
        sizes = (*hidden, torch.Size(self.output_shape).numel())
        self.from_code = nn.Linear(n_inputs, sizes[0], bias=False)
        self.from_condition = nn.Linear(n_condition, sizes[0])
        stack: list[nn.Module] = []
        for n_in, n_out in pairwise(sizes):
            stack += [ACTIVATIONS[activation](), nn.Linear(n_in, n_out)]
        self.body = nn.Sequential(*stack)

    def read(self, condition: Tensor) -> Tensor:
        """Return the first layer's contribution from conditions (B, n_condition)."""
        context: Tensor = self.from_condition(condition)
        return context

    def forward(self, z: Tensor, context: Tensor) -> Tensor:
        """Return (..., B, *output_shape); ``context`` is the result of :meth:`read`."""
        image: Tensor = self.body(self.from_code(z) + context).unflatten(-1, self.output_shape)
        return image

    def start_at(self, image: Tensor) -> None:
        """Set the output bias so that an untrained network returns roughly this image."""
        output = self.body[-1] if len(self.body) else self.from_condition
        assert isinstance(output, nn.Linear)
        with torch.no_grad():
            output.bias.copy_(image.flatten())
