"""Runs that differ in seed and a few numbers only, trained as one computation."""

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
from genbench.runs.execute import Trained, start_over, step_flops, trained_base
from genbench.runs.read_run import stored_metrics
from genbench.runs.spec import RunSpec
from genbench.training.joint.compatible import Member, compatible_groups
from genbench.training.joint.fit import fit_together
from genbench.training.threads import fitting_threads


def groups(specs: Sequence[RunSpec]) -> list[tuple[RunSpec, ...]]:
    """Put runs together that differ in seed, learning rate and options that are numbers only.

    Whether their models are alike is seen when they are built.
    """
    found: dict[str, list[RunSpec]] = {}
    for spec in specs:
        found.setdefault(_form(spec), []).append(spec)
    return [tuple(group) for group in found.values()]


def _form(spec: RunSpec) -> str:
    options = spec.recipe_options().model_dump(mode="json")
    return canonical_json(
        {
            "recipe": spec.recipe,
            "options": {k: v for k, v in options.items() if not isinstance(v, float)},
            "data": spec.data.model_dump(mode="json"),
            "train": spec.train.model_dump(mode="json", exclude={"learning_rate"}),
            "assume": spec.assume and spec.assume.model_dump(mode="json"),
        }
    )


def train_together(
    specs: Sequence[RunSpec],
    dataset: Dataset,
    folders: Sequence[RunFolder],
    device: torch.device,
) -> dict[str, Trained]:
    """Train those of the runs that need it, as many together as are alike.

    Returns:
        By train_id, what became of those that were tried. A run that is not there, or that cannot
        be trained with others, is left to be trained alone.

    Raises:
        StorageError: A checkpoint cannot be written.
    """
    waiting = {
        folder.train_id: (spec, folder)  # rows of two names can be one run
        for spec, folder in zip(specs, folders, strict=True)
        if _needs_training(spec, dataset, folder)
    }
    if len(waiting) < 2:
        return {}
    with _left_alone(waiting) as trained:
        built = [build(spec, dataset) for spec, _ in waiting.values()]
        if not any(found.closed_form for found in built):
            trained |= _train(list(waiting.values()), built, dataset, device)
    return trained


def _needs_training(spec: RunSpec, dataset: Dataset, folder: RunFolder) -> bool:
    if stored_metrics(folder):
        return False
    return not (spec.assume and trained_base(spec, dataset, folder))


@contextmanager
def _left_alone(train_ids: Iterable[str]) -> Iterator[dict[str, Trained]]:
    """Yield room for what is trained; after an error the runs are left, and the reason is told."""
    trained: dict[str, Trained] = {}
    try:
        yield trained
    except (GenbenchError, OSError):
        raise
    except Exception as error:  # noqa: BLE001  alone, each run reports what is wrong with it
        reason = (str(error) or type(error).__name__).splitlines()[0]
        trained |= {train_id: Trained(told={"not_together": reason}) for train_id in train_ids}


def _train(
    waiting: Sequence[tuple[RunSpec, RunFolder]],
    built: Sequence[Built],
    dataset: Dataset,
    device: torch.device,
) -> dict[str, Trained]:
    flops = step_flops(waiting[0][0], dataset, built[0])
    members = [
        _member(spec, folder, found, device)
        for (spec, folder), found in zip(waiting, built, strict=True)
    ]
    done: dict[str, Trained] = {}
    for places in compatible_groups(members):
        if len(places) < 2:
            continue
        name, train_ids = waiting[places[0]][0].name, [waiting[i][1].train_id for i in places]
        with fitting_threads(flops * len(places)), _left_alone(train_ids) as trained:
            label = f"{name} ({len(places)} together)"
            outcomes = fit_together([members[i] for i in places], dataset, label)
            told = {"trained_together": len(places)}
            pairs = zip(train_ids, outcomes, strict=True)
            trained |= {train_id: Trained(outcome, told) for train_id, outcome in pairs}
        done |= trained
    return done


def _member(spec: RunSpec, folder: RunFolder, built: Built, device: torch.device) -> Member:
    start_over(folder)
    stream = Stream(spec.seed, ("train",))
    model = built.model.to(device)
    return Member(model, built.updates, spec.train, stream, folder / run_folder.CHECKPOINT)
