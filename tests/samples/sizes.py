"""How much memory a function takes at once."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Sizes(TorchDispatchMode):
    """Within it, notes the largest number of elements of any result of torch."""

    largest = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        parts = out if isinstance(out, tuple | list) else (out,)
        sizes = [part.numel() for part in parts if isinstance(part, torch.Tensor)]
        self.largest = max(self.largest, *sizes, 0)
        return out
