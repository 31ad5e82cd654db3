"""Images in the place of a model that generates."""

from torch import Tensor


class FixedSamples:
    """Draws each of its images once, in their order.

    Args:
        images: (N, C, H, W).
    """

    def __init__(self, images: Tensor) -> None:
        self.images = images

    @property
    def n_images(self) -> int:
        """How many there are to draw."""
        return len(self.images)

    def sample(self, n: int) -> Tensor:
        """Return the first n images."""
        return self.images[:n]
