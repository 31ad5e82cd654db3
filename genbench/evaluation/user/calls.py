"""A call of each method that a model has, on a few data."""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor

from genbench.core.estimate import UnusableError

N_DATA = 8
"""How many data methods are tried on."""


def calls_of(view: Any, x: Tensor) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield each method of a model, or of its view given a condition, with a call of it.

    Each call of one method has the same arguments. Codes have two leading dimensions, as those of
    several draws per datum have.
    """

    @cache
    def z() -> Tensor:
        draws: Tensor
        if hasattr(view, "prior"):
            draws = view.prior().sample(torch.Size((2, len(x))))
        elif hasattr(view, "posterior"):
            draws = view.posterior(x).sample(torch.Size((2,)))
        else:
            raise UnusableError("prior()", "is not there")
        return draws

    @cache
    def code() -> Tensor:
        encoded: Tensor = view.encode(x)
        return encoded

    calls: dict[str, Callable[[], Any]] = {
        "prior": lambda: view.prior(),
        "posterior": lambda: view.posterior(x),
        "observation_model": lambda: view.observation_model(z()),
        "encode": lambda: view.encode(x),
        "decode": lambda: view.decode(code() if hasattr(view, "encode") else z()),
        "sample": lambda: view.sample(len(x)),
        "log_prob": lambda: view.log_prob(x),
        "elbo_draws": lambda: view.elbo_draws(x, 2),
        "critic": lambda: view.critic(x),
    }
    return ((name, call) for name, call in calls.items() if hasattr(view, name))


def conditions_of(
    model: Any, x: Tensor, y: Tensor | None
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the methods that bind a condition, with a call of each that can be made."""
    if hasattr(model, "hidden"):
        yield "hidden", lambda: model.hidden()
    if hasattr(model, "given_pixels"):
        yield "given_pixels", lambda: model.given_pixels(x)
    if hasattr(model, "given") and y is not None:
        yield "given", lambda: model.given(y)
