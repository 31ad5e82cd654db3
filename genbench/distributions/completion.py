"""Images with a shown and a hidden part, and the distribution of the hidden pixels."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, constraints


class ImageParts(nn.Module):
    """Which pixels of an image (C, H, W) are shown and which are hidden, the same in all channels.

    Args:
        shown: Which pixels are shown, (H, W) bool.
        n_channels: C.
    """

    def __init__(self, shown: Tensor, n_channels: int) -> None:
        super().__init__()
        height, width = shown.shape
        self.image_shape = (n_channels, height, width)
        flat = shown.flatten()
        self.places = nn.Buffer((~flat).nonzero()[:, 0], persistent=False)
        self.shown_places = nn.Buffer(flat.nonzero()[:, 0], persistent=False)

    @property
    def n_shown(self) -> int:
        """Numbers in the shown part."""
        return self.image_shape[0] * len(self.shown_places)

    @property
    def hidden_shape(self) -> tuple[int, int, int]:
        """Shape of the hidden part, as an image of one row."""
        return (self.image_shape[0], 1, len(self.places))

    def shown(self, x: Tensor) -> Tensor:
        """Return the shown part of images (B, ...), (B, n_shown)."""
        flat = x.reshape(len(x), self.image_shape[0], -1)
        return flat.index_select(-1, self.shown_places).flatten(1)

    def hidden(self, x: Tensor) -> Tensor:
        """Return the hidden part of images (..., C, H, W), (..., C, 1, n)."""
        return x.flatten(-2).index_select(-1, self.places).unsqueeze(-2)

    def fill(self, x: Tensor, hidden: Tensor) -> Tensor:
        """Return images x (B, C, H, W) with the hidden part (..., B, C, 1, n) filled in."""
        pixels = hidden.squeeze(-2)
        whole = x.to(pixels.dtype).expand(*pixels.shape[:-1], *self.image_shape[1:])
        filled = whole.flatten(-2).index_copy(-1, self.places, pixels)
        return filled.reshape(*pixels.shape[:-1], *self.image_shape[1:])

    def mask(self) -> Tensor:
        """Return which numbers of an image are hidden, (C, H, W) bool."""
        hidden = torch.ones(self.image_shape, dtype=torch.bool, device=self.places.device)
        hidden.flatten(1)[:, self.shown_places] = False
        return hidden


class Completion(Distribution):
    """The distribution of whole images given their shown pixels; the hidden ones follow p.

    The log density of an image is that of its hidden pixels. Its shown pixels are assumed to equal
    the given ones, without a check.

    Args:
        p: Distribution of the hidden pixels: batch (..., B), event ``parts.hidden_shape``.
        parts: Which pixels are hidden.
        x: Images (B, C, H, W) with the shown pixels.
    """

    arg_constraints: ClassVar[dict[str, constraints.Constraint]] = {}

    def __init__(self, p: Distribution, parts: ImageParts, x: Tensor) -> None:
        super().__init__(p.batch_shape, torch.Size(parts.image_shape), validate_args=False)
        self._p, self._parts, self._x = p, parts, x

    @property
    def support(self) -> Any:
        """The support of the hidden pixels, for whole images."""
        return self._p.support

    @property
    def hidden(self) -> Distribution:
        """The distribution of the hidden pixels alone."""
        return self._p

    @property
    def mean(self) -> Tensor:
        """The shown pixels with the means of the hidden ones."""
        return self._parts.fill(self._x, self._p.mean)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Return the shown pixels with draws of the hidden ones."""
        return self._parts.fill(self._x, self._p.sample(torch.Size(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the log density of the hidden pixels of images (..., B, C, H, W), (..., B)."""
        return self._p.log_prob(self._parts.hidden(value))
