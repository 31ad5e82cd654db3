"""Evaluates a model that was trained elsewhere and stores it like any other run."""

import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from safetensors.torch import save

from genbench.core.devices import on_device
from genbench.core.errors import RunsFailedError, StorageError
from genbench.core.files import canonical_json, sha256_bytes, write_atomic
from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.evaluation.figure_source import Tensors
from genbench.evaluation.figures import collect_figures
from genbench.evaluation.on_dataset import SPLIT
from genbench.evaluation.runner import Row, Task, eval_mode
from genbench.evaluation.user.boundary import Adapted
from genbench.evaluation.user.fitting import UNUSABLE
from genbench.evaluation.user.remarks import with_remarks
from genbench.results import run_folder
from genbench.results.run_folder import RunFolder
from genbench.runs.elsewhere.describe import Handed, describe, weights_in
from genbench.runs.elsewhere.spec import ElsewhereSpec
from genbench.runs.evaluating import evaluate_run
from genbench.runs.provenance import provenance
from genbench.runs.read_run import EvaluationRequest
from genbench.runs.record import protocol_of
from genbench.runs.spec import Run
from genbench.training.checkpoint import write_weights
from genbench.training.precision import products_in

_MOST_REASONS = 8


@contextmanager
def evaluated(
    handed: Handed, spec: ElsewhereSpec, dataset: Dataset, request: EvaluationRequest, suite: Path
) -> Iterator[tuple[RunFolder, str]]:
    """Evaluate a model; yield a sealed folder, which is gone afterwards if not moved, and its id.

    Weights are copied before anything is called, since a call may change what the model holds.

    Args:
        handed: The model.
        spec: Its run.
        dataset: Where it is evaluated, on the device of its weights.
        request: Its evaluations and figures.
        suite: Folder of the suite.

    Raises:
        RunsFailedError: The model gave no number and no figure.
    """
    folder = RunFolder(suite, f".adding-{secrets.token_hex(6)}")
    folder.path.mkdir(parents=True)
    try:
        yield folder, _fill(Run(spec, dataset, folder), handed, request)
    finally:
        shutil.rmtree(folder.path, ignore_errors=True)


def move_in(folder: RunFolder, train_id: str, replaced: Sequence[RunFolder]) -> None:
    """Give an evaluated run its place, and remove those that it replaces.

    Raises:
        StorageError: It cannot be moved.
    """
    place = folder.sibling(train_id)
    try:
        if place.path.exists():  # the same model again
            shutil.rmtree(place.path)
        folder.path.rename(place.path)
        for old in replaced:
            if old.train_id != train_id:
                shutil.rmtree(old.path)
    except OSError as error:
        raise StorageError(f"cannot write {place.path}: {error.strerror or error}") from error


def _fill(run: Run, handed: Handed, request: EvaluationRequest) -> str:
    """Evaluate a model into the run's folder; return the train_id."""
    dataset, folder = run.dataset, run.folder
    weights, stream = weights_in(handed.model), Stream(run.spec.seed, ("elsewhere",))
    metrics: dict[str, Any] = {"status": "ok", "reason": "", "evaluations": {}}
    started = time.perf_counter()
    view = handed.subject.model
    device, float32 = dataset.labels.device, products_in("float32")
    with on_device(device), eval_mode(handed.model), float32, stream.seeded():
        description = describe(handed, dataset, stream)
        protocol = protocol_of(dataset, description)
        evaluate_run(run, replace(request, figures=()), view, metrics, protocol)
        figures = _figures(run, view, request.figures)
    _remark(run, view, request.tasks, metrics["evaluations"])
    seconds = round(time.perf_counter() - started, 3)
    _require_something(run.spec.name, metrics, figures)
    write_weights(folder / run_folder.FIGURES, figures)
    folder.write(run_folder.METRICS, metrics | {"figures": list(request.figures)})
    measured = provenance(device, evaluate_seconds=seconds)
    folder.write(run_folder.PROVENANCE, measured)
    content = save(weights) if weights else canonical_json(metrics["evaluations"]).encode()
    if weights:
        write_atomic(folder / run_folder.MODEL, content)
    digest = sha256_bytes(content)
    spec = ElsewhereSpec.of(run.spec.name, run.spec.data, run.spec.seed, digest)
    stated = {"description": description, "protocol": protocol.text}
    folder.write(run_folder.SPEC, spec.identity(dataset.digest) | stated)
    folder.seal()
    return spec.train_id(dataset.digest)


def _remark(run: Run, view: Any, tasks: Sequence[Task], evaluations: dict[str, Any]) -> None:
    """Add to the rows what must be said beside a number of a user's own model."""
    x = run.dataset.held_out(SPLIT).x
    for task in tasks if isinstance(view, Adapted) else ():
        key = f"{SPLIT}/{task.key}"
        rows = (with_remarks(Row(**row), task.evaluator, view, x) for row in evaluations[key])
        evaluations[key] = [asdict(row) for row in rows]


def _figures(run: Run, view: Any, names: Sequence[str]) -> Tensors:
    """Return the tensors of the figures that the model can make."""
    tensors: Tensors = {}
    for name in names:
        with suppress(*UNUSABLE, ArithmeticError, LookupError, RuntimeError, ValueError):
            tensors |= collect_figures(
                view, run.dataset, Stream(run.spec.seed, ("pictures",)), [name]
            )
    return tensors


def _require_something(name: str, metrics: dict[str, Any], figures: Tensors) -> None:
    rows = [row for rows in metrics["evaluations"].values() for row in rows]
    if figures or any(row["status"] == "ok" for row in rows):
        return
    metrics_of: dict[str, list[str]] = {}
    for row in rows:
        metrics_of.setdefault(row["reason"], []).append(row["metric"])
    lines = [f"  {', '.join(names)}: {reason}" for reason, names in metrics_of.items()]
    first = f"'{name}' gave no number, so nothing is stored (genbench.check_model says more):"
    raise RunsFailedError("\n".join([first, *lines[:_MOST_REASONS]]))
