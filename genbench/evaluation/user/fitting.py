"""Checks, before any evaluator runs, that data are what a model is defined on."""

from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from genbench.core.capabilities import Conditions, ConditionsOnPixels, Generative, bind
from genbench.core.errors import ConfigError
from genbench.core.estimate import NotApplicableError, UnusableError
from genbench.core.seeding import Stream
from genbench.core.tensors import as_event, support_of
from genbench.evaluation.user.boundary import Adapted
from genbench.evaluation.user.distributions import Arranged, family
from genbench.evaluation.user.layout import check_layout, same_order
from genbench.evaluation.user.subject import Subject
from genbench.inference.bounds import prior_of

UNUSABLE = (UnusableError, NotApplicableError, RuntimeError, MemoryError)
"""What a model may raise here; evaluators raise it again, into their rows."""


def check_data(subject: Subject, stream: Stream) -> str:
    """Check that p(x given z) is defined at x, and return its measure if the model states one.

    What is wrong with the model itself is left to its rows.

    Args:
        subject: The model and the data.
        stream: Randomness for one draw of the latent.

    Returns:
        ``mass``, ``density`` or empty.

    Raises:
        ConfigError: x has another layout or size than the model's images, lies outside the support
            of the observation model, or holds whole numbers where it takes others.
    """
    model, x = subject.model, subject.x
    whole = not subject.data.x.is_floating_point()
    if isinstance(model, ConditionsOnPixels):
        with suppress(*UNUSABLE):
            check_layout(x.shape[1:], model.hidden().shape)
    with stream.child("support").seeded(), torch.no_grad():
        p = _observation_model(model, x, subject.y)
    support = None if p is None else support_of(p)
    discrete = bool(getattr(support, "is_discrete", False))
    known = support is not None or not hasattr(model, "observation_model")
    if whole and known and not discrete and float(x.max()) > 1:
        raise ConfigError(
            f"x holds whole numbers up to {x.max():g}: pass x / {_top(x):g} if the model takes"
            " values in [0, 1], or x.float() if it takes these"
        )
    if p is None or support is None:
        return ""
    event = p.base.event_shape if isinstance(p, Arranged) else p.event_shape
    if not bool(support.check(x.reshape(len(x), *event)).all()):
        of_pixel = getattr(support, "base_constraint", support)
        named = subject.data.dataset is not None
        fix = _presented(of_pixel) if named else _scaled(x, of_pixel)
        low, high = float(x.min()), float(x.max())
        raise ConfigError(
            f"x, from {low:g} to {high:g}, lies outside the support of the observation model"
            f" {type(family(p)).__name__} ({of_pixel}): {fix}"
        )
    return "mass" if discrete else "density"


def _observation_model(model: Any, x: Tensor, y: Tensor | None) -> Distribution | None:
    """Return p(x given z) of one draw of z, None where the model has none or it is unusable."""
    with suppress(*UNUSABLE):
        view = bind(model, None if y is None else y[:1], x[:1])
        if isinstance(view, Conditions) or not isinstance(view, Generative):
            return None
        prior = prior_of(view)
        z = prior.sample(torch.Size((1,)))
        _check_layout(view, x, z)
        return as_event(view.observation_model(z), 1)
    return None


def _check_layout(view: Any, x: Tensor, z: Tensor) -> None:
    """Check that x and the model's images have one layout; own models take any of its size."""
    adapted = isinstance(view, Adapted)
    p = view.call("observation_model", z) if adapted else view.observation_model(z)
    if not isinstance(p, Distribution):
        return
    of_data, of_model = x.shape[1:], as_event(p, 1).event_shape
    if same_order(of_data, of_model):
        return
    if of_data.numel() != of_model.numel() and _encodes(view, x):
        return  # the decoder does not fit the encoder
    check_layout(of_data, of_model)


def _encodes(view: Any, x: Tensor) -> bool:
    with suppress(*UNUSABLE):
        return bool(view.posterior(x[:1])) if hasattr(view, "posterior") else False
    return False


def _presented(of_pixel: Any) -> str:
    """Say which pixels of a named data set lie inside a support."""
    if getattr(of_pixel, "is_discrete", False):
        upper = getattr(of_pixel, "upper_bound", 1)
        binary = 'binarisation="dynamic" gives binary pixels'
        return binary if upper == 1 else f"its pixels are in [0, 1], so take (x * {upper}).round()"
    return "its pixels are in [0, 1]"


def _scaled(x: Tensor, of_pixel: Any) -> str:
    """Say how x may get inside a support."""
    low, high, top = float(x.min()), float(x.max()), _top(x)
    unit = f"x / {top:g}" if high > 1 else "(x + 1) / 2" if low < 0 else "x"
    if getattr(of_pixel, "is_discrete", False) and getattr(of_pixel, "upper_bound", 1) > 1:
        n = of_pixel.upper_bound
        way = "x.round()" if high > 1 else f"({unit} * {n}).round()"
        return f"pass {'whole levels' if high > 1 else 'levels'}, {way}"
    if getattr(of_pixel, "is_discrete", False):
        return f"binarise it, as by ({unit} >= 0.5).float()"
    return f"scale it, as by {unit}" if unit != "x" else "scale it first"


def _top(x: Tensor) -> float:
    """Return the largest number that x could hold: 255 where it looks like bytes."""
    high = float(x.max())
    return 255.0 if 127 < high <= 255 else high
