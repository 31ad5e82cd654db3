"""One run from specification to sealed folder: build, train, evaluate, store; each step once."""

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

import pandas as pd
import torch
from torch import Tensor, nn

from genbench.core.errors import ConfigError
from genbench.core.files import write_atomic
from genbench.core.objective import Batch
from genbench.core.seeding import Stream, seeded
from genbench.data import Dataset
from genbench.data.protocol import SplitName
from genbench.evaluation.pictures import collect_pictures
from genbench.evaluation.runner import Outcome, Row, Task, evaluate_model
from genbench.evaluation.spec import Context
from genbench.recipes import Built, DataFacts, recipes
from genbench.runs import store
from genbench.runs.assume import Assume, fit_assumption, shell
from genbench.runs.provenance import provenance
from genbench.runs.record import RunRecord, describe, empty_rows, protocol_of
from genbench.runs.spec import RunSpec
from genbench.runs.store import RunFolder
from genbench.training.checkpoint import read_weights, weights_of, write_weights
from genbench.training.loop import DivergedError, fit
from genbench.training.threads import fitting_threads, forward_flops

SPLIT: SplitName = "test"
ROW = {field.name for field in fields(Row)}
NEEDED = (store.SPEC, store.METRICS)


def build(spec: RunSpec, dataset: Dataset) -> Built:
    """Build the run's model, initialised from its seed, on the CPU.

    Raises:
        ConfigError: The options do not fit the data, or the observation model does not.
    """
    mean_image = dataset.held_out("train").x.mean(dim=0).cpu()
    facts = DataFacts(dataset.image_shape, dataset.n_classes, mean_image)
    options = spec.recipe_options()
    with seeded(spec.seed, "init"):
        try:
            built = recipes[spec.recipe].build(facts, options, spec.train)
        except ConfigError as error:
            raise ConfigError(f"model.{spec.name}.{error}") from error
    if built.observation and built.observation.domain == "binary" and dataset.domain != "binary":
        raise ConfigError(
            f"model.{spec.name}.observation: '{built.observation_name}' needs pixels in {{0, 1}}; "
            f"set data.binarisation to threshold, static or dynamic (now "
            f"'{spec.data.binarisation}')"
        )
    if spec.assume:
        _check_assumption(spec, spec.assume, dataset, built)
    return built


def _check_assumption(spec: RunSpec, assume: Assume, dataset: Dataset, built: Built) -> None:
    if built.observation:
        raise ConfigError(f"model.{spec.name}.assume: '{spec.recipe}' has a likelihood of its own")
    if built.closed_form:
        raise ConfigError(f"model.{spec.name}.assume: '{spec.recipe}' has no decoder to build on")
    if dataset.domain == "binary":
        raise ConfigError(
            f"model.{spec.name}.assume: Gaussian noise needs grey pixels; "
            "set data.binarisation to none and data.dequantisation to uniform"
        )
    try:
        shell(built.model, assume, dataset.image_shape)
    except ConfigError as error:
        raise ConfigError(f"model.{spec.name}.{error}") from error


def execute(
    spec: RunSpec, dataset: Dataset, folder: RunFolder, tasks: Sequence[Task], device: torch.device
) -> RunRecord:
    """Do what is missing of a run and return its record.

    A run that is sealed and evaluated is only read. A diverged run is a result: it is stored with
    the step, and not repeated.

    Raises:
        StorageError: Results cannot be written.
    """
    found = read_stored(spec, dataset, folder, tasks)
    if found:
        found.cached = True
        return found
    built = build(spec, dataset)
    record = RunRecord(spec, folder.train_id, "", description=describe(spec, dataset, built))
    with fitting_threads(_step_flops(spec, dataset, built)):
        metrics = _work(spec, dataset, folder, tasks, device, built, record)
    return _fill(record, dataset, folder, metrics, tasks)


def _step_flops(spec: RunSpec, dataset: Dataset, built: Built) -> float:
    """Count the operations of a training step; a fit in closed form deserves all threads."""
    if built.closed_form:
        return math.inf
    n = min(spec.train.batch_size, dataset.size("train"))
    x, y = dataset.held_out("train")
    model = copy.deepcopy(built.model)  # counting runs the model, and batch statistics would move
    return forward_flops(model, built.updates, Batch(x[:n].cpu(), y[:n].cpu()))


