"""Runs evaluators on a model: eval mode, blocks, seeds, labels, reduction; failures become rows."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

import genbench.evaluation.annealing
import genbench.evaluation.decomposition
import genbench.evaluation.extrapolation
import genbench.evaluation.importance
import genbench.evaluation.inference_gap
import genbench.evaluation.label_sum
import genbench.evaluation.latent
import genbench.evaluation.likelihood
import genbench.evaluation.prior
import genbench.evaluation.reconstruction
import genbench.evaluation.sample_neighbours
import genbench.evaluation.sample_quality
import genbench.evaluation.samples  # noqa: F401  the imports register the evaluators
from genbench.core.capabilities import Conditions, ConditionsOnPixels, bind
from genbench.core.estimate import (
    Estimate,
    NonFiniteError,
    NotApplicableError,
    UnusableError,
    mean_and_stderr,
)
from genbench.core.held import modules_in
from genbench.core.memory import return_freed_memory
from genbench.core.progress import progress
from genbench.core.seeding import Stream
from genbench.core.statistics import evenly_spaced
from genbench.evaluation.collection import NO_ERROR, Collected, MonteCarloError
from genbench.evaluation.of_samples import evaluate_samples, let_go
from genbench.evaluation.reasons import errors_as_reasons, require_capability
from genbench.evaluation.spec import Block, Context
from genbench.evaluation.spec import evaluators as evaluators
from genbench.evaluation.task import Row as Row
from genbench.evaluation.task import Task as Task
from genbench.evaluation.task import TaskResult as TaskResult
from genbench.evaluation.task import make_task as make_task
from genbench.training.precision import products_in

DEFAULT_METRICS = (
    "elbo",
    "iw_log_likelihood",
    "log_likelihood",
    "reconstruction_mse",
    "reconstruction_log_prob",
    "kl",
    "kl_per_dim",
    "active_units",
    "bits_per_dim",
)
"""Evaluated if a suite names no metrics."""
DATA_BLOCK = 100
"""Data per noise address and per pass: fixed, so no number depends on a batch size."""
DEVICE_DATA_BLOCK = 1000
"""The same on an accelerator, where the number of calls dominates the cost."""
DEVICE_BLOCK_NUMBERS = 2**20
"""Numbers in such a block: it holds fewer large images, but no fewer than on a CPU."""


@torch.no_grad()
@products_in("float32")
def evaluate_model(
    x: Tensor,
    y: Tensor | None,
    tasks: Sequence[Task],
    context: Context,
    description: str = "evaluate",
    *,
    size: int | None = None,
) -> list[TaskResult]:
    """Run every task on all of ``x``; return one result per task, in order.

    A task that does not apply or fails says so in its rows and does not affect the others. Results
    do not depend on the order of the tasks, on other tasks, or on how many data follow a datum:
    the last block is padded with copies of its last datum, which are then dropped. A task with the
    option ``n_data`` or ``n_compared`` sees that many data, evenly spaced over all. An evaluator of
    samples sees the images that the model generates, at most as many as there are data.

    Args:
        x: Data (N, ...).
        y: Labels (N,), for conditional models.
        tasks: What to evaluate.
        context: The model, and what is known besides the data. Each block of data and each
            evaluator has its own stream below ``context.stream``.
        description: Label of the progress bar.
        size: Data per pass, for numbers that no suite stores; by default :func:`block_size`.
    """
    of_data = [task for task in tasks if task.evaluator.of == "data"]
    of_samples = [task for task in tasks if task.evaluator.of == "samples"]
    size = size or block_size(x.device, x[:1].numel())
    with eval_mode(context.model):
        on_data = iter(_evaluate_data(of_data, context, x, y, description, size))
        return_freed_memory()
        on_samples = iter(evaluate_samples(of_samples, context, x))
    let_go(context)
    return [next(on_samples if task.evaluator.of == "samples" else on_data) for task in tasks]


def _evaluate_data(
    tasks: Sequence[Task],
    context: Context,
    x: Tensor,
    y: Tensor | None,
    description: str,
    size: int,
) -> list[TaskResult]:
    """Run evaluators of data, block by block; what is collected of each datum ends here."""
    results = [(task, _start(task, context.model, y)) for task in tasks]
    groups = {task.n_of(len(x)): None for task in tasks}
    blocks = [(n, start) for n in groups for start in range(0, n, size)]
    for n, start in progress(blocks, description, "block"):
        rows = _spaced(len(x), n, start, size).to(x.device)
        stream = context.stream.child("block", start // size)
        block = Block(context.model, x[rows], stream, context, None if y is None else y[rows])
        group = [result for result in results if result[0].n_of(len(x)) == n]
        _bind(block, group)
        _evaluate_block(block, group, n - start)
    return [_finish(*result, context.stream) for result in results]


def block_size(device: torch.device, n_pixels: int) -> int:
    """Return how many data are evaluated at once; the numbers in a datum limit it on a device."""
    if device.type == "cpu":
        return DATA_BLOCK
    affordable = DEVICE_BLOCK_NUMBERS // max(1, n_pixels)
    return max(DATA_BLOCK, min(DEVICE_DATA_BLOCK, affordable))


def _spaced(n_all: int, n: int, start: int, size: int) -> Tensor:
    """Return the rows of one block of ``n`` data, evenly spaced over all, padded with the last.

    A set smaller than one block is not padded.
    """
    size = size if n == n_all else min(size, n)
    place = torch.arange(start, start + size).clamp(max=n - 1)
    return torch.from_numpy(evenly_spaced(n_all, n))[place]


@contextmanager
def eval_mode(model: Any) -> Iterator[None]:
    """Put every module that ``model`` is or holds in eval mode; restore their modes afterwards."""
    modules = modules_in(model)
    modes = [module.training for module in modules]
    try:
        for module in modules:
            module.training = False
        yield
    finally:
        for module, training in zip(modules, modes, strict=True):
            module.training = training


def _start(task: Task, model: Any, y: Tensor | None) -> Collected:
    collected, is_marginal = Collected(), task.evaluator.is_marginal
    if is_marginal or not isinstance(model, Conditions | ConditionsOnPixels):
        require_capability(task, model, collected)
    elif isinstance(model, Conditions) and y is None:
        collected.stop("not_applicable", "the model is conditional and needs labels y")
    return collected


def _bind(block: Block, results: Sequence[tuple[Task, Collected]]) -> None:
    """Bind the block's condition; if that fails, so do the tasks that need it."""
    need_it = [c for task, c in results if not task.evaluator.is_marginal and c.status == "ok"]
    with errors_as_reasons(need_it):
        block.model = bind(block.model, block.y, block.x)


