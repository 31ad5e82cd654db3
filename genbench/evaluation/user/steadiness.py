"""Finds out what a user's methods do besides returning a value: noise of their own, seeds."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor

from genbench.core.capabilities import bind
from genbench.core.seeding import Stream
from genbench.evaluation.user.adapter import CALLS, Adapted
from genbench.evaluation.user.distributions import parameters_of
from genbench.evaluation.user.fitting import UNUSABLE

N_DATA = 4
"""How many data methods are tried on."""


@torch.no_grad()
def note_habits(model: Any, x: Tensor, y: Tensor | None, stream: Stream) -> None:
    """Call each method of an adapted model twice and remark on what differs or sets a seed."""
    if not isinstance(model, Adapted):
        return
    with suppress(*UNUSABLE):
        x, y = x[:N_DATA], None if y is None else y[:N_DATA]
        view = bind(model, y, x)
        for name, call in _calls(view, x).items():
            with suppress(*UNUSABLE):
                _note(model, name, call, stream.child("habits", name))


def _calls(view: Any, x: Tensor) -> dict[str, Callable[[], Any]]:
    """Return a call of each method on the same arguments."""
    arguments: dict[str, Callable[[], Any]] = {
        "posterior": lambda: view.posterior(x),
        "encode": lambda: view.encode(x),
        "log_prob": lambda: view.log_prob(x),
        "sample": lambda: view.sample(N_DATA),
    }
    with suppress(*UNUSABLE):
        if hasattr(view, "prior"):
            z = view.prior().sample(torch.Size((N_DATA,)))
            arguments["observation_model"] = lambda: view.observation_model(z)
    with suppress(*UNUSABLE):
        if hasattr(view, "encode"):
            code = view.encode(x)
            arguments["decode"] = lambda: view.decode(code)
    return {name: call for name, call in arguments.items() if hasattr(view, name)}


def _note(model: Adapted, name: str, call: Callable[[], Any], stream: Stream) -> None:
    facts, text = model.facts, CALLS[name]
    (first, second), (state, other) = _twice(name, call, stream)
    if torch.equal(state, other):
        facts.reseeds.add(name)
        facts.remark(name, f"{text} sets torch's seed")
    if not _equal(first, second):
        cause = "its noise is not torch's" if name == "sample" else "is dropout still on?"
        facts.remark(name, f"{text} differs from call to call: {cause}")


def _twice(
    name: str, call: Callable[[], Any], stream: Stream
) -> tuple[tuple[Any, Any], tuple[Tensor, Tensor]]:
    """Return the values of two calls, and the generator's states after calls from two seeds.

    ``sample`` is called twice from one seed, since its values should follow it; the others one
    after the other.
    """
    with stream.seeded():
        first = call()
        state = torch.get_rng_state()
        second = None if name == "sample" else call()
    with stream.child("again").seeded():
        call()
        other = torch.get_rng_state()
    if name == "sample":
        with stream.seeded():
            second = call()
    return (first, second), (state, other)


def _equal(first: Any, second: Any) -> bool:
    pairs = zip(parameters_of(first), parameters_of(second), strict=False)
    return all(torch.equal(a, b) for (_, a), (_, b) in pairs)
