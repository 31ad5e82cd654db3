"""Finds out what a user's methods do besides returning a value: noise of their own, seeds."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

from genbench.core.capabilities import bind
from genbench.core.estimate import UnusableError
from genbench.core.seeding import Stream
from genbench.evaluation.user.boundary import BATCH_NORM, CALLS, Adapted
from genbench.evaluation.user.calls import N_DATA, calls_of
from genbench.evaluation.user.distributions import close, parameters_of
from genbench.evaluation.user.fitting import UNUSABLE
from genbench.evaluation.user.subject import Subject

PER_DATUM = ("posterior", "encode", "log_prob")
"""Methods whose values for a datum must not depend on the others."""
DRAWING = ("sample", "elbo_draws")
"""Methods that draw: their values follow the seed."""


@torch.no_grad()
def note_habits(subject: Subject, stream: Stream, *, sampler: bool = False) -> None:
    """Call methods of an adapted model again and remark on what differs or sets a seed.

    Args:
        subject: The model and the data, a few of which are used.
        stream: Of the calls' randomness.
        sampler: Call ``sample`` too, which may hand out stored images that are then gone.
    """
    model = subject.model
    if not isinstance(model, Adapted):
        return
    with suppress(*UNUSABLE):
        x, y = subject.x[:N_DATA], None if subject.y is None else subject.y[:N_DATA]
        view = bind(model, y, x)
        for name, call in calls_of(view, x):
            if name != "sample" or sampler:
                with suppress(*UNUSABLE):
                    _note(model, name, call, stream.child("habits", name))
        for name in PER_DATUM:
            with suppress(*UNUSABLE), stream.child("habits", name).seeded():
                _note_neighbours(model, name, getattr(view, name, None), x)


def _note_neighbours(model: Adapted, name: str, method: Any, x: Tensor) -> None:
    """Remark if what a method returns for a datum depends on the others, or fails without them."""
    known = model.facts.remarks.get(name, ())
    if method is None or any("call to call" in text for text in known):
        return
    x = x if len(x) > 1 else x.repeat(2, *[1] * (x.ndim - 1))
    whole = dict(parameters_of(method(x), name))
    if _differ(whole, method, x, name, model.facts.rounding):
        text = "of a datum depends on the others: is batch norm in training mode?"
        model.facts.remark(name, f"{CALLS[name]} {text}")


def _differ(whole: dict[str, Tensor], method: Any, x: Tensor, name: str, rounding: float) -> bool:
    """Return whether half of the data do not get what they got among all of them."""
    half = len(x) // 2
    try:
        part = dict(parameters_of(method(x[:half]), name))
    except UnusableError as error:  # a view has the labels of all of them
        return error.found == BATCH_NORM
    pairs = ((whole[key], values) for key, values in part.items())
    return any(len(a) == len(x) and not close(a[:half], b, rounding) for a, b in pairs)


def _note(model: Adapted, name: str, call: Callable[[], Any], stream: Stream) -> None:
    facts, text = model.facts, CALLS[name]
    (first, second), (state, other) = _twice(name, call, stream)
    if torch.equal(state, other):
        facts.reseeds.add(name)
        facts.remark(name, f"{text} sets torch's seed")
    if not _equal(first, second):
        cause = "its noise is not torch's" if name in DRAWING else "is dropout still on?"
        facts.remark(name, f"{text} differs from call to call: {cause}")


def _twice(
    name: str, call: Callable[[], Any], stream: Stream
) -> tuple[tuple[Any, Any], tuple[Tensor, Tensor]]:
    """Return the values of two calls, and the generator's states after calls from two seeds.

    Those that draw are called twice from one seed, since their values should follow it; the others
    one after the other.
    """
    with stream.seeded():
        first = call()
        state = torch.get_rng_state()
        second = None if name in DRAWING else call()
    with stream.child("again").seeded():
        call()
        other = torch.get_rng_state()
    if name in DRAWING:
        with stream.seeded():
            second = call()
    return (first, second), (state, other)


def _equal(first: Any, second: Any) -> bool:
    pairs = zip(parameters_of(first), parameters_of(second), strict=False)
    return all(torch.equal(a, b) for (_, a), (_, b) in pairs)
