"""Evaluates a trained run: its metrics, their per-datum values, and its figures."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from torch import Tensor

from genbench.core.protocol import Protocol, SplitName
from genbench.core.seeding import Stream
from genbench.evaluation.figures import collect_figures
from genbench.evaluation.on_dataset import context_on
from genbench.evaluation.runner import evaluate_model
from genbench.results import run_folder
from genbench.results.run_folder import RunFolder
from genbench.runs.read_run import (
    EvaluationRequest,
    key_of,
    made_figures,
    missing_tasks,
    stored_values,
)
from genbench.runs.spec import Run
from genbench.training.checkpoint import read_weights, write_weights


def evaluate_run(
    run: Run,
    request: EvaluationRequest,
    model: Any,
    metrics: dict[str, Any],
    protocol: Protocol,
) -> None:
    """Add the missing evaluations to ``metrics``; store their per-datum values and the figures."""
    spec, dataset, folder, split = run.spec, run.dataset, run.folder, request.split
    tasks = missing_tasks(folder, metrics, request, protocol)
    x, y = dataset.held_out(split)
    context = context_on(dataset, model, spec.seed, split, folder.features)
    outcomes = evaluate_model(x, y, tasks, context, f"{spec.label} evaluate")
    keys = {task.key: key_of(task, protocol, split) for task in request.tasks}
    values: dict[str, Tensor] = {}
    for task, outcome in zip(tasks, outcomes, strict=True):
        metrics["evaluations"][f"{split}/{task.key}"] = [asdict(row) for row in outcome.rows]
        if outcome.per_datum is not None:  # one that does not apply may share another's key
            values[keys[task.key]] = outcome.per_datum
    _write_per_datum(folder, keys, values, split)
    present = made_figures(folder, metrics)
    if lacking := [name for name in request.figures if name not in present]:
        new = collect_figures(model, dataset, Stream(spec.seed, ("pictures",)), lacking, split)
        kept = read_weights(folder / run_folder.FIGURES) if present else {}
        write_weights(folder / run_folder.FIGURES, kept | new)
        metrics["figures"] = [*present, *lacking]


def _write_per_datum(
    folder: RunFolder, keys: Mapping[str, str], new: Mapping[str, Tensor], split: SplitName
) -> None:
    """Store the values behind each mean, so that models can be compared per datum.

    Older versions stored them under the evaluation's own key; ``keys`` maps each to today's.
    """
    path = folder / run_folder.PER_DATUM
    stored = read_weights(path) if stored_values(folder) else {}
    today = {f"{split}/{task_key}": key for task_key, key in keys.items()}
    values = {today.get(key, key): tensor for key, tensor in stored.items()}
    values |= {key: tensor.contiguous() for key, tensor in new.items()}
    write_weights(path, values)
