"""Executes one run: build, train, evaluate, store in a sealed folder; each step once."""

import copy
import math
import time
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import torch
from torch import nn

from genbench.core.files import write_atomic
from genbench.core.objective import Batch
from genbench.core.seeding import Stream, seeded
from genbench.data import Dataset
from genbench.recipes import Built
from genbench.results import run_folder
from genbench.results.run_folder import RunFolder
from genbench.runs.assume import Assume, fit_assumption, shell
from genbench.runs.build import build
from genbench.runs.evaluating import evaluate_run
from genbench.runs.provenance import provenance
from genbench.runs.read_run import (
    EvaluationRequest,
    fill,
    past_measurements,
    read_run,
    stored_metrics,
)
from genbench.runs.record import RunRecord, describe, protocol_of
from genbench.runs.spec import RunSpec
from genbench.training.checkpoint import read_weights, weights_of, write_weights
from genbench.training.loop import DivergedError, FitResult, Loop, fit
from genbench.training.threads import fitting_threads, float32_products, forward_flops

Measured = dict[str, Any]


@dataclass(frozen=True)
class JointOutcome:
    """How joint training ended for one run; no ``fit`` if the run has to be trained alone.

    ``provenance`` is recorded with the run.
    """

    fit: FitResult | DivergedError | None = None
    provenance: Measured = field(default_factory=dict)


def execute(
    spec: RunSpec,
    dataset: Dataset,
    folder: RunFolder,
    request: EvaluationRequest,
    device: torch.device,
    joint: JointOutcome | None = None,
) -> RunRecord:
    """Execute what is missing of a run and return its record.

    A run that is sealed and evaluated is only read. A diverged run is a result: it is stored with
    the step, and not repeated.

    Args:
        spec: The run.
        dataset: Its data.
        folder: Where it is stored.
        request: Its evaluations and figures.
        device: Where it runs.
        joint: Its training, if it was trained with others.

    Raises:
        StorageError: Results cannot be written.
    """
    if stored := read_run(spec, dataset, folder, request):
        stored.cached = True
        return stored
    built = build(spec, dataset)
    record = RunRecord(spec, folder.train_id, description=describe(spec, dataset, built))
    with fitting_threads(step_flops(spec, dataset, built)):
        run = _Run(spec, dataset, folder, device, built, joint or JointOutcome())
        metrics = run.execute(request, record.description)
    return fill(record, dataset, folder, metrics, request.tasks)


def step_flops(spec: RunSpec, dataset: Dataset, built: Built) -> float:
    """Count the operations of a training step; a closed form takes all threads."""
    if built.closed_form:
        return math.inf
    n = min(spec.train.batch_size, dataset.size("train"))
    x, y = dataset.held_out("train")
    model = copy.deepcopy(built.model)  # counting runs the model, and batch statistics would move
    batch = Batch(x[:n].cpu(), y[:n].cpu(), indices=torch.arange(n))
    return forward_flops(model, built.updates, batch)


