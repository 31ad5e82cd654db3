"""Executes one run: build, train, evaluate, store in a sealed folder; each step once."""

import copy
import time
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import torch
from torch import nn

from genbench.core.devices import evaluation_device
from genbench.core.errors import StorageError
from genbench.core.files import write_atomic
from genbench.core.seeding import Stream, seeded
from genbench.recipes import Built
from genbench.results import run_folder
from genbench.results.facts import TRAINING
from genbench.results.run_folder import RunFolder
from genbench.runs.assume import Assume, fit_assumption, shell
from genbench.runs.build import build
from genbench.runs.evaluating import evaluate_run
from genbench.runs.provenance import provenance
from genbench.runs.read_run import (
    EvaluationRequest,
    past_measurements,
    read_run,
    record_of,
    stored_metrics,
)
from genbench.runs.record import RunRecord, describe, protocol_of
from genbench.runs.same_fit import remember_fit, same_fit
from genbench.runs.spec import Run
from genbench.training.checkpoint import read_weights, weights_of, write_weights
from genbench.training.loop import DivergedError, FitResult, Loop, fit
from genbench.training.precision import products_in, used_precision


@dataclass(frozen=True)
class JointOutcome:
    """How joint training ended for one run; without ``fit`` the run must be trained alone.

    ``provenance`` is recorded with the run.
    """

    fit: FitResult | DivergedError | None = None
    provenance: dict[str, Any] = field(default_factory=dict)


def execute(
    run: Run, request: EvaluationRequest, device: torch.device, joint: JointOutcome | None = None
) -> RunRecord:
    """Execute what is missing of a run and return its record.

    A run that is sealed and evaluated is only read. A diverged run is a result: it is stored with
    the step at which it diverged, and not repeated.

    Args:
        run: The run.
        request: Its evaluations and figures.
        device: Where it is trained; where it is evaluated follows from it.
        joint: Its training, if it was trained with others.

    Raises:
        StorageError: Results cannot be written.
    """
    if stored := read_run(run, request):
        stored.cached = True
        return stored
    built = build(run.spec, run.dataset)
    description = describe(run.spec, run.dataset, built)
    execution = _Execution(run, built, device, joint or JointOutcome())
    metrics = execution.complete(request, description)
    return record_of(run, description, metrics, request)


def loop_of(run: Run, built: Built, device: torch.device) -> Loop:
    """Return the training loop of a run whose model is built."""
    stream, checkpoint = Stream(run.spec.seed, ("train",)), run.folder / run_folder.CHECKPOINT
    model, data = built.model.to(device), run.dataset.on(device)
    return Loop(model, built.updates, data, run.spec.train, stream, checkpoint)


