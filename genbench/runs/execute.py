"""One run from specification to sealed folder: build, train, evaluate, store; each step once."""

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
from genbench.training.loop import DivergedError, FitResult, fit
from genbench.training.threads import fitting_threads, float32_products, forward_flops

Measured = dict[str, Any]


@dataclass(frozen=True)
class Trained:
    """What became of a run in a training of many; no outcome where it has to be trained alone.

    ``told`` goes into the provenance.
    """

    outcome: FitResult | DivergedError | None = None
    told: Measured = field(default_factory=dict)


def execute(
    spec: RunSpec,
    dataset: Dataset,
    folder: RunFolder,
    wanted: EvaluationRequest,
    device: torch.device,
    trained: Trained | None = None,
) -> RunRecord:
    """Do what is missing of a run and return its record.

    A run that is sealed and evaluated is only read. A diverged run is a result: it is stored with
    the step, and not repeated.

    Args:
        spec: What is asked for.
        dataset: Its data.
        folder: Where it is stored.
        wanted: Its evaluations and figures.
        device: Where it runs.
        trained: Its training, where that was done together with others.

    Raises:
        StorageError: Results cannot be written.
    """
    found = read_run(spec, dataset, folder, wanted)
    if found:
        found.cached = True
        return found
    built = build(spec, dataset)
    record = RunRecord(spec, folder.train_id, description=describe(spec, dataset, built))
    with fitting_threads(step_flops(spec, dataset, built)):
        run = _Run(spec, dataset, folder, device, built, trained or Trained())
        metrics = run.work(wanted, record.description)
    return fill(record, dataset, folder, metrics, wanted.tasks)


def step_flops(spec: RunSpec, dataset: Dataset, built: Built) -> float:
    """Count the operations of a training step; a fit in closed form deserves all threads."""
    if built.closed_form:
        return math.inf
    n = min(spec.train.batch_size, dataset.size("train"))
    x, y = dataset.held_out("train")
    model = copy.deepcopy(built.model)  # counting runs the model, and batch statistics would move
    batch = Batch(x[:n].cpu(), y[:n].cpu(), indices=torch.arange(n))
    return forward_flops(model, built.updates, batch)


def start_over(folder: RunFolder) -> None:
    """Break the seal before a training, so that nothing of an older one is reused."""
    folder.break_seal()


@dataclass(frozen=True)
class _Run:
    """A run whose model is built."""

    spec: RunSpec
    dataset: Dataset
    folder: RunFolder
    device: torch.device
    built: Built
    trained: Trained

    def work(self, wanted: EvaluationRequest, description: dict[str, Any]) -> dict[str, Any]:
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
            start_over(folder)
            metrics, measured = self._train(model)
            if spec.assume and metrics["status"] == "ok":
                model = self._assume(spec.assume, model, metrics).to(self.device)
        if metrics["status"] == "ok":
            started = time.perf_counter()
            with float32_products():
                evaluate_run(spec, dataset, folder, wanted, model, metrics, protocol)
            seconds = time.perf_counter() - started + measured.get("evaluate_seconds", 0.0)
            measured["evaluate_seconds"] = round(seconds, 3)
        folder.write(run_folder.METRICS, metrics)
        folder.write(run_folder.PROVENANCE, provenance(self.device, **measured))
        folder.seal(drop_checkpoint=metrics["status"] == "ok")  # else the last good one stays
        return metrics

    def _train(self, model: nn.Module) -> tuple[dict[str, Any], Measured]:
        """Train the model; return the metrics so far, and what was measured."""
        started: dict[str, Any] = {"status": "ok", "reason": "", "evaluations": {}}
        found = trained_base(self.spec, self.dataset, self.folder) if self.spec.assume else None
        if found:
            return started | {"selected_epoch": self._take(found, model)}, _of_training(found)
        if self.built.closed_form:
            return started, {"train_seconds": self._fit_closed_form(model)}
        outcome = self.trained.outcome or self._fit(model)
        if isinstance(outcome, DivergedError):
            told = {"train_seconds": None, **self.trained.told}
            return started | {"status": "diverged", "reason": str(outcome)}, told
        told = {"train_seconds": round(outcome.seconds, 3), **self.trained.told}
        return started | {"selected_epoch": self._store(outcome, model)}, told

    def _take(self, base: RunFolder, model: nn.Module) -> int | None:
        """Load a finished training of the same model; return the selected epoch."""
        model.load_state_dict(read_weights(base / run_folder.MODEL))
        if run_folder.HISTORY in base.listed():
            write_atomic(self.folder / run_folder.HISTORY, (base / run_folder.HISTORY).read_text())
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
            return fit(
                model,
                self.built.updates,
                self.dataset,
                self.spec.train,
                Stream(self.spec.seed, ("train",)),
                self.folder / run_folder.CHECKPOINT,
                f"{self.spec.name} (seed {self.spec.seed})",
            )
        except DivergedError as error:
            return error

    def _store(self, result: FitResult, model: nn.Module) -> int:
        """Keep the chosen weights, in the model too; return the selected epoch."""
        best = self.spec.train.select == "best"
        chosen = result.best if best else result.last
        model.load_state_dict(chosen)
        history = pd.DataFrame(result.history).to_csv(index=False, lineterminator="\n")
        write_atomic(self.folder / run_folder.HISTORY, history)
        write_weights(self.folder / run_folder.LAST_MODEL, result.last)
        write_weights(self.folder / run_folder.MODEL, chosen)
        return result.best_epoch if best else self.spec.train.epochs

    def _assume(self, assume: Assume, model: nn.Module, metrics: dict[str, Any]) -> nn.Module:
        stream = Stream(self.spec.seed, ("assume",))
        found = fit_assumption(model, assume, self.dataset, stream)
        metrics["fitted"] = found.told
        write_weights(self.folder / run_folder.MODEL, weights_of(found.model))
        return found.model


def trained_base(spec: RunSpec, dataset: Dataset, folder: RunFolder) -> RunFolder | None:
    """Return where the same training without the assumption is stored whole, if it is."""
    base = folder.sibling(spec.base.train_id(dataset.digest))
    found = stored_metrics(base)
    return base if found and found["status"] == "ok" else None


def _of_training(base: RunFolder) -> Measured:
    """Return what was measured of a training, its evaluation aside."""
    measured = {"train_seconds": None, **past_measurements(base)}
    return {k: v for k, v in measured.items() if k != "evaluate_seconds"}
