"""Functions with a gradient of their own, in fewer operations than automatic differentiation's."""

from typing import Any

import torch
from torch import Tensor


class OwnGradient(torch.autograd.Function):
    """A function that keeps its inputs for its gradient and can be batched by ``vmap``."""

    generate_vmap_rule = True

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """Keep the inputs."""
        ctx.save_for_backward(*inputs)


def applied(function: type[OwnGradient], *inputs: Tensor) -> Any:
    """Apply a function; directly without gradients, since ``apply`` costs as much as a kernel.

    Compilers differentiate the function themselves.
    """
    direct = torch.compiler.is_compiling() or not torch.is_grad_enabled()
    return function.forward(*inputs) if direct else function.apply(*inputs)