@dataclass(frozen=True)
class _Run:
    """A run whose model is built."""

    spec: RunSpec
    dataset: Dataset
    folder: RunFolder
    device: torch.device
    built: Built
    joint: JointOutcome

    def execute(self, request: EvaluationRequest, description: dict[str, Any]) -> dict[str, Any]:
        """Train and evaluate what is missing, seal the folder, and return the metrics."""
        spec, dataset, folder = self.spec, self.dataset, self.folder
        metrics, measured = stored_metrics(folder), past_measurements(folder)
        protocol = protocol_of(dataset, description)
        folder.write(run_folder.SPEC, spec.identity(dataset.digest) | {"description": description})
        model = self.built.model.to(self.device)
        if metrics and metrics["status"] == "ok":
            if spec.assume:
                model = shell(model, spec.assume, dataset.image_shape).to(self.device)
            model.load_state_dict(read_weights(folder / run_folder.MODEL))
        else:
            folder.break_seal()  # nothing of an older training is reused
            metrics, measured = self._train(model)
            if spec.assume and metrics["status"] == "ok":
                model = self._assume(spec.assume, model, metrics).to(self.device)
        if metrics["status"] == "ok":
            started = time.perf_counter()
            with float32_products():
                evaluate_run(spec, dataset, folder, request, model, metrics, protocol)
            seconds = time.perf_counter() - started + measured.get("evaluate_seconds", 0.0)
            measured["evaluate_seconds"] = round(seconds, 3)
        folder.write(run_folder.METRICS, metrics)
        folder.write(run_folder.PROVENANCE, provenance(self.device, **measured))
        folder.seal(drop_checkpoint=metrics["status"] == "ok")  # else the last good one stays
        return metrics

    def _train(self, model: nn.Module) -> tuple[dict[str, Any], Measured]:
        """Train the model; return the metrics so far, and what was measured."""
        metrics: dict[str, Any] = {"status": "ok", "reason": "", "evaluations": {}}
        base = trained_base(self.spec, self.dataset, self.folder) if self.spec.assume else None
        if base:
            return metrics | {"selected_epoch": self._copy(base, model)}, _of_training(base)
        if self.built.closed_form:
            return metrics, {"train_seconds": self._fit_closed_form(model)}
        outcome = self.joint.fit or self._fit(model)
        if isinstance(outcome, DivergedError):
            measured = {"train_seconds": None, **self.joint.provenance}
            return metrics | {"status": "diverged", "reason": str(outcome)}, measured
        measured = {"train_seconds": round(outcome.seconds, 3), **self.joint.provenance}
        return metrics | {"selected_epoch": self._store(outcome, model)}, measured

    def _copy(self, base: RunFolder, model: nn.Module) -> int | None:
        """Take over a finished training of the same model; return the selected epoch."""
        model.load_state_dict(read_weights(base / run_folder.MODEL))
        if run_folder.HISTORY in base.listed():
            write_atomic(self.folder / run_folder.HISTORY, (base / run_folder.HISTORY).read_bytes())
        selected: int | None = base.read(run_folder.METRICS).get("selected_epoch")
        return selected

    def _fit_closed_form(self, model: nn.Module) -> float:
        assert self.built.closed_form is not None
        started = time.perf_counter()
        with seeded(self.spec.seed, "closed_form"):
            self.built.closed_form(self.dataset.held_out(self.built.closed_form_split).x)
        write_weights(self.folder / run_folder.MODEL, weights_of(model))
        return round(time.perf_counter() - started, 3)

    def _fit(self, model: nn.Module) -> FitResult | DivergedError:
        try:
            loop = Loop(
                model,
                self.built.updates,
                self.dataset,
                self.spec.train,
                Stream(self.spec.seed, ("train",)),
                self.folder / run_folder.CHECKPOINT,
            )
            return fit(loop, f"{self.spec.name} (seed {self.spec.seed})")
        except DivergedError as error:
            return error

    def _store(self, result: FitResult, model: nn.Module) -> int:
        """Store the weights and the history, select the weights; return the selected epoch."""
        best = self.spec.train.select == "best"
        selected = result.best if best else result.last
        model.load_state_dict(selected)
        history = pd.DataFrame(result.history).to_csv(index=False, lineterminator="\n")
        write_atomic(self.folder / run_folder.HISTORY, history)
        write_weights(self.folder / run_folder.LAST_MODEL, result.last)
        write_weights(self.folder / run_folder.MODEL, selected)
        return result.best_epoch if best else self.spec.train.epochs

    def _assume(self, assume: Assume, model: nn.Module, metrics: dict[str, Any]) -> nn.Module:
        stream = Stream(self.spec.seed, ("assume",))
        fitted = fit_assumption(model, assume, self.dataset, stream)
        metrics["fitted"] = fitted.summary
        write_weights(self.folder / run_folder.MODEL, weights_of(fitted.model))
        return fitted.model


def trained_base(spec: RunSpec, dataset: Dataset, folder: RunFolder) -> RunFolder | None:
    """Return the folder of the same training without the assumption, if it is stored whole."""
    base = folder.sibling(spec.base.train_id(dataset.digest))
    metrics = stored_metrics(base)
    return base if metrics and metrics["status"] == "ok" else None


def _of_training(base: RunFolder) -> Measured:
    """Return what was measured of a training, without its evaluation."""
    measured = {"train_seconds": None, **past_measurements(base)}
    return {k: v for k, v in measured.items() if k != "evaluate_seconds"}
