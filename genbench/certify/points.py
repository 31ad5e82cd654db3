"""The images of a world as a model sees them: with each label, or with a part of it given."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from genbench.certify.worlds import N_CLASSES, World
from genbench.core.capabilities import Conditions, ConditionsOnPixels, HasBounds
from genbench.core.held import tensors_in


class Points(NamedTuple):
    """Where claims of log p(x) are made, and what each stands for in their sum.

    The sum of exp(log p + log_weight) is that of the probabilities of a world; of a conditional
    model, the mean of that over the conditions.

    Attributes:
        x: Images (N, C, H, W).
        y: Labels (N,).
        log_weight: (N,) float64, or (M,) of the groups.
        group: The level that an image with noise belongs to, (N,) from 0 to M - 1; else None.
        coarse: Every second point in each direction, (N,) bool, for the error of quadrature.
        n_summed: Dimensions that are summed.
    """

    x: Tensor
    y: Tensor
    log_weight: Tensor
    group: Tensor | None
    coarse: Tensor
    n_summed: int

    @property
    def is_grid(self) -> bool:
        """Whether they are the points of a quadrature; levels have one weight."""
        return self.group is None and bool((self.log_weight != self.log_weight[0]).any())


def points_of(world: World, model: Any) -> Points:
    """Return the points of a world for a model: with each label, if it is given one."""
    world = bounded(world, model)
    index, summed = world.index, _summed(world, model)
    index = index[world.inside[index[:, ~summed]].all(dim=1)]
    n_given = int((~summed).sum())
    n_conditions = (int(world.inside.sum()) // world.n_noise) ** n_given
    log_weight = world.log_volume[index[:, summed]].sum(dim=1) - math.log(n_conditions)
    group = None
    if world.n_noise > 1:
        group = _numbered(index // world.n_noise, len(world.axis) // world.n_noise)
        log_weight = log_weight[: int(group.max()) + 1]
    coarse = (index[:, summed] % 2 == 0).all(dim=1)
    x = beside(world.axis[index].reshape(-1, *world.dataset.image_shape), model)
    y = torch.zeros(len(x), dtype=torch.int64, device=x.device)
    points = Points(x, y, log_weight, group, coarse, int(summed.sum()))
    return _with_labels(points) if isinstance(model, Conditions) else points


def bounded(world: World, model: Any) -> World:
    """Return the world of pixels with noise within a model's bounds, if it has any."""
    if isinstance(model, HasBounds) and world.dataset.domain == "unit_interval":
        return world.within(*model.pixel_bounds())
    return world


def beside(x: Tensor, model: Any) -> Tensor:
    """Return images on the device of a model's tensors and in their dtype, or in float32."""
    known = next((t for t in tensors_in(model) if t.is_floating_point()), x)
    return x.to(known.device, torch.promote_types(known.dtype, torch.float32))


def _numbered(levels: Tensor, n_levels: int) -> Tensor:
    """Return the number of each image (N,) among all of its levels (N, D)."""
    return levels @ n_levels ** torch.arange(levels.shape[1])


def _summed(world: World, model: Any) -> Tensor:
    """Return which numbers of an image are summed over, (D,) bool: all that are not given."""
    n_pixels = math.prod(world.dataset.image_shape)
    if isinstance(model, ConditionsOnPixels):
        return model.hidden().flatten().cpu()
    return torch.ones(n_pixels, dtype=torch.bool)


def _with_labels(points: Points) -> Points:
    """Return the points with each label, which are equally likely."""
    n, group = N_CLASSES, points.group
    if group is not None:
        m = int(group.max()) + 1
        group = torch.cat([group + m * label for label in range(n)])
    return Points(
        points.x.repeat(n, 1, 1, 1),
        torch.arange(n, device=points.x.device).repeat_interleave(len(points.x)),
        points.log_weight.repeat(n) - math.log(n),
        group,
        points.coarse.repeat(n),
        points.n_summed,
    )
