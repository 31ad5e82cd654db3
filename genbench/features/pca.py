"""Principal components of training images, in pixels: no whitening."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from genbench.data import Dataset

MOST_PIXELS = 2048
"""Up to here the covariance of all pixels is decomposed."""
MOST_IMAGES = 2000
"""Of larger images, so many are decomposed, evenly spread over the training images."""

Blocks = Callable[[], Iterable[Tensor]]


class Projection(nn.Module):
    """Images (B, C, H, W) to their coordinates (B, dim) along components, float64."""

    def __init__(self, image_shape: Sequence[int], mean: Tensor, components: Tensor) -> None:
        super().__init__()
        self.image_shape = tuple(image_shape)
        self.mean = nn.Buffer(mean)
        self.components = nn.Buffer(components)

    @property
    def dim(self) -> int:
        """The number of components."""
        return len(self.components)

    def forward(self, x: Tensor) -> Tensor:
        """Return coordinates (B, dim)."""
        return (x.flatten(1).double() - self.mean) @ self.components.T


class Components(NamedTuple):
    """Principal components (dim, D) around a mean (D,), and how many have any variance, ()."""

    mean: Tensor
    components: Tensor
    rank: Tensor


def principal_components(dataset: Dataset, dim: int) -> Components:
    """Return the first principal components of the training images.

    The entry of largest magnitude of each is positive, the first of equal ones: the same images
    give the same signs.
    """
    n_pixels, n = torch.Size(dataset.image_shape).numel(), dataset.size("train")
    if n_pixels <= MOST_PIXELS:
        mean, covariance = _moments(lambda: _flat(dataset), n)
        variances, vectors = torch.linalg.eigh(covariance)
        components = vectors.T
    else:
        x = torch.cat(list(_flat(dataset, -(-n // MOST_IMAGES))))
        mean = x.mean(dim=0)
        variances, vectors = torch.linalg.eigh((x - mean) @ (x - mean).T)
        components = vectors.T @ (x - mean)
    least = torch.finfo(torch.float64).eps * len(variances) * variances[-1]
    rank = (variances > least).sum()
    return Components(mean, _signed(components[-dim:].flip(0)), rank)


def _flat(dataset: Dataset, step: int = 1) -> Iterator[Tensor]:
    """Yield training images as rows (b, D) in float64: all, or each ``step``-th."""
    seen = 0
    for block in dataset.unprocessed.blocks("train"):
        yield block[-seen % step :: step].flatten(1).double().cpu()
        seen += len(block)


def _moments(blocks: Blocks, n: int) -> tuple[Tensor, Tensor]:
    """Return the mean (D,) and the covariance (D, D) of rows."""
    mean = torch.stack([block.sum(dim=0) for block in blocks()]).sum(dim=0) / n
    covariance = mean.new_zeros(len(mean), len(mean))
    for block in blocks():
        covariance.addmm_((block - mean).T, block - mean, alpha=1 / n)
    return mean, covariance


def _signed(components: Tensor) -> Tensor:
    """Return components of length 1 whose largest entry is positive."""
    largest = components.gather(1, components.abs().argmax(dim=1, keepdim=True))
    unit = components / components.norm(dim=1, keepdim=True).clamp(min=1e-300)
    signed: Tensor = unit * torch.where(largest < 0, -1.0, 1.0)
    return signed.contiguous()
