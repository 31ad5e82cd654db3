"""Sums of a kernel over all pairs of a set."""

from collections.abc import Callable

from torch import Tensor


def sums_within(x: Tensor, kernel: Callable[[Tensor, Tensor], Tensor], rows: int) -> Tensor:
    """Return Σⱼ k(xᵢ, xⱼ) over j ≠ i, (N,); each pair is computed once.

    Args:
        x: One point per row, (N, D).
        kernel: Maps (N, D) and (M, D) to a new (N, M); symmetric.
        rows: Rows of the kernel matrix in memory at once.
    """
    sums = x.new_zeros(len(x))
    for start in range(0, len(x), rows):
        block = kernel(x[start : start + rows], x[start:])
        block.diagonal().zero_()
        sums[start : start + rows] += block.sum(dim=1)
        sums[start + rows :] += block[:, rows:].sum(dim=0)
    return sums