def read_stored(
    spec: RunSpec, dataset: Dataset, folder: RunFolder, tasks: Sequence[Task]
) -> RunRecord | None:
    """Return the record of a run if it is stored, intact, with all that is asked; else None."""
    metrics = _stored(folder)
    keys = {f"{SPLIT}/{task.key}" for task in tasks}
    if not metrics or not folder.intact(store.PROVENANCE, *folder.listed()):
        return None
    if metrics["status"] == "ok" and not keys <= metrics["evaluations"].keys():
        return None
    description = folder.read(store.SPEC)["description"]
    record = RunRecord(spec, folder.train_id, "", description=description)
    return _fill(record, dataset, folder, metrics, tasks)


def _stored(folder: RunFolder) -> dict[str, Any] | None:
    """Return the metrics of a run whose training is stored whole, or None.

    Without the values behind the numbers the metrics count as not evaluated; so do rows of an
    older version, which lack a column.
    """
    trained = folder.listed() & {*NEEDED, store.MODEL, store.LAST_MODEL, store.HISTORY}
    if not folder.intact(*NEEDED, *trained):
        return None
    metrics: dict[str, Any] = folder.read(store.METRICS)
    if metrics["status"] != "ok":
        return metrics
    if not folder.intact(store.PER_DATUM):
        metrics["evaluations"] = {}
    found = metrics["evaluations"].items()
    metrics["evaluations"] = {
        k: rows for k, rows in found if all(row.keys() >= ROW for row in rows)
    }
    return metrics if store.MODEL in trained else None


def _work(
    spec: RunSpec,
    dataset: Dataset,
    folder: RunFolder,
    tasks: Sequence[Task],
    device: torch.device,
    built: Built,
    record: RunRecord,
) -> dict[str, Any]:
    metrics, measured = _stored(folder), _past_times(folder)
    folder.write(store.SPEC, spec.identity(dataset.digest) | {"description": record.description})
    model = built.model.to(device)
    if metrics and metrics["status"] == "ok":
        if spec.assume:
            model = shell(model, spec.assume, dataset.image_shape).to(device)
        model.load_state_dict(read_weights(folder / store.MODEL))
    else:
        (folder / store.MANIFEST).unlink(missing_ok=True)  # nothing of an older training is reused
        metrics = _train(spec, dataset, folder, built, model)
        measured = {"train_seconds": metrics.pop("seconds", None)}
        if spec.assume and metrics["status"] == "ok":
            model = _assume(spec, spec.assume, dataset, folder, model, metrics).to(device)
    if metrics["status"] == "ok":
        started = time.perf_counter()
        _evaluate(spec, dataset, folder, tasks, model, metrics)
        seconds = time.perf_counter() - started + measured.get("evaluate_seconds", 0.0)
        measured["evaluate_seconds"] = round(seconds, 3)
    folder.write(store.METRICS, metrics)
    folder.write(store.PROVENANCE, provenance(device, **measured))
    folder.seal(drop_checkpoint=metrics["status"] == "ok")  # else the last good one stays
    return metrics


def _past_times(folder: RunFolder) -> dict[str, float]:
    """Return the seconds that an intact, sealed run has recorded so far."""
    if not folder.intact(store.MODEL, store.PROVENANCE):
        return {}
    recorded = folder.read(store.PROVENANCE)
    return {k: recorded[k] for k in ("train_seconds", "evaluate_seconds") if k in recorded}


