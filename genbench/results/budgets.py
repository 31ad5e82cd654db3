"""What each model was given: steps, images, seconds, a search; and whether training had ended."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from genbench.core.protocol import Protocol
from genbench.results.convergence import fall_of, has_converged
from genbench.results.odd_models import has_validation_loss
from genbench.results.records import StoredRun, TrialRecord
from genbench.results.suite import StoredSuite


@dataclass(frozen=True)
class Budget:
    """All runs of one model under one protocol, and what the suite says of them.

    Attributes:
        runs: One per seed.
        control: Whether the model is there to be compared with, and wins nothing.
        validated: Whether training had a loss on validation data.
        why: Why its budget or its network is not that of the others.
        trials: Of the search for its settings.
    """

    runs: tuple[StoredRun, ...]
    control: bool = False
    validated: bool = False
    why: str = ""
    trials: tuple[TrialRecord, ...] = ()

    @property
    def first(self) -> StoredRun:
        """The run of its first seed, which has the settings of all."""
        return self.runs[0]

    @cached_property
    def protocol(self) -> Protocol:
        """What it was trained on."""
        return Protocol.parse(self.first.protocol)

    @property
    def is_trained(self) -> bool:
        """Whether it was trained here, in steps, not in closed form."""
        return bool(self.first.train) and not self.first.closed_form

    @property
    def batch_size(self) -> int | None:
        """Images of a step: all of them where there are fewer."""
        size, n = self.first.train.get("batch_size"), self.protocol.sizes[0]
        return min(size, n or size) if isinstance(size, int) and self.is_trained else None

    @property
    def images(self) -> int | None:
        """Training images that a run sees, each as often as it is seen."""
        steps, size = self.first.steps, self.batch_size
        return None if steps is None or size is None else steps * size

    @property
    def fall(self) -> tuple[float, float] | None:
        """By how much the validation loss fell over the last tenth, and the standard error of that.

        Means over seeds; None where it is not known of each.
        """
        return fall_of(self.runs)

    @property
    def converged(self) -> bool | None:
        """Whether that fall can be chance; None where it is not known."""
        return has_converged(self.runs)

    @property
    def chosen(self) -> TrialRecord | None:
        """The trial whose settings it has."""
        return next((trial for trial in self.trials if trial.chosen), None)

    def seconds(self, field: str) -> list[float]:
        """Shortest and longest time of a seed; one where they agree, none where none is known."""
        known = sorted(s for run in self.runs if (s := getattr(run, field)) is not None)
        return [*dict.fromkeys(known[:1] + known[-1:])]


def budgets_of(suite: StoredSuite) -> list[Budget]:
    """Group the runs of a suite that differ in the seed only.

    Raises:
        StorageError: The history of a run, or a record of the suite, is damaged.
    """
    record = suite.record
    whys = {entry.get("name", ""): entry.get("why", "") for entry in record.spec.get("model", [])}
    return [
        Budget(
            runs,
            runs[0].model in suite.controls,
            has_validation_loss(suite.run_folder(runs[0]).history()),
            next((why for name, why in whys.items() if _is_row_of(runs[0].model, name)), ""),
            tuple(trial for trial in record.trials if _is_row_of(runs[0].model, trial.model)),
        )
        for runs in by_model(record.runs)
    ]


def by_model(runs: Iterable[StoredRun]) -> Iterator[tuple[StoredRun, ...]]:
    """The runs of each model under each protocol."""
    groups: dict[tuple[str, str], list[StoredRun]] = {}
    for run in runs:
        groups.setdefault((run.model, run.protocol), []).append(run)
    return map(tuple, groups.values())


def _is_row_of(label: str, name: str) -> bool:
    """Whether a row is of the model of this name: a label may end with the scale of its noise."""
    return label == name or label.startswith((f"{name}(", f"{name}, normal("))
