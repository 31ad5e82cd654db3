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
from genbench.core.tensors import as_event, innermost, support_of
from genbench.evaluation.user.boundary import Adapted
from genbench.evaluation.user.distributions import Arranged
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
            f"x holds whole numbers up to {x.max():g}: pass x / {x.max():g} if the model takes"
            " values in [0, 1], or x.float() if it takes these"
        )
    if p is None or support is None:
        return ""
    event = p.base.event_shape if isinstance(p, Arranged) else p.event_shape
    if not bool(support.check(x.reshape(len(x), *event)).all()):
        raise ConfigError(_outside(x, p, getattr(support, "base_constraint", support)))
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


def _outside(x: Tensor, p: Distribution, of_pixel: Any) -> str:
    """Say that x lies outside the support of p, and how it may get inside."""
    low, high = float(x.min()), float(x.max())
    unit = f"x / {high:g}" if high > 1 else "(x + 1) / 2" if low < 0 else "x"
    if getattr(of_pixel, "is_discrete", False) and getattr(of_pixel, "upper_bound", 1) > 1:
        n = of_pixel.upper_bound
        fix = "pass whole levels, x.round()" if high > 1 else f"pass levels, ({unit} * {n}).round()"
    elif getattr(of_pixel, "is_discrete", False):
        fix = f"binarise it, as by ({unit} >= 0.5).float()"
    else:
        fix = f"scale it, as by {unit}" if unit != "x" else "scale it first"
    return (
        f"x, from {low:g} to {high:g}, lies outside the support of the observation model"
        f" {type(innermost(p)).__name__} ({of_pixel}): {fix}"
    )
