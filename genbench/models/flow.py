"""Normalising flows of images: an invertible map to noise, and so an exact density."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genbench.distributions.latent import HALF_LOG_2PI
from genbench.nets.mlp import layers


class Coupling(nn.Module):
    """Moves some numbers given others: b exp(s(a)) + t(a), with s and t from a perceptron of a.

    The Jacobian is triangular, and its log-determinant is the sum of s. s is c tanh(.) with a
    learned c for each number of b, so that no input makes it explode. It starts as nearly nothing:
    the last layer's weights are a hundredth of torch's, its biases zero.

    References:
        Dinh, Sohl-Dickstein, Bengio 2017, equations 4 to 8.
    """

    def __init__(self, n_given: int, n_moved: int, hidden: Sequence[int], activation: str) -> None:
        super().__init__()
        sizes = (n_given, *hidden)
        self.body = layers(sizes, activation)
        self.output = nn.Linear(sizes[-1], 2 * n_moved)
        self.limit = nn.Parameter(torch.ones(n_moved))
        with torch.no_grad():
            self.output.weight.mul_(0.01)
            self.output.bias.zero_()

    def forward(self, given: Tensor) -> tuple[Tensor, Tensor]:
        """Return s and t, each (B, n_moved), of the numbers that are given, (B, n_given)."""
        raw, t = self.output(self.body(given)).chunk(2, dim=1)
        return self.limit * raw.tanh(), t


class LogitFlow(nn.Module, ABC):
    """p(x) = N(f(x); 0, I) |det df/dx| with an invertible f: an exact density of images.

    f takes each number of an image to the logit of alpha + (1 - 2 alpha) x, and shifts and scales
    it. What follows is up to the subclass.

    p integrates to 1 over the cube of numbers between -margin and 1 + margin, margin = alpha /
    (1 - 2 alpha); outside log p(x) is -inf. With alpha = 0 that is the cube of images. A larger
    alpha bends the noise of black and white pixels less, and leaves more of p outside [0, 1].

    It has no codes: f(x) is as large as x and loses nothing, so reconstructions would be perfect
    and say nothing.

    Args:
        image_shape: Of an image.
        alpha: In [0, 0.5).

    References:
        Dinh, Sohl-Dickstein, Bengio 2017, section 4.1 for alpha.
    """

    def __init__(self, image_shape: Sequence[int], alpha: float) -> None:
        super().__init__()
        self.image_shape, self.alpha = tuple(image_shape), alpha
        n_pixels = math.prod(self.image_shape)
        self.centre = nn.Parameter(torch.zeros(n_pixels))
        self.log_scale = nn.Parameter(torch.zeros(n_pixels))

    def start_at(self, image: Tensor) -> None:
        """Centre the density at a mean image (C, H, W), as wide as pixels with its means can be.

        Numbers in [0, 1] with the mean m have a standard deviation of at most (m (1 - m))^(1/2).
        """
        mean = image.flatten().clamp(1e-3, 1 - 1e-3)
        u = self._squeezed(mean)
        slope = (1 - 2 * self.alpha) / (u * (1 - u))  # of the logit
        with torch.no_grad():
            self.centre.copy_(u.logit())
            self.log_scale.copy_((slope * (mean * (1 - mean)).sqrt()).log())

    def standardised(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits y, shifted and scaled, (B, D), and log |det dy/dx|, (B,), of images."""
        u = self._squeezed(x.flatten(1))
        log_u, log_rest = u.log(), (-u).log1p()
        y = (log_u - log_rest - self.centre) * (-self.log_scale).exp()
        log_det = (math.log1p(-2 * self.alpha) - log_u - log_rest - self.log_scale).sum(dim=1)
        return y, log_det

    def image(self, y: Tensor) -> Tensor:
        """Return the images (B, C, H, W) of shifted and scaled logits (B, D)."""
        u = (y * self.log_scale.exp() + self.centre).sigmoid()
        return ((u - self.alpha) / (1 - 2 * self.alpha)).reshape(-1, *self.image_shape)

    @abstractmethod
    def to_noise(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z = f(x), (B, D), and log |det df/dx|, (B,), of images in the support."""

    @abstractmethod
    def from_noise(self, z: Tensor) -> Tensor:
        """Return the images (B, C, H, W) of z (B, D): the inverse of f."""

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the exact log p(x), (B,) in nats; -inf outside the support."""
        flat = x.flatten(1).to(self.centre.dtype)
        u = self._squeezed(flat)
        outside = ((u <= 0) | (u >= 1)).any(dim=1)
        z, log_det = self.to_noise(flat.masked_fill(outside[:, None], 0.5))
        log_px = log_det - (z.square() * 0.5 + HALF_LOG_2PI).sum(dim=1)
        return log_px.masked_fill(outside, -math.inf)

    def pixel_bounds(self) -> tuple[float, float]:
        """Return the ends of the support."""
        margin = self.alpha / (1 - 2 * self.alpha)
        return -margin, 1 + margin

    def sample(self, n: int) -> Tensor:
        """Return n draws from p(x), not clipped to [0, 1]."""
        like = self.centre
        return self.from_noise(torch.randn(n, len(like), dtype=like.dtype, device=like.device))

    def _squeezed(self, x: Tensor) -> Tensor:
        return self.alpha + (1 - 2 * self.alpha) * x


class RealNvp(LogitFlow):
    """A flow of affine couplings.

    Couplings see the numbers of an image as the two colours of a checkerboard over pixels and
    channels, and move one colour given the other, in turn. They can shift and scale the bent noise
    of black and white pixels but not straighten it.

    Args:
        image_shape: Of an image, with at least two numbers.
        n_couplings: With two or more, every number is moved given others.
        hidden: Sizes of the layers of each coupling.
        activation: Between them.
        alpha: In [0, 0.5).

    References:
        Dinh, Sohl-Dickstein, Bengio 2017.
    """

    def __init__(
        self,
        image_shape: Sequence[int],
        n_couplings: int,
        hidden: Sequence[int],
        activation: str,
        alpha: float,
    ) -> None:
        super().__init__(image_shape, alpha)
        places = torch.meshgrid(*map(torch.arange, self.image_shape), indexing="ij")
        colour = torch.stack(places).sum(dim=0).flatten() % 2
        n_pixels, n_odd = len(colour), int(colour.sum())
        self.sides = [n_pixels - n_odd, n_odd]
        self.order = nn.Buffer(colour.argsort(stable=True), persistent=False)
        self.place = nn.Buffer(self.order.argsort(), persistent=False)
        self.couplings = nn.ModuleList()
        moved, given = self.sides
        for _ in range(n_couplings):
            self.couplings.append(Coupling(given, moved, hidden, activation))
            moved, given = given, moved

    def to_noise(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z = f(x), (B, D), and log |det df/dx|, (B,), of images in the support."""
        y, log_det = self.standardised(x)
        moved, given = torch.split(y.index_select(1, self.order), self.sides, dim=1)
        for coupling in self.couplings:
            s, t = coupling(given)
            moved, given = given, moved * s.exp() + t
            log_det = log_det + s.sum(dim=1)
        return torch.cat((moved, given), dim=1), log_det

    def from_noise(self, z: Tensor) -> Tensor:
        """Return the images (B, C, H, W) of z (B, D): the inverse of f."""
        is_swapped = len(self.couplings) % 2 == 1
        sides = self.sides[::-1] if is_swapped else self.sides
        moved, given = torch.split(z, sides, dim=1)
        for coupling in reversed(self.couplings):
            s, t = coupling(moved)
            moved, given = (given - t) * (-s).exp(), moved
        return self.image(torch.cat((moved, given), dim=1).index_select(1, self.place))
