"""What is evaluated: an evaluator with its options, and the rows that come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from genbench.core.options import Options
from genbench.evaluation.spec import Evaluator, evaluators


@dataclass(frozen=True)
class Task:
    """One evaluator with its options, by name."""

    evaluator: Evaluator
    options: Options

    @property
    def key(self) -> str:
        """The key under which an evaluation of one model and split is stored."""
        version, options = self.evaluator.record.version, self.options.model_dump_json()
        return f"{self.evaluator.name}/v{version}/{options}"

    def n_of(self, n: int) -> int:
        """Return how many of ``n`` data the task is run on."""
        asked: list[int | None] = [
            getattr(self.options, key, None) for key in ("n_data", "n_compared")
        ]
        return min([n, *(count for count in asked if count)])

    def row(self, metric: str, status: str, **more: Any) -> "Row":
        """Return a row of the task; what ``more`` does not say follows from the record."""
        record = self.evaluator.record
        known: dict[str, Any] = {
            "unit": record.unit,
            "better": record.better,
            "kind": record.kind,
            "evaluator_version": record.version,
            "options": self.options.model_dump(mode="json"),
            "marginal": self.evaluator.is_marginal,
        }
        return Row(metric=metric, status=status, **(known | more))


@dataclass(frozen=True)
class Row:
    """One number with everything needed to interpret it, or the reason why there is none."""

    metric: str
    status: str
    unit: str
    better: str
    kind: str
    evaluator_version: int
    options: dict[str, Any]
    value: float | None = None
    stderr: float | None = None
    n: int | None = None
    reason: str = ""
    mc_stderr: float | None = None
    health: dict[str, float] = field(default_factory=dict)
    marginal: bool = False


@dataclass
class TaskResult:
    """The rows of one task, and per-datum values where they exist."""

    rows: list[Row]
    per_datum: Tensor | None = None


def make_task(name: str, options: Mapping[str, Any] | None = None) -> Task:
    """Look up an evaluator and check its options.

    Raises:
        ConfigError: Unknown name or option, with the nearest valid one.
    """
    evaluator = evaluators[name]
    return Task(evaluator, evaluator.options.read(dict(options or {}), f"evaluate.{name}"))
