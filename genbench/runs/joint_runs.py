"""Trains runs that differ only in seed and a few numbers as one computation."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch

from genbench.core.errors import GenbenchError, first_line
from genbench.core.files import canonical_json
from genbench.recipes import Built
from genbench.runs.build import build
from genbench.runs.execute import JointOutcome, loop_of, trained_base
from genbench.runs.read_run import stored_metrics
from genbench.runs.spec import Run, RunSpec
from genbench.training.joint.compatible import compatible_groups
from genbench.training.joint.loop import fit_together


def joint_groups(specs: Sequence[RunSpec]) -> list[tuple[RunSpec, ...]]:
    """Group runs that differ only in seed, learning rate and float options.

    Whether their models are compatible is checked once they are built.
    """
    groups: dict[str, list[RunSpec]] = {}
    for spec in specs:
        groups.setdefault(_form(spec), []).append(spec)
    return [tuple(group) for group in groups.values()]


def _form(spec: RunSpec) -> str:
    form = spec.identity("") | {"path": str(spec.data.path), "name": spec.data.name}
    form["options"] = {k: v for k, v in form["options"].items() if not isinstance(v, float)}
    del form["seed"], form["train"]["learning_rate"]
    return canonical_json(form)


def train_jointly(runs: Sequence[Run], device: torch.device) -> dict[str, JointOutcome]:
    """Train the runs that need it, compatible ones together.

    Returns:
        The outcomes by train_id; a run without one must be trained alone.

    Raises:
        StorageError: A checkpoint cannot be written.
    """
    if len(runs) < 2:
        return {}
    untrained = [run for run in runs if not (stored_metrics(run.folder) or trained_base(run))]
    waiting = {run.folder.train_id: run for run in untrained}
    if len(waiting) < 2:  # two names can refer to one run
        return {}
    with _alone_on_error(waiting) as outcomes:
        built = [build(run.spec, run.dataset) for run in waiting.values()]
        if not any(b.closed_form for b in built):
            outcomes |= _train(list(waiting.values()), built, device)
    return outcomes


@contextmanager
def _alone_on_error(train_ids: Iterable[str]) -> Iterator[dict[str, JointOutcome]]:
    """Yield outcomes to fill in; after an error they say why the runs are trained alone."""
    outcomes: dict[str, JointOutcome] = {}
    try:
        yield outcomes
    except GenbenchError:
        raise
    except (Exception, SystemExit) as error:  # noqa: BLE001  alone, each run reports what is wrong with it
        reason = first_line(error)
        outcomes |= {i: JointOutcome(provenance={"not_together": reason}) for i in train_ids}


def _train(
    runs: Sequence[Run], built: Sequence[Built], device: torch.device
) -> dict[str, JointOutcome]:
    for run in runs:
        run.folder.break_seal()
    loops = [loop_of(run, b, device) for run, b in zip(runs, built, strict=True)]
    outcomes: dict[str, JointOutcome] = {}
    for alike in compatible_groups(loops):
        n = len(alike)
        if n < 2:
            continue
        first, train_ids = runs[alike[0]], [runs[i].folder.train_id for i in alike]
        with _alone_on_error(train_ids) as joint:
            label = f"{first.spec.name} ({n} together)"
            fits = fit_together([loops[i] for i in alike], label)
            pairs = zip(train_ids, fits, strict=True)
            joint |= {i: JointOutcome(fit, {"trained_together": n}) for i, fit in pairs}
        outcomes |= joint
    return outcomes
