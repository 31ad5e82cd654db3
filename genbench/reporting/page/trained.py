"""The runs of a suite, grouped by model: what each model is, and how it was trained."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from genbench.core import numbers
from genbench.core.protocol import Protocol
from genbench.reporting.page.rendering import as_text
from genbench.reporting.tables.small_table import (
    Row,
    SmallTable,
    TableCell,
    count_cell,
    heads_of,
    plain_cell,
    row_of,
)
from genbench.results.records import StoredRun

MOST_RUNS = 500
"""Runs that are listed one by one."""
MOST_SEEDS = 20
"""Seeds of a model that are listed one by one, where they are consecutive."""
_SHOWN_TRAINING = ("epochs", "batch_size", "learning_rate")
_HEADS = (
    "model", "what it is", "recipe", "observation model", "parameters", "epochs", "batch size",
    "learning rate", "seeds", "training", "evaluation", "device",
)  # fmt: skip
_WORDS = ("what it is", "recipe", "observation model", "seeds", "training", "evaluation", "device")


@dataclass(frozen=True)
class ModelView:
    """All runs of one model under one protocol."""

    first: StoredRun
    protocol: Protocol
    runs: tuple[StoredRun, ...]
    control: bool

    @property
    def seeds(self) -> str:
        """Seeds, in order; the first and the last of many that leave none out."""
        seeds = [run.seed for run in self.runs]
        if len(seeds) > MOST_SEEDS and seeds == [*range(seeds[0], seeds[-1] + 1)]:
            return f"{seeds[0]} to {seeds[-1]}"
        return ", ".join(map(str, seeds))

    @property
    def settings(self) -> str:
        """Options of the recipe and of training that have no column of their own."""
        rest = {k: v for k, v in self.first.train.items() if k not in _SHOWN_TRAINING}
        fitted = {f"fitted {name}": value for name, value in self.first.fitted.items()}
        known = {**self.first.options, **rest, **fitted}
        return ", ".join(f"{key} = {as_text(value)}" for key, value in known.items()) or "none"

    def seconds(self, field: str) -> str:
        """Shortest and longest time over the runs."""
        known = sorted(s for run in self.runs if (s := getattr(run, field)) is not None)
        ends = dict.fromkeys(numbers.seconds(value) for value in (known[:1] + known[-1:]))
        return " to ".join(ends) or "–"


def model_views(runs: Sequence[StoredRun], controls: Collection[str] = ()) -> list[ModelView]:
    """Group runs that differ in the seed only."""
    groups: dict[tuple[str, str], list[StoredRun]] = {}
    for run in runs:
        groups.setdefault((run.model, run.protocol), []).append(run)
    return [
        ModelView(runs[0], Protocol.parse(protocol), tuple(runs), model in controls)
        for (model, protocol), runs in groups.items()
    ]


def training_tables(models: Sequence[ModelView]) -> tuple[SmallTable, ...]:
    """What each model is and how it was trained; all its options."""
    trained = tuple(_trained(view) for view in models)
    options = tuple((_model(view), TableCell(view.settings)) for view in models)
    title = "All options of the models and of training"
    return (
        SmallTable("training", "Models and training", heads_of(*_HEADS, words=_WORDS), trained),
        SmallTable("options", title, heads_of("model", "options", words=("options",)), options),
    )


def _model(view: ModelView) -> TableCell:
    badge = "control" if view.control else ""
    return TableCell(view.first.model, badge=badge, model=view.first.model)


def _trained(view: ModelView) -> Row:
    run = view.first
    return row_of(
        _model(view),
        run.about or "",
        "–" if run.trained_elsewhere else run.recipe,
        run.observation or "–",
        count_cell(run.n_parameters),
        *(plain_cell(run.train.get(option)) for option in _SHOWN_TRAINING),
        view.seeds,
        "elsewhere" if run.trained_elsewhere else view.seconds("train_seconds"),
        view.seconds("evaluate_seconds"),
        run.device or "–",
    )


def runs_table(runs: Sequence[StoredRun]) -> SmallTable:
    """Each run: its folder, how it ended, its protocol."""
    words = ("model", "status", "protocol")
    heads = heads_of("run", "model", "seed", "status", "protocol", words=words)
    n = numbers.grouped(len(runs))
    few = len(runs) <= MOST_RUNS
    caption = "" if few else f"The first {MOST_RUNS} of {n} runs; suite.json lists all."
    return SmallTable("runs", "Runs", heads, tuple(map(_run, runs[:MOST_RUNS])), caption)


def _run(run: StoredRun) -> Row:
    name = TableCell(run.train_id, model=run.model)
    return row_of(name, run.model, plain_cell(run.seed), _ended(run), run.protocol)


def _ended(run: StoredRun) -> str:
    return f"{run.status}: {run.reason}" if run.reason else run.status
