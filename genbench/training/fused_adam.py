"""Adam in one fused call, without the modules of torch's compiler."""

from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer


def _plain(name: str) -> Any:
    """Return a method of torch's optimisers as it was before torch wrapped it for its compiler.

    The wrapper imports the compiler when it is called: 900 modules, a second.
    """
    method = getattr(Optimizer, name)
    return getattr(method, "__wrapped__", method)


class FusedAdam(Adam):
    """Torch's fused Adam; it takes the same steps to the last bit."""

    add_param_group = _plain("add_param_group")
    state_dict = _plain("state_dict")
    load_state_dict = _plain("load_state_dict")

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Step along the gradients, or not at all while ``found_inf`` is set."""
        group, found_inf = self.param_groups[0], getattr(self, "found_inf", None)
        columns: tuple[list[Tensor], ...] = ([], [], [], [], [], [])
        self._init_group(group, *columns)  # type: ignore[no-untyped-call]
        parameters, gradients, means, squares, _, steps = columns
        if not parameters:
            return
        torch._foreach_add_(steps, 1)
        each, counts = self.divided(parameters, gradients, means, squares)
        torch._fused_adam_(
            each[0],
            each[1],
            each[2],
            each[3],
            [],
            [step for step, n in zip(steps, counts, strict=True) for _ in range(n)],
            lr=group["lr"],
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
            found_inf=found_inf,
        )
        if found_inf is not None:
            torch._foreach_sub_(steps, [found_inf] * len(steps))

    def divided(self, *columns: list[Tensor]) -> tuple[tuple[list[Tensor], ...], list[int]]:
        """Return what the kernel gets for each column, and the number of pieces of each tensor."""
        return columns, [1] * len(columns[0])
