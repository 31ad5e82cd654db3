"""The numbers of several sets of images, each evaluated as the samples of a model are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pandas as pd

from genbench.core.files import canonical_json
from genbench.core.metric import by_name
from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.evaluation.external.controls import Control
from genbench.evaluation.external.fixed import FixedSamples
from genbench.evaluation.generated import generated_of
from genbench.evaluation.of_samples import evaluate_samples, let_go
from genbench.evaluation.on_dataset import SPLIT
from genbench.evaluation.runner import evaluators
from genbench.evaluation.spec import Context, Evaluator
from genbench.evaluation.task import Row, Task, make_task
from genbench.features.pca import Projection
from genbench.features.reference import Reference
from genbench.features.space import FeatureSpace
from genbench.features.spaces import AUTO, OWN, PCA
from genbench.results.columns import COLUMNS
from genbench.results.numbers_frame import NumbersFrame, numbers_first, without_empty_columns
from genbench.samples.memorisation import NearestTraining

FEATURES = "features"
"""The option of an evaluator that names its space."""
References = Callable[[str], Reference]
"""From the name of a space to the training images in it."""


@dataclass(frozen=True, eq=False)
class Scores:
    """Rows of each set, and what they were compared in.

    Attributes:
        rows: By the name of the set.
        tasks: The metrics.
        known: The reference in each space that was asked for, by what was asked.
        near_training: The training image nearest to each image of the first set, in the space that
            was asked for.
        dataset: The data.
    """

    rows: Mapping[str, Sequence[Row]]
    tasks: Sequence[Task]
    known: Mapping[str, Reference]
    near_training: NearestTraining = field(repr=False)
    dataset: Dataset = field(repr=False)

    @property
    def spaces(self) -> list[FeatureSpace]:
        """All spaces, each once."""
        by_name = {reference.space.name: reference.space for reference in self.known.values()}
        return list(by_name.values())

    def frame(self, protocol: str) -> NumbersFrame:
        """Return the rows as a table; a metric's name says its space."""
        shared = dict.fromkeys(COLUMNS, "") | {
            "dataset": self.dataset.name,
            "protocol": protocol,
            "split": "train",
            "seed": 0,
        }
        rows = [
            shared | {"model": name} | self._named(row)
            for name, rows in self.rows.items()
            for row in rows
        ]
        frame = pd.DataFrame(rows, columns=list(COLUMNS))
        for column in ("options", "health"):
            frame[column] = frame[column].map(canonical_json)
        frame = frame.astype({"n": "Int64", "value": float, "stderr": float, "mc_stderr": float})
        metrics = by_name(task.evaluator.record for task in self.tasks)
        return without_empty_columns(numbers_first(frame, metrics))

    def _named(self, row: Row) -> dict[str, Any]:
        """Return a row whose metric is called ``fd[pca32]``, by its space."""
        options = dict(row.options)
        asked = options.pop(FEATURES, "")
        space = self.known[asked].space.name if asked in self.known else asked
        whole, _, part = row.metric.rstrip("]").partition("[")
        inner = ", ".join(filter(None, (space, part)))
        return {**vars(row), "metric": f"{whole}[{inner}]" if inner else whole, "options": options}


def scores_of(
    sets: Sequence[Control], dataset: Dataset, features: str, stream: Stream, look_up: References
) -> Scores:
    """Evaluate sets of images by all evaluators of samples.

    Args:
        sets: The samples, and what stands beside them.
        dataset: The data that they are compared with.
        features: Name of a feature space, or ``auto`` for that of each evaluator.
        stream: Randomness, addressed by name.
        look_up: Finds the training images in a space, by its name.
    """
    known: dict[str, Reference] = {}

    def reference(space: str) -> Reference:
        if space not in known:
            known[space] = look_up(space)
        return known[space]

    beside = _beside(reference(features).space) if features == AUTO else ""
    tasks = _tasks(len(sets[0].images), features, beside)
    found = [_evaluated(one, tasks, dataset, reference, stream) for one in sets]
    rows = {one.name: rows for one, (rows, _) in zip(sets, found, strict=True)}
    return Scores(rows, tasks, known, found[0][1], dataset)


def _beside(space: FeatureSpace) -> str:
    """Return which other space the first number is shown in: each overlooks what another sees."""
    return OWN if isinstance(space.network, Projection) else PCA


def _tasks(n: int, features: str, beside: str) -> list[Task]:
    """Return all evaluators of samples, in the order of tables, with n samples.

    The first of the column of sample quality is there in the space ``beside`` too, if any.
    """
    of_samples = [evaluators[name] for name in evaluators if evaluators[name].of == "samples"]
    ordered = sorted(of_samples, key=lambda evaluator: evaluator.record.place)
    tasks = [_task(one, n, features) for one in ordered]
    places = (i for i, one in enumerate(ordered) if one.record.leaderboard and _has_space(one))
    first = next(places, None)
    if beside and first is not None:
        tasks.insert(first + 1, _task(ordered[first], n, beside))
    return tasks


def _has_space(evaluator: Evaluator) -> bool:
    return FEATURES in evaluator.options.model_fields


def _task(evaluator: Evaluator, n: int, features: str) -> Task:
    """Return the task of an evaluator, whose own options decide where the space is ``auto``."""
    stated = {"n_samples": n} | ({FEATURES: features} if features != AUTO else {})
    known = {k: v for k, v in stated.items() if k in evaluator.options.model_fields}
    return make_task(evaluator.name, known)


def _evaluated(
    one: Control, tasks: Sequence[Task], dataset: Dataset, reference: References, stream: Stream
) -> tuple[list[Row], NearestTraining]:
    """Return the rows of a set, and the training image nearest to each of its images."""
    own = partial(_itself, reference, one) if one.is_reference else reference
    context = Context(FixedSamples(one.images), stream, reference=own)
    x = dataset.held_out(SPLIT).x[: len(one.images)]
    results = evaluate_samples(tasks, context, x)
    near = generated_of(context, tasks[0].options, x).near_training
    let_go(context)
    return [row for result in results for row in result.rows], near


def _itself(reference: References, one: Control, space: str) -> Reference:
    """Return the images themselves as what they are compared with."""
    known = reference(space)
    return replace(known, training=known.space.features(one.images), labels=None)