def _train(
    spec: RunSpec, dataset: Dataset, folder: RunFolder, built: Built, model: nn.Module
) -> dict[str, Any]:
    outcome: dict[str, Any] = {"status": "ok", "reason": "", "evaluations": {}}
    if spec.assume and (trained := _trained_base(spec, dataset, folder, model)):
        return outcome | trained
    if built.closed_form:
        started = time.perf_counter()
        with seeded(spec.seed, "closed_form"):
            built.closed_form(dataset.held_out(built.closed_form_split).x)
        write_weights(folder / store.MODEL, weights_of(model))
        return outcome | {"seconds": round(time.perf_counter() - started, 3)}
    try:
        result = fit(
            model,
            built.updates,
            dataset,
            spec.train,
            Stream(spec.seed, ("train",)),
            folder / store.CHECKPOINT,
            f"{spec.name} (seed {spec.seed})",
        )
    except DivergedError as error:
        return outcome | {"status": "diverged", "reason": str(error)}
    chosen = result.best if spec.train.select == "best" else result.last
    model.load_state_dict(chosen)
    history = pd.DataFrame(result.history).to_csv(index=False, lineterminator="\n")
    write_atomic(folder / store.HISTORY, history)
    write_weights(folder / store.LAST_MODEL, result.last)
    write_weights(folder / store.MODEL, chosen)
    selected = result.best_epoch if spec.train.select == "best" else spec.train.epochs
    return outcome | {"selected_epoch": selected, "seconds": round(result.seconds, 3)}


def _trained_base(
    spec: RunSpec, dataset: Dataset, folder: RunFolder, model: nn.Module
) -> dict[str, Any] | None:
    """Load the weights of the same training without the assumption, where it is stored whole."""
    base = folder.sibling(spec.base.train_id(dataset.digest))
    found = _stored(base)
    if not found or found["status"] != "ok":
        return None
    model.load_state_dict(read_weights(base / store.MODEL))
    if store.HISTORY in base.listed():
        write_atomic(folder / store.HISTORY, (base / store.HISTORY).read_text())
    return {"selected_epoch": found.get("selected_epoch")} | _times(base)


def _times(folder: RunFolder) -> dict[str, float]:
    seconds = _past_times(folder).get("train_seconds")
    return {} if seconds is None else {"seconds": seconds}


def _assume(
    spec: RunSpec,
    assume: Assume,
    dataset: Dataset,
    folder: RunFolder,
    model: nn.Module,
    metrics: dict[str, Any],
) -> nn.Module:
    found = fit_assumption(model, assume, dataset, Stream(spec.seed, ("assume",)))
    metrics["fitted"] = found.told
    write_weights(folder / store.MODEL, weights_of(found.model))
    return found.model


def _evaluate(
    spec: RunSpec,
    dataset: Dataset,
    folder: RunFolder,
    tasks: Sequence[Task],
    model: nn.Module,
    metrics: dict[str, Any],
) -> None:
    wanted = [task for task in tasks if f"{SPLIT}/{task.key}" not in metrics["evaluations"]]
    x, y = dataset.held_out(SPLIT)
    context = Context(
        model,
        Stream(spec.seed, ("evaluate", SPLIT)),
        validation=dataset.held_out("validation").x,
        n_levels=dataset.n_levels if spec.data.dequantisation == "uniform" else None,
        log_py=_log_frequencies(dataset),
    )
    label = f"{spec.name} (seed {spec.seed}) evaluate"
    outcomes = evaluate_model(x, y, wanted, context, label)
    for task, outcome in zip(wanted, outcomes, strict=True):
        rows = [asdict(row) for row in outcome.rows]
        metrics["evaluations"][f"{SPLIT}/{task.key}"] = rows
    _write_per_datum(folder, wanted, outcomes)
    if not folder.intact(store.FIGURES):
        pictures = collect_pictures(model, dataset, Stream(spec.seed, ("pictures",)))
        write_weights(folder / store.FIGURES, pictures)


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


def _fill(
    record: RunRecord,
    dataset: Dataset,
    folder: RunFolder,
    metrics: dict[str, Any],
    tasks: Sequence[Task],
) -> RunRecord:
    record.protocol = protocol_of(dataset, record.description)
    record.status, record.reason = metrics["status"], metrics["reason"]
    record.fitted = metrics.get("fitted", {})
    record.provenance = folder.read(store.PROVENANCE)
    record.description = record.description | {"selected_epoch": metrics.get("selected_epoch")}
    for task in tasks:
        rows = metrics["evaluations"].get(f"{SPLIT}/{task.key}")
        record.rows += rows if rows is not None else empty_rows(task, record)
    return record
