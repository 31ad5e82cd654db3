"""How images are coded by a model: by masses of pixels, or by bits back.

The masses are those of independent pixels, of a mixture, or of each pixel given those before it.

Encoder and decoder must compute the same probabilities, bit for bit. Both call the model with one
image at a time, in float64 and on one thread.
"""

from abc import ABC, abstractmethod
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.distributions import OneHotCategorical

from genbench.certify.coding import latents
from genbench.certify.coding.masses import (
    Masses,
    masses_of,
    n_levels_of,
    pop_level,
    pop_pixels,
    push_pixels,
    whole,
)
from genbench.certify.coding.priors import Prior, binned, posterior_in_bins
from genbench.certify.coding.rans import Stack
from genbench.core.capabilities import (
    Conditions,
    ConditionsOnPixels,
    GoesPixelByPixel,
    Variational,
    bind,
)
from genbench.core.estimate import NotApplicableError
from genbench.core.tensors import as_event
from genbench.inference.bounds import posterior_of, prior_of

Levels = NDArray[np.int64]
"""The grey level of each pixel that is coded, (n_pixels,)."""


@dataclass(frozen=True)
class Known:
    """What sender and receiver both know of the images besides the model.

    Attributes:
        shape: Of an image, (C, H, W).
        y: Labels (N,) of a model that is conditional on them.
        shown: Images (N, C, H, W) of a model that is given some pixels; the others are 0.
    """

    shape: tuple[int, ...]
    y: Tensor | None = None
    shown: Tensor | None = None

    @classmethod
    def of(cls, model: Any, x: Tensor, y: Tensor | None = None) -> "Known":
        """Return what a receiver of images x (N, C, H, W) with labels y must know of them."""
        shown = x * ~model.hidden() if isinstance(model, ConditionsOnPixels) else None
        return cls(tuple(x.shape[1:]), y if isinstance(model, Conditions) else None, shown)

    def view(self, model: Any, i: int) -> Any:
        """Return the model given what is known of image i."""
        y = None if self.y is None else self.y[i : i + 1].clone()
        shown = None if self.shown is None else self.shown[i : i + 1].double()
        return bind(model, y, shown)


class Scheme(ABC):
    """Codes images one by one; ``pop`` is the inverse of ``push``.

    Args:
        model: In float64.
        known: What the receiver knows of the images.
        n_levels: How many values a pixel can take.
    """

    name: str
    is_exact = True
    """Whether the length is that of log p(x), not of a bound."""

    def __init__(self, model: Any, known: Known, n_levels: int) -> None:
        self.model, self.known, self.n_levels = model, known, n_levels
        given = isinstance(model, ConditionsOnPixels)
        self.coded = model.hidden() if given else torch.ones(known.shape, dtype=torch.bool)

    @abstractmethod
    def push(self, stack: Stack, levels: Levels, i: int) -> None:
        """Code image i."""

    @abstractmethod
    def pop(self, stack: Stack, i: int) -> Levels:
        """Take image i from the stack."""

    def image(self, levels: Levels, i: int) -> Tensor:
        """Return image i, (1, C, H, W), its pixels that are known filled in."""
        x = torch.zeros(self.known.shape, dtype=torch.float64)
        if self.known.shown is not None:
            x.copy_(self.known.shown[i])
        x[self.coded] = torch.from_numpy(levels).double() / (self.n_levels - 1)
        return x.unsqueeze(0)

    def levels(self, x: Tensor) -> Levels:
        """Return the levels of the pixels of one image (C, H, W) that are coded.

        Raises:
            NotApplicableError: It has other values than the model's levels.
        """
        steps = x[self.coded].double() * (self.n_levels - 1)
        levels = steps.round().clamp(0, self.n_levels - 1)
        if not bool(((steps - levels).abs() < 1e-3).all()):
            raise NotApplicableError(f"the images have other values than {self.n_levels} levels")
        found: Levels = levels.long().numpy()
        return found


class PixelMasses(Scheme):
    """Pixels that are independent, or are so given the shown ones."""

    name = "masses of pixels"

    def push(self, stack: Stack, levels: Levels, i: int) -> None:
        """Code image i, pixel by pixel."""
        push_pixels(stack, self._bounds(i), levels)

    def pop(self, stack: Stack, i: int) -> Levels:
        """Take image i from the stack."""
        return pop_pixels(stack, self._bounds(i))

    def _bounds(self, i: int) -> NDArray[np.int64]:
        if isinstance(self.model, ConditionsOnPixels):
            return self._of(self.known.view(self.model, i))
        return self._of_all

    @cached_property
    def _of_all(self) -> NDArray[np.int64]:
        return self._of(self.model)

    def _of(self, view: Any) -> NDArray[np.int64]:
        masses = masses_of(view.distribution(), self.n_levels)
        return whole(masses.reshape(-1, self.n_levels))


class ConditionalMasses(Scheme):
    """Each pixel by its mass given the pixels before it, which the receiver has by then."""

    name = "masses of pixels given those before"

    def push(self, stack: Stack, levels: Levels, i: int) -> None:
        """Code image i, pixel by pixel."""
        image, bounds = self._image(i), []
        for level in levels.tolist():
            bounds.append(self._bounds(image))
            self._put(image, level)
        push_pixels(stack, np.stack(bounds), levels)

    def pop(self, stack: Stack, i: int) -> Levels:
        """Take image i from the stack."""
        image, levels = self._image(i), []
        for _ in range(int(self.coded.sum())):
            levels.append(pop_level(stack, self._bounds(image).tolist()))
            self._put(image, levels[-1])
        return np.array(levels, dtype=np.int64)

    def _image(self, i: int) -> Any:
        """Return image i, of which no pixel is known yet."""
        return self.known.view(self.model, i).pixel_by_pixel(1)

    def _bounds(self, image: Any) -> NDArray[np.int64]:
        masses = masses_of(as_event(image.next(), 1), self.n_levels)
        return whole(masses.reshape(self.n_levels))

    def _put(self, image: Any, level: int) -> None:
        x = level / (self.n_levels - 1)
        image.put(torch.full((1, 1, 1, 1), x, dtype=torch.float64))


