"""The suite file, validated: every mistake is named by its key."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import Field, PositiveFloat, field_validator, model_validator

from genbench.core.errors import ConfigError, did_you_mean
from genbench.core.figures import DEFAULT_FIGURES, FIGURES
from genbench.core.options import Options
from genbench.core.plot import Plot
from genbench.data import DataConfig
from genbench.evaluation.runner import Task, make_task
from genbench.evaluation.spec import evaluators
from genbench.recipes import recipes
from genbench.runs.spec import RunSpec
from genbench.studies.store import StudySpec
from genbench.suites.entries import (
    ModelEntry,
    StudyEntry,
    require_own,
    route_model,
    route_study,
)
from genbench.suites.settings import tables
from genbench.training.config import TrainConfig

DEFAULT_METRICS = (
    "elbo",
    "iw_log_likelihood",
    "log_likelihood",
    "reconstruction_mse",
    "reconstruction_log_prob",
    "kl",
    "kl_per_dim",
    "active_units",
    "bits_per_dim",
)


class Published(Options):
    """A published number, shown beside the one measured here.

    ``value`` has the sign and unit of ``metric``; ``note`` names differences in protocol, and
    ``tag`` says how well the number is verified.
    """

    model: str
    metric: str
    value: float
    stderr: PositiveFloat | None = None
    source: str
    note: str = ""
    tag: str = ""


class SuiteSpec(Options):
    """A suite: models on data, studies, or a collection of other suites.

    ``plot`` declares figures of its tables; ``page`` is the kind of its report.
    """

    name: str = Field(pattern=r"^[^./\\][^/\\]*$")  # it becomes a folder
    title: str
    description: str = ""
    seeds: tuple[int, ...] = Field((0,), min_length=1)
    data: dict[str, Any] = Field(default_factory=dict)
    train: dict[str, Any] = Field(default_factory=dict)
    model: tuple[ModelEntry, ...] = ()
    study: tuple[StudyEntry, ...] = ()
    plot: tuple[Plot, ...] = ()
    suites: tuple[str, ...] = ()
    page: Literal["report", "lectures"] = "report"
    evaluate: dict[str, Any] = Field(default_factory=dict)
    figures: tuple[str, ...] = DEFAULT_FIGURES
    published: tuple[Published, ...] = ()

    @field_validator("seeds", mode="before")
    @classmethod
    def _count_or_list(cls, value: object) -> object:
        """Read ``seeds = 3`` as the seeds 0, 1, 2."""
        if isinstance(value, int) and not isinstance(value, bool):
            if value < 1:
                raise ValueError("at least one seed is needed")
            return tuple(range(value))
        return value

    @field_validator("figures")
    @classmethod
    def _known_figures(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in FIGURES:
                raise ValueError(f"unknown figure '{name}'; {did_you_mean(name, FIGURES)}")
        return tuple(dict.fromkeys(names))

    @model_validator(mode="after")
    def _filled(self) -> "SuiteSpec":
        if not (self.model or self.study or self.suites):
            raise ValueError("a suite needs a [[model]], a [[study]] or `suites`")
        if self.model and not self.data:
            raise ValueError("data: Field required")
        return self

    @model_validator(mode="after")
    def _distinct(self) -> "SuiteSpec":
        names = [entry.name for entry in self.model]
        for kind, entries in (
            ("models", self.model),
            ("studies", self.study),
            ("plots", self.plot),
        ):
            if twice := _twice(entry.name for entry in entries):
                raise ValueError(f"two {kind} are named '{twice}': give one a `name`")
        for plot in self.plot:
            require_own(plot, names)
        for i, published in enumerate(self.published):
            if published.model not in names:
                hint = did_you_mean(published.model, names)
                raise ValueError(f"published.{i}.model: no model '{published.model}'; {hint}")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds must differ from each other")
        return self


def _twice(names: Iterable[str]) -> str | None:
    """Return the first name that occurs twice, or None."""
    counts = Counter(names)
    return next((name for name in counts if counts[name] > 1), None)


def parse_suite(raw: dict[str, Any], name: str) -> SuiteSpec:
    """Validate the content of a suite file.

    Raises:
        ConfigError: Names each wrong key.
    """
    settled = raw | {"name": raw.get("name", name), "title": raw.get("title", name)}
    settled["model"] = [route_model(dict(entry), i) for i, entry in enumerate(tables(raw, "model"))]
    settled["study"] = [route_study(entry, i) for i, entry in enumerate(tables(raw, "study"))]
    plots = enumerate(tables(raw, "plot"))
    settled["plot"] = [Plot.read(entry, f"plot.{entry.get('name', i)}") for i, entry in plots]
    return SuiteSpec.read(settled, "")


def expand(suite: SuiteSpec) -> list[RunSpec]:
    """Return every run of the suite: models in the order of the file, seeds within each.

    Raises:
        ConfigError: An option, budget or data setting is wrong.
    """
    return [spec for entry in suite.model for spec in _run_specs(suite, entry)]


def study_specs(suite: SuiteSpec, limit: int | None = None) -> list[StudySpec]:
    """Return every study of the suite, in the order of the file.

    Raises:
        ConfigError: An option is wrong.
    """
    return [entry.spec(limit) for entry in suite.study]


def _run_specs(suite: SuiteSpec, entry: ModelEntry) -> list[RunSpec]:
    """Return the runs of a model, one per seed; they share the options, validated once."""
    try:
        data = DataConfig.read(suite.data | entry.data, "data")
        train = TrainConfig.read(suite.train | entry.train, "train")
    except ConfigError as error:
        raise ConfigError(f"{error} (model '{entry.name}')") from error
    options = recipes[entry.recipe].options.read(entry.options, f"model.{entry.name}")
    return [
        RunSpec(entry.name, entry.recipe, options, data, train, seed, entry.assume)
        for seed in suite.seeds
    ]


def tasks_of(suite: SuiteSpec) -> list[Task]:
    """Return the evaluations of ``[evaluate]``: ``metrics`` lists them, a table each has options.

    Raises:
        ConfigError: Unknown evaluator or option.
    """
    settings = dict(suite.evaluate)
    names = settings.pop("metrics", DEFAULT_METRICS)
    if not isinstance(names, list | tuple):
        raise ConfigError("evaluate.metrics: write a list of names")
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"evaluate.metrics: '{name}' is listed twice")
    tasks = {}
    for name, options in settings.items():
        if name not in evaluators:
            raise ConfigError(
                f"evaluate.{name}: unknown; {did_you_mean(name, ['metrics', *evaluators])}"
            )
        if not isinstance(options, dict):
            raise ConfigError(f"evaluate.{name}: write a table of options")
        tasks[name] = make_task(name, options)
    return [tasks.get(name) or make_task(str(name)) for name in names]
