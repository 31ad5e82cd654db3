"""Runs the evaluators of samples, each once for a model, on images that they share."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from torch import Tensor

from genbench.core.estimate import Estimate, NotApplicableError
from genbench.core.memory import return_freed_memory
from genbench.core.progress import progress
from genbench.evaluation.collection import Collected
from genbench.evaluation.drawing import view_of
from genbench.evaluation.generated import Generated, generated_of
from genbench.evaluation.reasons import errors_as_reasons, require_capability
from genbench.evaluation.spec import Context
from genbench.evaluation.task import Row, Task, TaskResult
from genbench.evaluation.values import Noted


def evaluate_samples(tasks: Sequence[Task], context: Context, x: Tensor) -> list[TaskResult]:
    """Evaluate images that a model generates; return one result per task, in order.

    The images stay in ``context.cache`` until :func:`let_go`.

    Args:
        tasks: Of evaluators of samples.
        context: The model, and how the training images are reached.
        x: Data (N, ...): no more images are generated than there are data, and of their shape.
    """
    results = []
    for task in progress(tasks, "samples", "metric") if tasks else ():
        results.append(_evaluate(task, context, x))
        return_freed_memory()
    return results


def let_go(context: Context) -> None:
    """Drop the images of a model; they know the context, a cycle that would keep them in memory."""
    context.cache.pop("generated", None)


def _evaluate(task: Task, context: Context, x: Tensor) -> TaskResult:
    collected, metric = Collected(), task.evaluator.metric
    with errors_as_reasons([collected]):
        _require_samples(task, context, collected)
        if collected.status == "ok":
            generated = generated_of(context, task.options, x)
            found = task.evaluator.of_samples(generated, task.options, context.stream)
            parts = {"": found} if isinstance(found, Estimate) else found
            rows = [_row(task, generated, part, estimate) for part, estimate in parts.items()]
            return TaskResult(rows)
    options, reason = _options(task, context), collected.remark
    return TaskResult([task.row(metric, collected.status, options=options, reason=reason)])


def _options(task: Task, context: Context) -> dict[str, Any]:
    """Return the options with the name of the feature space that is chosen, if one can be."""
    options = task.options.model_dump(mode="json")
    if "features" in options and context.reference is not None:
        with suppress(NotApplicableError):
            options |= {"features": context.reference(options["features"]).space.name}
    return options


def _require_samples(task: Task, context: Context, collected: Collected) -> None:
    """Stop the task if the model, or what it is for a label, draws no images."""
    with context.stream.child("samples", "labels").seeded():
        require_capability(task, view_of(context, 1), collected)


def _row(task: Task, generated: Generated, part: str, estimate: Estimate) -> Row:
    metric = f"{task.evaluator.metric}[{part}]" if part else task.evaluator.metric
    options = _options(task, generated.context)
    noted = estimate if isinstance(estimate, Noted) else Noted(*_numbers(estimate))
    reason = "; ".join(filter(None, (generated.remark, noted.remark)))
    known = dict(zip(("value", "stderr", "n"), _numbers(estimate), strict=True))
    return task.row(
        metric, "ok", options=options, reason=reason, health=dict(noted.health), **known
    )


def _numbers(estimate: Estimate) -> tuple[float, float | None, int]:
    return estimate.value, estimate.stderr, estimate.n
