"""Trains runs that differ only in seed and a few numbers as one computation."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch

from genbench.core.errors import GenbenchError
from genbench.core.files import canonical_json
from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.recipes import Built
from genbench.results import run_folder
from genbench.results.run_folder import RunFolder
from genbench.runs.build import build
from genbench.runs.execute import JointOutcome, step_flops, trained_base
from genbench.runs.read_run import stored_metrics
from genbench.runs.spec import RunSpec
from genbench.training.joint.compatible import compatible_groups
from genbench.training.joint.loop import fit_together
from genbench.training.loop import Loop
from genbench.training.threads import fitting_threads


def joint_groups(specs: Sequence[RunSpec]) -> list[tuple[RunSpec, ...]]:
    """Group runs that differ only in seed, learning rate and options that are floats.

    Whether their models are alike shows when they are built.
    """
    groups: dict[str, list[RunSpec]] = {}
    for spec in specs:
        groups.setdefault(_form(spec), []).append(spec)
    return [tuple(group) for group in groups.values()]


def _form(spec: RunSpec) -> str:
    options = spec.options.model_dump(mode="json")
    return canonical_json(
        {
            "recipe": spec.recipe,
            "options": {k: v for k, v in options.items() if not isinstance(v, float)},
            "data": spec.data.model_dump(mode="json"),
            "train": spec.train.model_dump(mode="json", exclude={"learning_rate"}),
            "assume": spec.assume and spec.assume.model_dump(mode="json"),
        }
    )


def train_jointly(
    specs: Sequence[RunSpec],
    dataset: Dataset,
    folders: Sequence[RunFolder],
    device: torch.device,
) -> dict[str, JointOutcome]:
    """Train the runs that need it, those that are alike together.

    Returns:
        The outcomes by train_id; a run without one is to be trained alone.

    Raises:
        StorageError: A checkpoint cannot be written.
    """
    waiting = {
        folder.train_id: (spec, folder)  # two names can be one run
        for spec, folder in zip(specs, folders, strict=True)
        if _needs_training(spec, dataset, folder)
    }
    if len(waiting) < 2:
        return {}
    with _alone_on_error(waiting) as outcomes:
        built = [build(spec, dataset) for spec, _ in waiting.values()]
        if not any(b.closed_form for b in built):
            outcomes |= _train(list(waiting.values()), built, dataset, device)
    return outcomes


def _needs_training(spec: RunSpec, dataset: Dataset, folder: RunFolder) -> bool:
    if stored_metrics(folder):
        return False
    return not (spec.assume and trained_base(spec, dataset, folder))


@contextmanager
def _alone_on_error(train_ids: Iterable[str]) -> Iterator[dict[str, JointOutcome]]:
    """Yield outcomes to fill in; after an error they state why the runs are trained alone."""
    outcomes: dict[str, JointOutcome] = {}
    try:
        yield outcomes
    except (GenbenchError, OSError):
        raise
    except Exception as error:  # noqa: BLE001  alone, each run reports what is wrong with it
        reason = (str(error) or type(error).__name__).splitlines()[0]
        outcomes |= {i: JointOutcome(provenance={"not_together": reason}) for i in train_ids}


def _train(
    waiting: Sequence[tuple[RunSpec, RunFolder]],
    built: Sequence[Built],
    dataset: Dataset,
    device: torch.device,
) -> dict[str, JointOutcome]:
    flops = step_flops(waiting[0][0], dataset, built[0])
    loops = [
        _loop(spec, folder, b, dataset, device)
        for (spec, folder), b in zip(waiting, built, strict=True)
    ]
    outcomes: dict[str, JointOutcome] = {}
    for alike in compatible_groups(loops):
        n = len(alike)
        if n < 2:
            continue
        name, train_ids = waiting[alike[0]][0].name, [waiting[i][1].train_id for i in alike]
        with fitting_threads(flops * n), _alone_on_error(train_ids) as joint:
            fits = fit_together([loops[i] for i in alike], f"{name} ({n} together)")
            pairs = zip(train_ids, fits, strict=True)
            joint |= {i: JointOutcome(fit, {"trained_together": n}) for i, fit in pairs}
        outcomes |= joint
    return outcomes


def _loop(
    spec: RunSpec, folder: RunFolder, built: Built, dataset: Dataset, device: torch.device
) -> Loop:
    folder.break_seal()
    stream, checkpoint = Stream(spec.seed, ("train",)), folder / run_folder.CHECKPOINT
    model = built.model.to(device)
    return Loop(model, built.updates, dataset, spec.train, stream, checkpoint)
