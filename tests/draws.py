"""Random numbers that tests draw, the same each time."""

import torch


def randn(*size, seed=0):
    """Standard normal numbers, float64."""
    return torch.randn(*size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
