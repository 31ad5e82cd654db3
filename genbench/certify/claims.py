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
from genbench.evaluation.runner import Row, Task, TaskResult, evaluate_model, make_task
from genbench.evaluation.spec import Context, Evaluator, evaluators

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
    """Return whether an evaluator gives each datum a claim about log p(x)."""
    return evaluator.record.claims_likelihood and evaluator.keeps_values


def no_likelihoods() -> list[str]:
    """Return the evaluators that give nats and claim no likelihood: their sum need not be 1."""
    records = {name: evaluators[name].record for name in evaluators}
    return [name for name, r in records.items() if r.log_density and r.kind == "estimate"]


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
    """Yield what a model claims at the points of a world, ``n`` times with noise of its own.

    A claim that fails yields its row, with the reason; one that does not apply yields nothing.
    """
    context = replace(context_on(world.dataset, model, stream.seed), stream=stream)
    each = [task for task in tasks if task.evaluator.record.paired]
    shared = [task for task in tasks if not task.evaluator.record.paired]  # all data share draws
    results = [*_at_once(each, points, context, n), *_one_by_one(shared, points, context, n)]
    for task, result in zip([*each, *shared], results, strict=True):
        if failed := [row for row in result.rows if row.status == "failed"]:
            yield failed[0]
        elif result.per_datum is not None:
            columns = result.per_datum.double().reshape(n, len(points.x), -1).unbind(dim=2)
            for row, column in zip(result.rows, columns, strict=True):
                yield _likelihood(task, row, column, points)


def _at_once(tasks: Sequence[Task], points: Points, context: Context, n: int) -> list[TaskResult]:
    """Evaluate ``n`` copies of each point together, which draw for themselves."""
    x, y = points.x.repeat(n, 1, 1, 1), points.y.repeat(n)
    return evaluate_model(x, y, tasks, context, "certify", size=len(x))


def _one_by_one(
    tasks: Sequence[Task], points: Points, context: Context, n: int
) -> Iterator[TaskResult]:
    """Evaluate all points ``n`` times, each time with other draws."""
    streams = [context.stream.child("repeat", i) for i in range(n)]
    contexts = [replace(context, stream=stream, cache={}) for stream in streams]
    size = len(points.x)
    repeats = [
        evaluate_model(points.x, points.y, tasks, each, "certify", size=size) for each in contexts
    ]
    for results in zip(*repeats, strict=True):
        found = [result.per_datum for result in results if result.per_datum is not None]
        rows = [row for result in results for row in result.rows]
        rows.sort(key=lambda row: row.status != "failed")
        yield TaskResult(rows[:1], torch.cat(found) if len(found) == n else None)


def _likelihood(task: Task, row: Row, values: Tensor, points: Points) -> Likelihood:
    record, kind = task.evaluator.record, cast(Kind, row.kind)
    name = task.evaluator.name + row.metric[len(task.evaluator.metric) :]
    if record.unit == BITS:
        in_nats = -values * points.n_summed * math.log(2)
        return Likelihood(name, OF_LENGTHS.get(kind, kind), False, in_nats)
    is_tight = record.tightness > 1 and record.marginal_metric is None  # few draws of rare labels
    return Likelihood(name, kind, is_tight, values)
