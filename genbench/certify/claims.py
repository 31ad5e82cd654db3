"""What a model claims about log p(x): the numbers of the evaluators, as a suite reports them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from genbench.certify.points import Points
from genbench.certify.worlds import World
from genbench.core.metric import Kind
from genbench.core.seeding import Stream
from genbench.evaluation.on_dataset import context_on
from genbench.evaluation.runner import Row, Task, evaluate_model, make_task
from genbench.evaluation.spec import Evaluator, evaluators

BITS = "bits/dim"
SMALL: dict[str, Any] = {
    "n_samples": 32,
    "n_chains": 2,
    "n_temperatures": 5,
    "n_leapfrog": 1,
    "n_data": None,
}
"""Options of evaluators in a small world; unbiased estimates are so with few draws as with many."""
OF_LENGTHS: dict[Kind, Kind] = {"upper_bound": "lower_bound", "lower_bound": "upper_bound"}
"""What log p(x) is, by what the code length is."""


class Likelihood(NamedTuple):
    """One claim about log p(x), made several times with noise of its own.

    Attributes:
        name: The metric, with its part.
        kind: What it claims to be of log p(x).
        is_tight: Whether it is the logarithm of an unbiased estimate of p(x), which must sum to 1.
        values: Claims in nats, (R, N).
    """

    name: str
    kind: Kind
    is_tight: bool
    values: Tensor


def claims_density(evaluator: Evaluator) -> bool:
    """Return whether each value of an evaluator is a claim about log p(x) of a datum."""
    record = evaluator.record
    is_claim = record.log_density and record.kind != "estimate" and record.role != "diagnostic"
    return is_claim and evaluator.keeps_values and not record.term


def small_task(name: str, **more: Any) -> Task:
    """Return an evaluator with options for a small world."""
    known = evaluators[name].options.model_fields
    return make_task(name, {k: v for k, v in (SMALL | more).items() if k in known})


def tasks_in(world: World) -> list[Task]:
    """Return the claims that are checked in a world: code lengths alone where levels have noise."""
    named = [name for name in evaluators if claims_density(evaluators[name])]
    if world.is_grid or world.n_noise > 1:
        wants_bits = world.n_noise > 1
        named = [n for n in named if (evaluators[n].record.unit == BITS) == wants_bits]
    return [small_task(name) for name in named]


def claims_of(
    model: Any, world: World, points: Points, tasks: Sequence[Task], n: int, stream: Stream
) -> Iterator[Likelihood | Row]:
    """Yield what a model claims at the points of a world, ``n`` times.

    A claim that fails yields its row, with the reason; one that does not apply yields nothing.
    """
    context = context_on(world.dataset, model, stream.seed)
    repeats = [
        evaluate_model(
            points.x,
            points.y,
            tasks,
            replace(context, stream=stream.child("repeat", i), cache={}),
            "certify",
            size=len(points.x),
        )
        for i in range(n)
    ]
    for task, results in zip(tasks, zip(*repeats, strict=True), strict=True):
        rows = results[0].rows
        if failed := [row for result in results for row in result.rows if row.status == "failed"]:
            yield failed[0]
        elif rows and rows[0].status == "ok":
            found = [result.per_datum for result in results if result.per_datum is not None]
            values = torch.stack(found).double()
            for row, column in zip(rows, _columns(values), strict=True):
                yield _likelihood(task, row, column, points)


def _columns(values: Tensor) -> tuple[Tensor, ...]:
    """Return the parts (R, N) of values (R, N) or (R, N, P)."""
    return values.unbind(dim=2) if values.ndim == 3 else (values,)


def _likelihood(task: Task, row: Row, values: Tensor, points: Points) -> Likelihood:
    record, kind = task.evaluator.record, cast(Kind, row.kind)
    name = task.evaluator.name + row.metric[len(task.evaluator.metric) :]
    if record.unit == BITS:
        in_nats = -values * points.n_summed * math.log(2)
        return Likelihood(name, OF_LENGTHS.get(kind, kind), False, in_nats)
    return Likelihood(name, kind, record.tightness > 1, values)
