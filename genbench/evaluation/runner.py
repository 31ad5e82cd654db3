"""Runs evaluators on a model: eval mode, blocks, seeds, labels, reduction, and honest failures."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

import genbench.evaluation.latent
import genbench.evaluation.likelihood
import genbench.evaluation.reconstruction  # noqa: F401  the imports register the evaluators
from genbench.core.capabilities import Conditions, bind, missing
from genbench.core.errors import ConfigError
from genbench.core.estimate import Estimate, NonFiniteError
from genbench.core.options import explain
from genbench.core.progress import progress
from genbench.core.seeding import Stream
from genbench.evaluation.spec import (
    Block,
    Evaluator,
    EvaluatorOptions,
    Kind,
    NotApplicableError,
    PerDatum,
    evaluators,
)

DATA_BLOCK = 100
"""Data per noise address and per pass: fixed, so that no number depends on a batch size."""


@dataclass(frozen=True)
class Task:
    """One evaluator with its options, by name."""

    evaluator: Evaluator
    options: EvaluatorOptions

    @property
    def key(self) -> str:
        """What an evaluation of one model and split is stored under."""
        return f"{self.evaluator.name}/v{self.evaluator.version}/{self.options.model_dump_json()}"


@dataclass(frozen=True)
class Row:
    """One number with all it needs to be read, or the reason why there is none."""

    metric: str
    status: str
    unit: str
    better: str
    kind: str
    evaluator_version: int
    options: dict[str, Any]
    value: float | None = None
    stderr: float | None = None
    n: int | None = None
    reason: str = ""


@dataclass
class Outcome:
    """The rows of one task, and per-datum values where they exist."""

    rows: list[Row]
    per_datum: Tensor | None = None


@dataclass
class _Collected:
    values: list[Tensor] = field(default_factory=list)
    kind: Kind | None = None
    remark: str = ""
    status: str = "ok"

    def add(self, piece: PerDatum, n_left: int) -> None:
        self.values.append(piece.values.detach()[:n_left])
        self.kind, self.remark = piece.kind, piece.remark

    def stop(self, status: str, reason: str) -> None:
        self.status, self.remark = status, reason


def make_task(name: str, options: Mapping[str, Any] | None = None) -> Task:
    """Look up an evaluator and check its options.

    Raises:
        ConfigError: Unknown name or option, with the nearest valid one.
    """
    found = evaluators[name]
    try:
        return Task(found, found.options.model_validate(dict(options or {})))
    except ValidationError as error:
        raise ConfigError(explain(error, f"evaluate.{name}", found.options)) from error


@torch.no_grad()
def evaluate_model(
    model: Any,
    x: Tensor,
    y: Tensor | None,
    tasks: Sequence[Task],
    stream: Stream,
    n_levels: int | None = None,
    description: str = "evaluate",
) -> list[Outcome]:
    """Run every task on all of ``x``; one outcome per task, in order.

    A task that does not apply or fails says so in its rows and leaves the others alone. Results do
    not depend on the order of the tasks, on which others run, or on how many data follow a datum:
    the last block is filled up with its last datum, whose copies are then left out.

    Args:
        model: Anything with the methods that the evaluators need.
        x: Data (N, ...).
        y: Labels (N,), for conditional models.
        tasks: What to evaluate.
        stream: Root of the noise; each block of data and each evaluator has its own below it.
        n_levels: Grey levels of dequantised data.
        description: What the progress bar says.
    """
    collected = [_start(task, model, y) for task in tasks]
    with _eval_mode(model):
        starts = range(0, len(x), DATA_BLOCK)
        for i, start in enumerate(progress(starts, description, "block")):
            rows = torch.arange(start, start + DATA_BLOCK, device=x.device).clamp(max=len(x) - 1)
            view = bind(model, None if y is None else y[rows])
            block = Block(view, x[rows], stream.child("block", i), n_levels)
            _evaluate_block(block, tasks, collected, len(x) - start)
    return [_finish(task, found) for task, found in zip(tasks, collected, strict=True)]


@contextmanager
def _eval_mode(model: Any) -> Iterator[None]:
    """Put a module, or those that an object holds, in eval mode; then each part back in its own."""
    held = [model] if isinstance(model, nn.Module) else getattr(model, "__dict__", {}).values()
    roots = [root for root in held if isinstance(root, nn.Module)]
    modules = [module for root in roots for module in root.modules()]
    modes = [module.training for module in modules]
    try:
        for root in roots:
            root.eval()
        yield
    finally:
        for module, training in zip(modules, modes, strict=True):
            module.training = training


def _start(task: Task, model: Any, y: Tensor | None) -> _Collected:
    found = _Collected()
    if isinstance(model, Conditions):
        if y is None:
            found.stop("not_applicable", "the model is conditional: labels y are needed")
        return found
    _require_capability(task, model, found)
    return found


def _require_capability(task: Task, model: Any, found: _Collected) -> None:
    """Stop the task where the model lacks every alternative that the evaluator needs."""
    lacking = [missing(model, need) for need in task.evaluator.needs]
    if all(lacking):
        fewest = min(lacking, key=lambda methods: len(methods))
        found.stop("not_applicable", f"the model has no {', '.join(fewest)}")


def _evaluate_block(
    block: Block, tasks: Sequence[Task], collected: Sequence[_Collected], n_left: int
) -> None:
    for task, found in zip(tasks, collected, strict=True):
        if found.status == "ok":
            _require_capability(task, block.model, found)
        if found.status != "ok":
            continue
        try:
            found.add(task.evaluator.function(block, task.options), n_left)
        except NotApplicableError as reason:
            found.stop("not_applicable", str(reason))
        except NotImplementedError as error:
            lacks = str(error) or "the mean, say"
            found.stop(
                "not_applicable", f"a distribution of the model lacks what it takes: {lacks}"
            )
        except (ArithmeticError, ValueError, RuntimeError) as error:
            found.stop("failed", f"{type(error).__name__}: {error}".splitlines()[0])


def _finish(task: Task, found: _Collected) -> Outcome:
    if found.status != "ok":
        return Outcome([_row(task, task.evaluator.name, found)])
    values = torch.cat(found.values)
    try:
        if task.evaluator.per_dimension:
            columns = values.double().unbind(dim=1)
            rows = [
                _row(task, f"{task.evaluator.name}[{i}]", found, task.evaluator.reduce(v, None))
                for i, v in enumerate(columns)
            ]
            return Outcome(rows, values.cpu())
        estimate = task.evaluator.reduce(values, task.options)
        per_datum = values.cpu() if values.ndim == 1 else None
        return Outcome([_row(task, task.evaluator.name, found, estimate)], per_datum)
    except NonFiniteError as error:
        found.stop("failed", str(error))
        return Outcome([_row(task, task.evaluator.name, found)])


def _row(task: Task, metric: str, found: _Collected, estimate: Estimate | None = None) -> Row:
    return Row(
        metric=metric,
        status=found.status,
        unit=task.evaluator.unit,
        better=task.evaluator.better,
        kind=found.kind or task.evaluator.kind,
        evaluator_version=task.evaluator.version,
        options=task.options.model_dump(mode="json"),
        value=estimate.value if estimate else None,
        stderr=estimate.stderr if estimate else None,
        n=estimate.n if estimate else None,
        reason=found.remark,
    )