def _evaluate_block(block: Block, results: Sequence[tuple[Task, Collected]], n_left: int) -> None:
    for task, collected in results:
        if collected.status == "ok" and not task.evaluator.is_marginal:
            require_capability(task, block.model, collected)
        if collected.status == "ok":
            with errors_as_reasons([collected]):
                collected.add(task.evaluator.values(block, task.options), n_left)


def _finish(task: Task, collected: Collected, stream: Stream) -> TaskResult:
    evaluator = task.evaluator
    if collected.status == "not_applicable" and evaluator.is_marginal:
        return TaskResult([])
    if collected.status != "ok":
        return TaskResult([_row(task, evaluator.metric, collected)])
    values = collected.values()
    if not evaluator.reduce:  # means are cheap: one transfer instead of one for each number
        values = values.cpu()
    try:
        estimates = _reduce(task, values, collected.parts, stream)
    except (NonFiniteError, NotApplicableError, UnusableError) as error:
        lacks = isinstance(error, NotApplicableError)
        collected.stop("not_applicable" if lacks else "failed", str(error))
        return TaskResult([_row(task, evaluator.metric, collected)])
    errors = collected.errors(len(estimates))
    if collected.by_draw is not None:
        pairs = zip(estimates.items(), errors, strict=True)
        estimates = {metric: _with_shared_error(e, error) for (metric, e), error in pairs}
    rows = [
        _row(task, metric, collected, estimate, error)
        for (metric, estimate), error in zip(estimates.items(), errors, strict=True)
    ]
    kept = values.ndim == 1 or (evaluator.record.parts and not evaluator.reduce)
    return TaskResult(rows, values.cpu() if kept else None)


def _reduce(
    task: Task, values: Tensor, parts: tuple[str, ...] | None, stream: Stream
) -> dict[str, Estimate]:
    """Return the estimate of each row, by metric."""
    evaluator = task.evaluator
    estimates: Estimate | dict[str, Estimate]
    if evaluator.reduce:
        estimates = evaluator.reduced(values, task.options, stream)
    elif evaluator.record.parts:
        columns = values.double().unbind(dim=1)
        names = parts or tuple(str(i) for i in range(len(columns)))
        estimates = {n: mean_and_stderr(c) for n, c in zip(names, columns, strict=True)}
    else:
        estimates = mean_and_stderr(values)
    if isinstance(estimates, Estimate):
        return {evaluator.metric: estimates}
    return {f"{evaluator.metric}[{part}]": estimate for part, estimate in estimates.items()}


def _with_shared_error(estimate: Estimate, error: MonteCarloError) -> Estimate:
    """Add the error of draws that all data share: the spread over data does not show it."""
    if estimate.stderr is None or error.stderr is None:
        return replace(estimate, stderr=None)
    return replace(estimate, stderr=math.hypot(estimate.stderr, error.stderr))


def _row(
    task: Task,
    metric: str,
    collected: Collected,
    estimate: Estimate | None = None,
    error: MonteCarloError = NO_ERROR,
) -> Row:
    return task.row(
        metric,
        collected.status,
        kind=collected.kind or task.evaluator.record.kind,
        **(vars(estimate) if estimate else {}),
        reason="; ".join(filter(None, (collected.remark, error.absence))),
        mc_stderr=error.stderr,
        health=collected.health() if estimate else {},
    )
