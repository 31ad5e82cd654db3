"""Flow matching of images: noise becomes an image along a learned velocity."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from genbench.core.tensors import joined
from genbench.models.flow import LogitFlow

CHUNK = 2**24
"""Numbers in the Jacobians that are held at once."""
MOST_ITERATIONS = 100
"""In search of what a step began with; about twenty find it."""


class FlowMatching(LogitFlow):
    """A flow in steps along a velocity that is learned from straight paths.

    Paths l_t = (1 - t) e + t l lead from noise e of N(0, I) to l, the logits of an image less
    their centre. The mean velocity where they pass, E[l - e | l_t], carries the distribution of
    noise to that of l. With r_t^2 = (1 - t)^2 + t^2 scale^2 it is modelled as

        v(l_t, t) = r_t' / r_t l_t + scale / r_t d(l_t / r_t, t),

    the best for independent logits of N(0, scale^2) where the network d is zero; the scale is
    learned. Input and output of d are about of size 1 for every t.

    In y = l_t / r_t the first term stands still: dy = d(y, t) d angle, tan angle = t scale /
    (1 - t). Noise becomes y at t = 1 in ``n_steps`` steps of the midpoint rule, each an interval of
    t of the same length.

    The model is these steps, not the flow of which they are an approximation: log p(x) has the
    determinant of their Jacobian, and is exact and that of the samples for any number of steps. A
    density of the flow would have an error of the solver, which a table could not state.

    Steps have an inverse where they are small for the slopes of d, which nothing enforces. Where
    none is found, or a determinant is not positive, log p(x) is NaN. Were several z to become x, it
    would count one of them, and be too low, never too high.

    Args:
        image_shape: Of an image.
        n_steps: Sampling takes two calls of the network for each.
        network: d, from numbers (B, D) and the place of t to (B, D). Places are 1, ..., 2 n_steps,
            for t = 0, ..., 1 - 1 / (2 n_steps); it is one for all, or (B,).
        alpha: In [0, 0.5).

    References:
        Lipman et al. 2023, equations 20 to 23; Liu, Gong, Liu 2023, equations 1 and 2; Albergo,
        Vanden-Eijnden 2023, for y, whose path is their trigonometric one where scale is 1; Karras
        et al. 2022, section 5, for what the network sees; Behrmann et al. 2019, algorithm 1, for
        the inverse, there without the half.
    """

    def __init__(
        self, image_shape: Sequence[int], n_steps: int, network: nn.Module, alpha: float
    ) -> None:
        super().__init__(image_shape, alpha)
        self.n_steps, self.network = n_steps, network

    def squared_errors(self, x: Tensor, place: Tensor, noise: Tensor) -> Tensor:
        """Return |v(l_t, t) - (l - e)|^2, (B,).

        Args:
            x: Images in the support.
            place: Of t, (B,) int64.
            noise: e, standard normal (B, D).
        """
        y, _ = self.standardised(x)
        t, scale = self._time(place), self.log_scale.exp()
        r = ((1 - t).square() + (t * scale).square()).sqrt()
        cos, sin = (1 - t) / r, t * scale / r
        found = self.network(cos * noise + sin * y, place)
        error: Tensor = scale / r * (found - (cos * y - sin * noise))
        return error.square().sum(dim=1)

    @torch.no_grad()
    def to_noise(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return z = f(x), (B, D), and log |det df/dx|, (B,), of images in the support.

        Both without gradients. The second is NaN where no inverse of a step is found.
        """
        y, log_det = self.standardised(x)
        for step in reversed(range(self.n_steps)):
            y, is_found = self._undo(y, step)
            log_det = log_det - self._log_slope(y, step).masked_fill(~is_found, math.nan)
        return y, log_det

    def from_noise(self, z: Tensor) -> Tensor:
        """Return the images (B, C, H, W) of z (B, D): the inverse of f."""
        y = z
        for step in range(self.n_steps):
            y = y + self._change(y, step)
        return self.image(y)

    def _change(self, y: Tensor, step: int) -> Tensor:
        """Return what a step adds to y (B, D)."""
        start, middle, end = (self._angle(2 * step + i) for i in (1, 2, 3))
        half = y + (middle - start) * self.network(y, 2 * step + 1)
        change: Tensor = (end - start) * self.network(half, 2 * step + 2)
        return change

    def _undo(self, y: Tensor, step: int) -> tuple[Tensor, Tensor]:
        """Return the numbers (B, D) that a step takes to y, and whether they were found, (B,).

        Half of what is missing is added again and again. That finds them where the slopes of the
        step, 1 where it does nothing, lie between 0 and 4.
        """
        before, tolerance = y, 10 * torch.finfo(y.dtype).eps * (1 + y.abs().amax(1, keepdim=True))
        for _ in range(MOST_ITERATIONS):
            missing = y - self._change(before, step) - before
            is_found = missing.abs().amax(1, keepdim=True) <= tolerance
            if is_found.all():
                break
            before = torch.where(is_found, before, before + missing / 2)
        return before, is_found.squeeze(1)

    def _log_slope(self, y: Tensor, step: int) -> Tensor:
        """Return log det of the Jacobian of a step at y (B, D), (B,); NaN where it has none."""
        pieces = torch.split(y, max(1, CHUNK // y.shape[1] ** 2))
        parts = (torch.linalg.slogdet(self._jacobian(piece, step)) for piece in pieces)
        return joined((log.masked_fill(sign <= 0, math.nan) for sign, log in parts), len(y))

    def _jacobian(self, y: Tensor, step: int) -> Tensor:
        """Return the derivatives of the numbers after a step in those before, (B, D, D)."""
        with torch.inference_mode(False), torch.enable_grad():
            before = y.clone().requires_grad_()
            after = before + self._change(before, step)
            rows = [
                torch.autograd.grad(column.sum(), before, retain_graph=True)[0]
                for column in after.unbind(dim=1)
            ]
        return torch.stack(rows, dim=1)

    def _time(self, place: int | Tensor) -> Tensor:
        """Return t, (1,) or (B, 1); t = 1 has the place 2 n_steps + 1."""
        whole = torch.as_tensor(place, device=self.centre.device).unsqueeze(-1)
        return (whole - 1).to(self.centre.dtype) / (2 * self.n_steps)

    def _angle(self, place: int) -> Tensor:
        """Return the angle, (D,)."""
        t = self._time(place)
        return torch.atan2(t * self.log_scale.exp(), 1 - t)