class MixtureMasses(Scheme):
    """One categorical latent, summed out: each pixel by its mass given the pixels before."""

    name = "masses of a mixture"

    def __init__(self, model: Any, known: Known, n_levels: int) -> None:
        super().__init__(model, known, n_levels)
        prior = prior_of(model)
        z = prior.enumerate_support(expand=False)  # (K, K)
        self.weights = prior.log_prob(z).double().exp().numpy()  # (K,)
        masses = masses_of(as_event(model.observation_model(z), 1), n_levels)
        self.by_pixel: Masses = np.ascontiguousarray(masses.swapaxes(0, 1))  # (pixel, K, level)

    def push(self, stack: Stack, levels: Levels, i: int) -> None:
        """Code image i, pixel by pixel."""
        weights, bounds = self.weights, []
        for of_level, level in zip(self.by_pixel, levels.tolist(), strict=True):
            bounds.append(whole(_mixed(weights, of_level)))
            weights = _updated(weights, of_level[:, level])
        push_pixels(stack, np.stack(bounds), levels)

    def pop(self, stack: Stack, i: int) -> Levels:
        """Take image i from the stack."""
        weights, levels = self.weights, []
        for of_level in self.by_pixel:
            levels.append(pop_level(stack, whole(_mixed(weights, of_level)).tolist()))
            weights = _updated(weights, of_level[:, levels[-1]])
        return np.array(levels, dtype=np.int64)


def _mixed(weights: Masses, of_level: Masses) -> Masses:
    """Return the mass of each level, (n_levels,), added up in an order that is always the same."""
    mixed: Masses = (weights[:, None] * of_level).sum(axis=0)
    return mixed


def _updated(weights: Masses, likelihood: Masses) -> Masses:
    """Return p(k given the pixels so far) from that without the last one, and its mass under k."""
    joint = weights * likelihood
    total = joint.sum()
    return joint / total if total > 0 else weights


class BitsBack(Scheme):
    """A continuous latent: z is taken from the stack by q(z given x), then x and z are coded.

    The receiver finds z and x and puts the bits that gave z back on the stack. An image costs
    log q(z given x) - log p(z) - log p(x given z), on average over z the negative ELBO.

    References:
        Hinton and van Camp 1993; Frey 1997; Townsend, Bird, Barber 2019.
    """

    name = "bits back"
    is_exact = False

    def push(self, stack: Stack, levels: Levels, i: int) -> None:
        """Code image i."""
        view = self.known.view(self.model, i)
        prior = self._prior(view)
        n = len(prior.shift)
        bins = latents.pop(stack, self._posterior(view, prior, levels, i), latents.turns_of(i, n))
        push_pixels(stack, self._bounds(view, prior, bins), levels)
        latents.push(stack, prior, [0] * n, [bins[d] for d in prior.order])

    def pop(self, stack: Stack, i: int) -> Levels:
        """Take image i from the stack."""
        view = self.known.view(self.model, i)
        prior = self._prior(view)
        n = len(prior.shift)
        coded = dict(zip(prior.order, latents.pop(stack, prior, [0] * n), strict=True))
        bins = [coded[d] for d in range(n)]
        levels = pop_pixels(stack, self._bounds(view, prior, bins))
        posterior = self._posterior(view, prior, levels, i)
        latents.push(stack, posterior, latents.turns_of(i, n), bins)
        return levels

    def _prior(self, view: Variational) -> Prior:
        return self._of_all if view is self.model else binned(prior_of(view))

    @cached_property
    def _of_all(self) -> Prior:
        return binned(prior_of(self.model))

    def _posterior(self, view: Variational, prior: Prior, levels: Levels, i: int) -> latents.Latent:
        return posterior_in_bins(posterior_of(view, self.image(levels, i)), prior)

    def _bounds(self, view: Variational, prior: Prior, bins: list[int]) -> NDArray[np.int64]:
        z = torch.from_numpy(prior.shift + prior.stretch * latents.values(bins)).unsqueeze(0)
        masses = masses_of(as_event(view.observation_model(z), 1), self.n_levels)
        return whole(masses.reshape(-1, self.n_levels))


def scheme_of(model: Any, known: Known) -> Scheme:
    """Return the scheme that codes images by a model, which is copied to float64.

    Raises:
        NotApplicableError: There is none; says why.
    """
    model = deepcopy(model)
    if isinstance(model, nn.Module):
        model.double().eval()
    view = known.view(model, 0)
    if callable(getattr(view, "distribution", None)):
        return PixelMasses(model, known, n_levels_of(view.distribution()))
    if isinstance(view, GoesPixelByPixel):
        return ConditionalMasses(model, known, n_levels_of(view.pixel_by_pixel(1).next()))
    if not isinstance(view, Variational):
        raise NotApplicableError("it states neither masses of pixels nor a posterior of latents")
    p = prior_of(view)
    n_levels = n_levels_of(
        view.observation_model(torch.zeros(1, *p.event_shape, dtype=torch.float64))
    )
    if isinstance(p, OneHotCategorical) and view is model:
        return MixtureMasses(model, known, n_levels)
    binned(p)
    return BitsBack(model, known, n_levels)
