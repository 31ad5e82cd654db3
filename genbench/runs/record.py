"""Records of runs: description, protocol, and rows for the suite's table."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from genbench.core.capabilities import Conditions
from genbench.core.protocol import LABEL, PIXELS, Protocol, SplitName
from genbench.core.tensors import count_parameters
from genbench.core.texts import few
from genbench.data import Dataset
from genbench.evaluation.on_dataset import SPLIT
from genbench.evaluation.runner import Row, Task
from genbench.recipes import Built, recipes
from genbench.runs.spec import Run, RunSpec
from genbench.training.config import Precision, TrainConfig
from genbench.training.precision import precision_remark


@dataclass
class RunRecord:
    """A run that was executed or read: its description, and its rows for the suite's table."""

    spec: RunSpec
    train_id: str
    protocol: Protocol = field(default_factory=Protocol)
    status: str = "ok"
    reason: str = ""
    cached: bool = False
    rows: list[dict[str, Any]] = field(default_factory=list)
    description: dict[str, Any] = field(default_factory=dict)
    provenance: dict[str, Any] = field(default_factory=dict)
    fitted: dict[str, Any] = field(default_factory=dict)
    split: SplitName = SPLIT

    @property
    def failed_rows(self) -> list[dict[str, Any]]:
        """Metrics of a successful run that could not be computed."""
        return [row for row in self.rows if row["status"] == "failed"]

    @property
    def sound(self) -> bool:
        """Whether the run succeeded and all its metrics could be computed."""
        return self.status == "ok" and not self.failed_rows

    def summary_line(self) -> str:
        """Return one line on how it ended."""
        name = f"{label_of([self])} seed {self.spec.seed}"
        if self.status != "ok":
            return f"{name}: {self.status}: {self.reason}"
        if self.failed_rows:
            row, *others = self.failed_rows
            also = list(dict.fromkeys(other["metric"] for other in others))
            more = f" (failed too: {few(also)})" if also else ""
            return f"{name}: {row['metric']} failed: {row['reason']}{more}"
        return f"{name}: {'stored already' if self.cached else 'done'}"


def describe(spec: RunSpec, dataset: Dataset, built: Built) -> dict[str, Any]:
    """Return what tables state about a model beside its numbers, and what rebuilds it."""
    measure = built.observation.measure if built.observation else "none"
    observation = built.observation_name
    if spec.assume:
        measure, observation = "density", "Gaussian noise around the image, assumed"
    return {
        "about": recipes[spec.recipe].about,
        "observation": observation,
        "measure": measure,
        "comparable_measure": dataset.natural_measure if measure == "none" else measure,
        "closed_form": built.closed_form is not None,
        "conditional": isinstance(built.model, Conditions),
        "shown": built.shown,
        "n_parameters": count_parameters(built.model),
        "image_shape": list(dataset.image_shape),
        "n_classes": dataset.n_classes,
        "n_train": dataset.size("train"),
        "steps": None if built.closed_form else steps_of(spec.train, dataset.size("train")),
    }


def steps_of(train: TrainConfig, n_train: int) -> int:
    """Return how many steps the optimiser takes; the last, incomplete batch is left out."""
    return train.epochs * (n_train // min(train.batch_size, n_train))


def training_remark(spec: RunSpec, description: Mapping[str, Any], used: Precision) -> str:
    """Say what a run does otherwise than its settings suggest; mostly nothing.

    Args:
        spec: The run.
        description: Of its model.
        used: The precision of the products during training.
    """
    if description.get("closed_form"):
        return ""
    n, size = description.get("n_train"), spec.train.batch_size
    exceeds = n is not None and size > n
    batch = f"batch_size = {size} exceeds the {n} training images: an epoch is one step."
    remarks = (batch if exceeds else "", precision_remark(spec.train.precision, used))
    return " ".join(filter(None, remarks))


def protocol_of(dataset: Dataset, description: Mapping[str, Any]) -> Protocol:
    """Return what a number must share to be compared: data, view, measure and condition.

    A model without a density gets the natural measure of its data, so that its reconstructions are
    compared with those of models that saw the same pixels.
    """
    shown = description.get("shown")
    condition = f"{PIXELS}{shown}" if shown else LABEL if description["conditional"] else ""
    measure = description["comparable_measure"]
    return replace(dataset.protocol, measure=measure, condition=condition)


def beside_densities(records: Sequence[RunRecord]) -> list[RunRecord]:
    """Put models without a density beside those that have one, on the same pixels.

    Where all of these have masses, or all have densities, the protocol of the others says the same.
    """
    measures: dict[Protocol, set[str]] = {}
    for record in records:
        if record.description.get("measure", "none") != "none":
            measures.setdefault(_pixels(record), set()).add(record.protocol.measure)
    shared = {pixels: found.pop() for pixels, found in measures.items() if len(found) == 1}
    return [
        replace(r, protocol=replace(r.protocol, measure=shared[_pixels(r)]))
        if r.description.get("measure") == "none" and _pixels(r) in shared
        else r
        for r in records
    ]


def _pixels(record: RunRecord) -> Protocol:
    return replace(record.protocol, measure="", condition="")


def empty_rows(task: Task, record: RunRecord) -> list[dict[str, Any]]:
    """Return the row, without a value, of a metric of a failed or diverged run.

    A metric that sums out the label has no row unless the model is conditional.
    """
    metric = task.evaluator.record
    marginal = task.evaluator.is_marginal
    if marginal and not record.description.get("conditional"):
        return []
    row = Row(
        task.evaluator.metric,
        record.status,
        metric.unit,
        metric.better,
        metric.kind,
        metric.version,
        task.options.model_dump(mode="json"),
        reason=record.reason,
        marginal=marginal,
    )
    return [asdict(row)]


def label_of(records: Sequence[RunRecord]) -> str:
    """Return the name of a model's row, including an assumed scale: ``gan+normal(0.1)``.

    Args:
        records: The runs of one model, one per seed; different scales become a range.
    """
    name = records[0].spec.name
    scales = sorted({record.fitted["scale"] for record in records if record.fitted})
    if not scales:
        return name
    scale = f"{scales[0]:g}" if len(scales) == 1 else f"{scales[0]:g} to {scales[-1]:g}"
    return f"{name}({scale})" if name.endswith("normal") else f"{name}, normal({scale})"


def failed(
    run: Run,
    description: dict[str, Any],
    tasks: Sequence[Task],
    reason: str,
    split: SplitName = SPLIT,
) -> RunRecord:
    """Return the record of a run that stopped for the given reason; it is not stored.

    Its rows have the protocol of the other seeds, so it is counted with them; ``description`` is
    empty if the model cannot be built.
    """
    protocol = protocol_of(run.dataset, description) if description else run.dataset.protocol
    record = RunRecord(
        run.spec,
        run.folder.train_id,
        protocol,
        "failed",
        reason,
        description=description,
        split=split,
    )
    record.rows = [row for task in tasks for row in empty_rows(task, record)]
    return record
