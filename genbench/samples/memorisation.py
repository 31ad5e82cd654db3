"""Do samples repeat training images? Authenticity, the test of data copying, and the evidence.

Distances are to the training images. Images of a set of held-out images, in place of samples, give
the row to compare with.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy.special import ndtr
from torch import Tensor

from genbench.core.estimate import Estimate, NotApplicableError, mean_and_stderr
from genbench.core.seeding import Stream
from genbench.samples.neighbours import nearest

N_CELLS = 10
"""Cells of the test of data copying, at most; smaller sets have one for each 100 images."""
FEWEST = 20
"""Samples, and held-out images, that a cell needs for z to be near normal."""


class NearestTraining:
    """The training image that is nearest to each image of a set.

    Args:
        images: Features (N, d).
        training: Features of all training images (M, d).
    """

    def __init__(self, images: Tensor, training: Tensor) -> None:
        self.images, self.training = images, training
        found = nearest(images, training, 1)
        self.distances = found.distances[:, 0]  # (N,)
        self.rows = found.rows[:, 0]  # (N,)

    @cached_property
    def own_distances(self) -> Tensor:
        """From each nearest training image to its own nearest other training image, (N,)."""
        rows, which = torch.unique(self.rows, return_inverse=True)
        return nearest(self.training[rows], self.training, 1, own=rows).distances[:, 0][which]

    @cached_property
    def ratios(self) -> Tensor:
        """Distance over own distance, (N,): 0 is a copy, below 1 is nearer than training images.

        A copy of an image that the training set has twice has ratio 0 too.
        """
        return torch.where(self.distances > 0, self.distances / self.own_distances, 0.0)

    def most_suspicious(self, n: int) -> Tensor:
        """Return the rows of the n images with the least ratios, the least first."""
        return self.ratios.argsort(stable=True)[:n]


def authenticity(near: NearestTraining) -> Estimate:
    """Estimate the share of images that keep more than training images' distance.

    They are farther from their nearest training image than that image is from its own nearest other
    training image. Copies have 0; held-out images do not have 1, so the share is to be read beside
    theirs. The standard error is binomial, given the training images.

    References:
        Alaa, van Breugel, Saveliev, van der Schaar 2022.
    """
    return mean_and_stderr((near.distances > near.own_distances).double())


@dataclass(frozen=True)
class Cell:
    """One cell of the test: held-out images and samples in it, and z among them.

    ``z`` is None where the cell is left out.
    """

    n_held_out: int
    n_samples: int
    z: float | None


@dataclass(frozen=True)
class CopyingTest:
    """The test of data copying.

    Attributes:
        z: Standard normal where samples are as far from the training images as held-out ones;
            negative where they are nearer.
        p_value: Probability of a z as low as this if there is no copying.
        cells: All of them, also those that are left out.
    """

    z: float
    p_value: float
    cells: tuple[Cell, ...]

    @property
    def remark(self) -> str:
        """What the test left out, for a table; may be empty."""
        out = [cell for cell in self.cells if cell.z is None]
        lost = sum(cell.n_samples for cell in out)
        total = sum(cell.n_samples for cell in self.cells)
        fewer = f"fewer than {FEWEST} samples or held-out images"
        text = f"{len(out)} of {len(self.cells)} cells, with {lost} of {total} samples, left out"
        return f"{text}: {fewer}" if out else ""


def cells_of(training: Tensor, stream: Stream, n_cells: int | None = None) -> Tensor:
    """Return the centres (C, d) of k-means on training features, bit for bit the same each time.

    Args:
        training: (M, d).
        stream: Where the centres start.
        n_cells: C; None gives 10, or fewer for a small set.
    """
    from sklearn.cluster import MiniBatchKMeans
    from threadpoolctl import threadpool_limits

    n_cells = n_cells or max(1, min(N_CELLS, len(training) // 100))
    seed = stream.child("cells").generator().initial_seed() % 2**32
    with threadpool_limits(1):
        means = MiniBatchKMeans(n_cells, random_state=seed, n_init=1).fit(training.cpu().numpy())
    centres = np.asarray(means.cluster_centers_, dtype=np.float64)
    return torch.from_numpy(centres).to(training.device)


def copying_test(samples: NearestTraining, held_out: NearestTraining, cells: Tensor) -> CopyingTest:
    """Test whether samples are nearer to the training images than held-out images are.

    In each cell, Mann and Whitney's U is the number of pairs of a sample and a held-out image in
    which the sample is farther, ties being halves. Z is U less its mean over its standard
    deviation, both exact given the distances if the two sets have the same distribution. With w the
    share of held-out images in a cell, z = Σ w Z / √Σ w².

    Args:
        samples: Of n samples.
        held_out: Of images that are neither training images nor what models are chosen by.
        cells: Centres (C, d), from :func:`cells_of`.

    Raises:
        NotApplicableError: No cell has enough of both.

    References:
        Meehan, Chaudhuri, Dasgupta 2020; their average Σ w Z / Σ w has a standard deviation below
        1. Lehmann 1975, Nonparametrics, for the variance with ties.
    """
    of_samples, of_held_out = (_members(each.images, cells) for each in (samples, held_out))
    found = [
        _cell(samples.distances[of_samples == c], held_out.distances[of_held_out == c])
        for c in range(len(cells))
    ]
    z = combined_z([(cell.n_held_out, cell.z) for cell in found if cell.z is not None])
    return CopyingTest(z, float(ndtr(z)), tuple(found))


def _members(images: Tensor, cells: Tensor) -> Tensor:
    """Return the cell of each image, (N,): that with the nearest centre."""
    return nearest(images, cells, 1).rows[:, 0]


def _cell(samples: Tensor, held_out: Tensor) -> Cell:
    """Compare the distances of a cell's n samples (n,) and m held-out images (m,)."""
    n, m = len(samples), len(held_out)
    enough = min(n, m) >= FEWEST
    return Cell(m, n, mann_whitney_z(samples, held_out) if enough else None)


def combined_z(cells: Sequence[tuple[int, float]]) -> float:
    """Return Σ w Z / √Σ w² of pairs of w and Z: standard normal if every Z is."""
    if not cells:
        fewer = f"{FEWEST} samples and {FEWEST} held-out images"
        raise NotApplicableError(f"no cell has {fewer} whose distances differ")
    return sum(w * z for w, z in cells) / math.sqrt(sum(w**2 for w, _ in cells))


def mann_whitney_z(x: Tensor, y: Tensor) -> float | None:
    """Return U of x (n,) over y (m,), less its mean nm/2, over its standard deviation.

    The variance is that over all ways to divide the pooled values: nm/12 (n + m + 1 − Σ (t³ − t) /
    ((n + m)(n + m − 1))), with t values in each tie. None if all values are equal.
    """
    n, m = len(x), len(y)
    _, place, counts = torch.unique(torch.cat((x, y)), return_inverse=True, return_counts=True)
    ties = counts.double()
    ranks = ties.cumsum(0) - (ties - 1) / 2  # of each different value: the mean of its places
    tied = float((ties**3 - ties).sum()) / ((n + m) * (n + m - 1))
    variance = n * m / 12 * (n + m + 1 - tied)
    u = float(ranks[place[:n]].sum()) - n * (n + 1) / 2
    return (u - n * m / 2) / math.sqrt(variance) if len(ties) > 1 else None
