"""What can be seen of a model that was trained elsewhere: likelihood, condition, weights."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, get_args

import torch

from genbench.core.capabilities import (
    Conditions,
    ConditionsOnPixels,
    DrawsElbo,
    HasExactDensity,
    bind,
)
from genbench.core.errors import ConfigError, require_known
from genbench.core.held import modules_in
from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.distributions.observation import Measure
from genbench.evaluation.on_dataset import SPLIT
from genbench.evaluation.user.distributions import family
from genbench.evaluation.user.fitting import UNUSABLE, check_data
from genbench.evaluation.user.steadiness import note_habits
from genbench.evaluation.user.subject import Subject, state_measure, subject_of
from genbench.inference.bounds import prior_of
from genbench.training.checkpoint import Weights, weights_of


@dataclass(frozen=True)
class Handed:
    """A model as it was handed over.

    Attributes:
        model: The user's object.
        subject: The same with checked methods, and the test data.
        note: The user's remark.
        measure: Of its likelihood; None where its observation model or the data tell.
    """

    model: Any
    subject: Subject
    note: str = ""
    measure: Measure | None = None


def hand_over(
    model: Any, dataset: Dataset, kind: str | None, note: str, measure: Measure | None
) -> Handed:
    """Return a model with its methods as evaluators expect them; nothing of it is called.

    Raises:
        ConfigError: It is no object with methods, or ``kind`` or ``measure`` is unknown.
    """
    if measure is not None:
        require_known(measure, get_args(Measure), "measure: unknown")
    subject = subject_of(model, *dataset.held_out(SPLIT), kind, {})
    state_measure(subject.model, measure, dataset.natural_measure)
    named = replace(subject, data=replace(subject.data, dataset=dataset))
    return Handed(model, named, note, measure)


def describe(handed: Handed, dataset: Dataset, stream: Stream) -> dict[str, Any]:
    """Return what tables state about the model beside its numbers; find out its habits.

    Raises:
        ConfigError: Its images have another shape than the data, the data lie outside the support
            of its observation model, or it is given part of each image, which no protocol can name.
    """
    subject, view = handed.subject, handed.subject.model
    if isinstance(view, ConditionsOnPixels):
        raise ConfigError(
            "model: it has given_pixels(x), but nothing says which pixels are shown, so its numbers"
            " have no protocol; make it a recipe instead"
        )
    seen = check_data(subject, stream)
    note_habits(subject, stream)
    measure = handed.measure or seen or dataset.natural_measure
    has_density = seen or _has_log_prob(subject)
    return {
        "about": f"Trained elsewhere. {handed.note}".strip(),
        "observation": _observation(subject, stream) if seen else "none",
        "measure": measure if has_density else "none",
        "comparable_measure": measure,
        "conditional": isinstance(view, Conditions),
        "n_parameters": _count(handed.model),
    }


def _bound(subject: Subject) -> Any:
    return bind(subject.model, None if subject.y is None else subject.y[:1])


def _has_log_prob(subject: Subject) -> bool:
    with suppress(*UNUSABLE):
        return isinstance(_bound(subject), HasExactDensity | DrawsElbo)
    return False


@torch.no_grad()
def _observation(subject: Subject, stream: Stream) -> str:
    """Return the name of p(x given z) of one pixel; its support was seen before."""
    with stream.child("observation").seeded():
        bound = _bound(subject)
        p = bound.observation_model(prior_of(bound).sample(torch.Size((1,))))
    return type(family(p)).__name__


def _count(model: Any) -> int | None:
    """Count the learned numbers of all modules that a model holds; None where there are none."""
    modules = modules_in(model)
    learned = {id(p): p.numel() for module in modules for p in module.parameters()}
    kept = {id(b): b.numel() for module in modules for b in module.buffers()}
    return sum((learned or kept).values()) or None


def weights_in(model: Any) -> Weights:
    """Copy the state of all modules that a model is or holds to the CPU.

    Names are those of the state of a single module; those of several are numbered.
    """
    modules = modules_in(model)
    inner = {id(part) for module in modules for part in module.modules() if part is not module}
    states = [weights_of(module) for module in modules if id(module) not in inner]
    if len(states) == 1:
        return states[0]
    return {
        f"{i}.{name}": tensor for i, state in enumerate(states) for name, tensor in state.items()
    }
