"""Evaluates a trained run: its numbers, the values behind them, and its pictures."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor, nn

from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.evaluation.pictures import collect_pictures
from genbench.evaluation.runner import Outcome, Task, evaluate_model
from genbench.evaluation.spec import Context
from genbench.runs import store
from genbench.runs.spec import RunSpec
from genbench.runs.store import RunFolder
from genbench.runs.stored import SPLIT, Wanted, made_figures
from genbench.training.checkpoint import read_weights, write_weights


def evaluate(
    spec: RunSpec,
    dataset: Dataset,
    folder: RunFolder,
    wanted: Wanted,
    model: nn.Module,
    metrics: dict[str, Any],
) -> None:
    """Add what is missing of all that is wanted to ``metrics``, and store what stands behind it."""
    tasks = [task for task in wanted.tasks if f"{SPLIT}/{task.key}" not in metrics["evaluations"]]
    x, y = dataset.held_out(SPLIT)
    context = Context(
        model,
        Stream(spec.seed, ("evaluate", SPLIT)),
        validation=dataset.held_out("validation").x,
        n_levels=dataset.n_levels if spec.data.dequantisation == "uniform" else None,
        log_py=_log_frequencies(dataset),
    )
    label = f"{spec.name} (seed {spec.seed}) evaluate"
    outcomes = evaluate_model(x, y, tasks, context, label)
    for task, outcome in zip(tasks, outcomes, strict=True):
        rows = [asdict(row) for row in outcome.rows]
        metrics["evaluations"][f"{SPLIT}/{task.key}"] = rows
    _write_per_datum(folder, tasks, outcomes)
    made = made_figures(folder, metrics)
    if new := [name for name in wanted.figures if name not in made]:
        pictures = collect_pictures(model, dataset, Stream(spec.seed, ("pictures",)), new)
        kept = read_weights(folder / store.FIGURES) if made else {}
        write_weights(folder / store.FIGURES, kept | pictures)
        metrics["figures"] = [*made, *new]


def _log_frequencies(dataset: Dataset) -> Tensor:
    """Return log p(y) of the training labels, with one added to each count, (n_classes,)."""
    y = dataset.held_out("train").y
    counts = torch.bincount(y, minlength=dataset.n_classes).double() + 1
    return (counts / counts.sum()).log()


def _write_per_datum(folder: RunFolder, tasks: Sequence[Task], outcomes: Sequence[Outcome]) -> None:
    """Keep the values behind each mean, so that models can be compared datum by datum."""
    values: dict[str, Tensor] = {}
    if folder.intact(store.PER_DATUM):
        values = read_weights(folder / store.PER_DATUM)
    for task, outcome in zip(tasks, outcomes, strict=True):
        if outcome.per_datum is not None:
            values[f"{SPLIT}/{task.key}"] = outcome.per_datum.contiguous()
    write_weights(folder / store.PER_DATUM, values)