@dataclass(frozen=True)
class _Execution:
    """A run whose model is built, and the device that trains it."""

    run: Run
    built: Built
    device: torch.device
    joint: JointOutcome

    @property
    def home(self) -> torch.device:
        """Where everything but training happens."""
        return evaluation_device(self.device)

    def complete(self, request: EvaluationRequest, description: dict[str, Any]) -> dict[str, Any]:
        """Train and evaluate what is missing, seal the folder, and return the metrics."""
        spec, dataset, folder = self.run.spec, self.run.dataset, self.run.folder
        metrics, measured = stored_metrics(folder), past_measurements(folder)
        folder.write(run_folder.SPEC, spec.identity(dataset.digest) | {"description": description})
        model = self.built.model.to(self.home)
        done = metrics is not None and metrics["status"] == "ok"
        if metrics and done and (stored := self._stored(model)) is not None:
            model = stored
        else:
            folder.break_seal()  # nothing is reused from an older training
            metrics, measured = self._train(model)
            if spec.assume and metrics["status"] == "ok":
                model = self._assume(spec.assume, model, metrics).to(self.home)
        if metrics["status"] == "ok":
            started = time.perf_counter()
            with products_in("float32"):
                evaluate_run(self.run, request, model, metrics, protocol_of(dataset, description))
            seconds = time.perf_counter() - started + measured.get("evaluate_seconds", 0.0)
            measured["evaluate_seconds"] = round(seconds, 3)
        folder.write(run_folder.METRICS, metrics)
        folder.write(run_folder.PROVENANCE, provenance(self.device, **measured))
        folder.seal(drop_checkpoint=metrics["status"] == "ok")  # else the last good one stays
        return metrics

    def _stored(self, model: nn.Module) -> nn.Module | None:
        """Return the model with the stored weights; None where those are not of this model."""
        spec = self.run.spec
        if spec.assume:
            model = shell(model, spec.assume, self.run.dataset.image_shape).to(self.home)
        loaded = copy.deepcopy(model)  # its own first weights are needed to train it
        try:
            loaded.load_state_dict(read_weights(self.run.folder / run_folder.MODEL))
        except (StorageError, RuntimeError):
            return None
        return loaded

    def _train(self, model: nn.Module) -> tuple[dict[str, Any], dict[str, Any]]:
        """Train the model; return the metrics so far and the measurements."""
        metrics: dict[str, Any] = {"status": "ok", "reason": "", "evaluations": {}}
        if base := trained_base(self.run):
            measured = {"train_seconds": None} | past_measurements(base)
            measured.pop("evaluate_seconds", None)
            return metrics | self._copy(base, model), measured
        if self.built.closed_form:
            return metrics, {"train_seconds": self._fit_closed_form(model)}
        outcome = self.joint.fit or self._fit()
        used = used_precision(self.run.spec.train.precision, self.device)
        how = {"precision": used, **self.joint.provenance}
        if isinstance(outcome, DivergedError):
            diverged = {"status": "diverged", "reason": str(outcome)}
            return metrics | diverged, {"train_seconds": None, **how}
        measured = {"train_seconds": round(outcome.seconds, 3), **how}
        if outcome.not_recorded:
            measured["not_recorded"] = outcome.not_recorded
        return metrics | self._store(outcome, model), measured

    def _copy(self, base: RunFolder, model: nn.Module) -> dict[str, Any]:
        """Copy a finished training of the same model; return what it found."""
        model.load_state_dict(read_weights(base / run_folder.MODEL))
        if run_folder.HISTORY in base.listed():
            history = (base / run_folder.HISTORY).read_bytes()
            write_atomic(self.run.folder / run_folder.HISTORY, history)
        found: dict[str, Any] = base.read(run_folder.METRICS)
        return {key: found.get(key) for key in TRAINING}

    def _fit_closed_form(self, model: nn.Module) -> float | None:
        """Fit the model, or copy its fit from another seed; return the seconds that it took."""
        path, started = self.run.folder / run_folder.MODEL, time.perf_counter()
        if same := same_fit(self.run):
            model.load_state_dict(read_weights(same / run_folder.MODEL))
            write_weights(path, weights_of(model))
            return past_measurements(same).get("train_seconds")
        with seeded(self.run.spec.seed, "closed_form"):
            self.built.fit(self.run.dataset)
        write_weights(path, weights_of(model))
        remember_fit(self.run)
        return round(time.perf_counter() - started, 3)

    def _fit(self) -> FitResult | DivergedError:
        try:
            return fit(loop_of(self.run, self.built, self.device), self.run.spec.label)
        except DivergedError as error:
            return error
        finally:
            self.built.model.to(self.home)

    def _store(self, result: FitResult, model: nn.Module) -> dict[str, Any]:
        """Store the weights and the history, select the weights; return what training found."""
        folder, budget = self.run.folder, self.run.spec.train
        best = budget.select == "best"
        selected = result.best if best else result.last
        model.load_state_dict(selected)
        history = pd.DataFrame(result.history).to_csv(index=False, lineterminator="\n")
        write_atomic(folder / run_folder.HISTORY, history)
        write_weights(folder / run_folder.LAST_MODEL, result.last)
        write_weights(folder / run_folder.MODEL, selected)
        epoch = result.best_epoch if best else budget.epochs
        return dict(zip(TRAINING, (epoch, *(result.fall or (None, None))), strict=True))

    def _assume(self, assume: Assume, model: nn.Module, metrics: dict[str, Any]) -> nn.Module:
        stream = Stream(self.run.spec.seed, ("assume",))
        fitted = fit_assumption(model, assume, self.run.dataset, stream)
        metrics["fitted"] = fitted.summary
        write_weights(self.run.folder / run_folder.MODEL, weights_of(fitted.model))
        return fitted.model


def trained_base(run: Run) -> RunFolder | None:
    """Return the folder of the same training without the assumption, if it is complete."""
    if not run.spec.assume:
        return None
    base = run.folder.sibling(run.spec.base.train_id(run.dataset.digest))
    metrics = stored_metrics(base)
    return base if metrics and metrics["status"] == "ok" else None
