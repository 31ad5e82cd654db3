"""Controls: models that learn nothing, to show what a good number has to beat.

Images are stored as 8-bit intensities, which changes a pixel by at most 1/510.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genbench.core.fitting import fit_repeatably
from genbench.core.tensors import sum_in_float64
from genbench.models.fitted import FittedModule
from genbench.models.mixtures import spread

_PAIRS = 2**21  # distances in memory at once


class MeanImage(FittedModule):
    """Returns the mean training image for every datum; its codes have no dimensions."""

    def __init__(self, image_shape: Sequence[int]) -> None:
        super().__init__()
        self.mean = nn.Buffer(torch.full(tuple(image_shape), 0.5))

    def fit(self, x: Tensor) -> None:
        """Set the mean of images x (N, C, H, W)."""
        self.put(mean=sum_in_float64(x) / len(x))

    def encode(self, x: Tensor) -> Tensor:
        """Return the code (B, 0)."""
        return x.new_empty(len(x), 0)

    def decode(self, z: Tensor) -> Tensor:
        """Return the mean image for each code."""
        return self.mean.expand(*z.shape[:-1], *self.mean.shape).clone()

    def sample(self, n: int) -> Tensor:
        """Return the mean image n times."""
        return self.mean.expand(n, *self.mean.shape).clone()


class StoredImages(FittedModule):
    """Images that are kept as bytes."""

    def __init__(self, n_images: int, image_shape: Sequence[int]) -> None:
        super().__init__()
        self.levels = nn.Buffer(torch.zeros(n_images, *image_shape, dtype=torch.uint8))

    def fit(self, x: Tensor) -> None:
        """Store images x (N, C, H, W), or evenly spaced ones if there are too many.

        Intensities are in [0, 1].
        """
        stored = x[spread(len(x), len(self.levels)).to(x.device)]  # a copy, changed in place
        self.put(levels=stored.clamp_(0, 1).mul_(255).round_())

    def images(self, rows: Tensor) -> Tensor:
        """Return the stored images at ``rows`` (...,), as (..., C, H, W)."""
        return self.levels[rows].to(torch.get_default_dtype()) / 255


class FixedImages(StoredImages):
    """Stored images, each of which is drawn at most once.

    Real images of the validation split are what a perfect model would draw.
    """

    @property
    def n_images(self) -> int:
        """How many images there are to draw."""
        return len(self.levels)

    def sample(self, n: int) -> Tensor:
        """Return n of the images in random order, or all if there are fewer.

        The order comes from torch's CPU generator, so a seed gives the same order on every device.
        """
        if not self.n_images:
            raise ValueError("no images to draw from: call fit(x) first")
        return self.images(torch.randperm(self.n_images)[:n].to(self.levels.device))


class BlurredImages(FixedImages):
    """Real images under a Gaussian blur: features of a classifier hardly see a mild one."""

    def __init__(self, n_images: int, image_shape: Sequence[int], sd: float) -> None:
        super().__init__(n_images, image_shape)
        self.sd = sd

    def fit(self, x: Tensor) -> None:
        """Store images x (N, C, H, W), blurred with a standard deviation of ``sd`` pixels.

        The pixels at an edge go on beyond it.
        """
        from scipy.ndimage import gaussian_filter

        kept = x[spread(len(x), len(self.levels)).to(x.device)]
        blurred = gaussian_filter(kept.cpu().numpy(), (0, 0, self.sd, self.sd), mode="nearest")
        super().fit(torch.as_tensor(blurred, device=x.device))


class WithoutClass(FixedImages):
    """Real images of all classes but one: what a model draws that misses a mode."""

    def __init__(self, n_images: int, image_shape: Sequence[int], missing: int) -> None:
        super().__init__(n_images, image_shape)
        self.missing = missing

    def fit(self, x: Tensor, y: Tensor) -> None:  # type: ignore[override]
        """Store the images x (N, C, H, W) whose label y (N,) is another one.

        Raises:
            ValueError: There are none.
        """
        others = x[(y != self.missing).to(x.device)]
        if not len(others):
            raise ValueError(f"all {len(x)} images are of class {self.missing}")
        super().fit(others)


class NearestStored(StoredImages):
    """Stored images; the code of an image is the index of its nearest stored one."""

    def encode(self, x: Tensor) -> Tensor:
        """Return the index of the nearest stored image as the code (B, 1)."""
        flat, n = x.flatten(1), max(1, _PAIRS // len(x))
        best = flat.new_full((len(flat),), torch.inf)
        code = torch.zeros(len(flat), dtype=torch.int64, device=x.device)
        for start in range(0, len(self.levels), n):
            kept = self.levels[start : start + n].flatten(1).to(flat)
            squares = (kept.norm(dim=1) / 255).square()
            # ‖x − image‖² less ‖x‖², of images in [0, 255]
            distance, row = (flat @ kept.T).mul_(-2 / 255).add_(squares).min(dim=1)
            code = torch.where(distance < best, row + start, code)
            best = torch.minimum(distance, best)
        return code.to(x.dtype).unsqueeze(1)

    def decode(self, z: Tensor) -> Tensor:
        """Return the stored image at the index in each code (..., 1)."""
        rows = z.squeeze(-1).round().long().clamp(0, len(self.levels) - 1)
        return self.images(rows).to(z.dtype)


class NearestImage(NearestStored, FixedImages):
    """Training images, to draw from and to find the nearest of.

    It is pure memory: it samples and reconstructs nothing else.
    """


class KMeans(NearestStored):
    """Centroids of training images: not samples, yet the Parzen estimate prefers them.

    References:
        Theis, van den Oord, Bethge 2016, section 3.3 and table 1.
    """

    def __init__(self, n_clusters: int, image_shape: Sequence[int], seed: int = 0) -> None:
        super().__init__(n_clusters, image_shape)
        self.seed = seed

    def fit(self, x: Tensor) -> None:
        """Find the centroids of x (N, C, H, W) by mini-batch k-means from random images.

        Raises:
            ValueError: Fewer images than clusters.
        """
        from sklearn.cluster import MiniBatchKMeans

        if len(x) < len(self.levels):
            raise ValueError(f"{len(x)} images are too few for {len(self.levels)} clusters")
        clusters = MiniBatchKMeans(
            len(self.levels), init="random", n_init=1, batch_size=4096, random_state=self.seed
        )
        fit_repeatably(clusters, x.flatten(1).float())
        centroids = torch.as_tensor(clusters.cluster_centers_)
        super().fit(centroids.reshape(-1, *self.levels.shape[1:]))

    def sample(self, n: int) -> Tensor:
        """Return n centroids in random order, each equally often, give or take one."""
        n_images = len(self.levels)
        passes = [torch.randperm(n_images) for _ in range(-(-n // n_images))]
        order = torch.cat(passes)[:n] if passes else torch.empty(0, dtype=torch.int64)
        return self.images(order.to(self.levels.device))
