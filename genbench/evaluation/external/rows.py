"""The numbers of several sets of images, each evaluated as the samples of a model are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from genbench.core.files import canonical_json
from genbench.core.metric import by_name
from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.evaluation.external.controls import Control
from genbench.evaluation.external.fixed import FixedSamples
from genbench.evaluation.on_dataset import SPLIT
from genbench.evaluation.runner import evaluate_model
from genbench.evaluation.spec import Context, evaluators
from genbench.evaluation.task import Row, Task, make_task
from genbench.features.reference import Reference, reference_of
from genbench.features.space import FeatureSpace
from genbench.results.columns import COLUMNS
from genbench.results.numbers_frame import NumbersFrame, numbers_first, without_empty_columns

FEATURES = "features"
"""The option of an evaluator that names its space."""
_References = Callable[[str], Reference]


@dataclass(frozen=True, eq=False)
class Scores:
    """Rows of each set, and what they were compared in.

    Attributes:
        rows: By the name of the set.
        tasks: The metrics.
        known: The reference in each space that was asked for, by what was asked.
        dataset: The data.
    """

    rows: Mapping[str, Sequence[Row]]
    tasks: Sequence[Task]
    known: Mapping[str, Reference]
    dataset: Dataset = field(repr=False)

    @property
    def reference(self) -> Reference:
        """The reference in the space that was asked for first."""
        return next(iter(self.known.values()))

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
    sets: Sequence[Control], dataset: Dataset, features: str, stream: Stream, folder: Path | None
) -> Scores:
    """Evaluate sets of images by all evaluators of samples.

    Args:
        sets: The samples, and what stands beside them.
        dataset: The data that they are compared with.
        features: Name of a feature space, or ``auto`` for that of each evaluator.
        stream: Randomness, addressed by name.
        folder: Where features of the training images are kept.
    """
    known: dict[str, Reference] = {}

    def reference(space: str) -> Reference:
        if space not in known:
            known[space] = reference_of(dataset, space, folder)
        return known[space]

    reference(features)
    tasks = _tasks(len(sets[0].images), features)
    rows = {one.name: _rows(one, tasks, dataset, reference, stream) for one in sets}
    return Scores(rows, tasks, known, dataset)


def _tasks(n: int, features: str) -> list[Task]:
    """Return all evaluators of samples, in the order of tables, with n samples."""
    stated = {"n_samples": n} | ({FEATURES: features} if features != "auto" else {})
    of_samples = [evaluators[name] for name in evaluators if evaluators[name].of == "samples"]
    ordered = sorted(of_samples, key=lambda evaluator: evaluator.record.place)
    return [
        make_task(one.name, {k: v for k, v in stated.items() if k in one.options.model_fields})
        for one in ordered
    ]


def _rows(
    one: Control, tasks: Sequence[Task], dataset: Dataset, reference: _References, stream: Stream
) -> list[Row]:
    own = partial(_itself, reference, one) if one.is_reference else reference
    context = Context(FixedSamples(one.images), stream, reference=own)
    x = dataset.held_out(SPLIT).x[: len(one.images)]
    results = evaluate_model(x, None, tasks, context, one.name)
    return [row for result in results for row in result.rows]


def _itself(reference: _References, one: Control, space: str) -> Reference:
    """Return the images themselves as what they are compared with."""
    known = reference(space)
    return replace(known, training=known.space.features(one.images), labels=None)
