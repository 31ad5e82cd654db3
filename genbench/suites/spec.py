"""The validated suite file: errors name the wrong key."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from genbench.core.errors import BY_PLUGIN, ConfigError, require_known
from genbench.core.figures import DEFAULT_FIGURES, FIGURES
from genbench.core.names import require_name
from genbench.core.options import Line, Options, Seed, Text
from genbench.core.plot import Plot
from genbench.core.protocol import SplitName
from genbench.data import DataConfig
from genbench.evaluation.on_dataset import SPLIT
from genbench.evaluation.runner import DEFAULT_METRICS, Task, make_task
from genbench.evaluation.spec import evaluators
from genbench.features.custom import AUTO, FeatureOptions
from genbench.recipes import recipes
from genbench.runs.spec import RunSpec
from genbench.suites.budgets import require_reasons
from genbench.suites.entries import (
    ModelEntry,
    Published,
    StudyEntry,
    put_samples,
    read_entry,
    require_own,
)
from genbench.suites.load import find_suite, read_toml
from genbench.suites.other_data import put_data
from genbench.suites.search import Tune
from genbench.suites.settings import addresses_entry, apply_setting, place_data, tables
from genbench.suites.standard import FROM_DATA, fill, has_images, images_of
from genbench.suites.sweep import MOST_STATED, MOST_SWEPT, models_of, require_few
from genbench.suites.trials import Trial, put_trials
from genbench.training.config import TrainConfig

MOST_RUNS = 10_000
"""Runs that a suite may ask for, unless it states ``max_runs``."""
MOST_SUITES = 100
"""Suites that a collection may list."""

EVALUATED: tuple[SplitName, ...] = (SPLIT, "validation")
"""The splits that models may be evaluated on: for a page, and for choosing what it shows."""

_NO_SEED = "seeds: expected at least one seed"


class SuiteSpec(Options):
    """A suite: models on data, studies, or a collection of other suites.

    Attributes:
        name: Of the folders of results and report; by default that of the file.
        title: Above the page; by default the name.
        description: Below the title.
        max_runs: Runs of the suite; at most 10,000 by default, and 200 of models with a sweep.
        seeds: Training seeds; a number n stands for 0 to n - 1.
        data: The table ``[data]``.
        train: The table ``[train]``.
        sizes: Whether sizes and budgets that are not stated are the defaults, or follow from the
            images.
        model: The tables ``[[model]]``, one per row of the comparison.
        study: The tables ``[[study]]``.
        plot: The tables ``[[plot]]``, figures of the suite's own tables.
        suites: Other suites, by name or by path from this file, which makes it a collection.
        page: The kind of report.
        evaluate: The table ``[evaluate]``; ``split = "validation"`` evaluates on validation data,
            and reads no test data.
        features: The table ``[features]``, for a network of one's own; results name its space.
        tune: The table ``[tune]``, for the command ``tune``. With it, models whose budget or
            network differs must state ``why``.
        tuned: The record of that search: a CSV file, by path from this one.
        trials: What is in that record; no key of a suite file.
        figures: Figures made of each model.
        published: The tables ``[[published]]``.
    """

    name: str
    title: Line
    description: Text = ""
    max_runs: int | None = Field(None, ge=1, le=MOST_STATED, exclude=True)
    seeds: tuple[Seed, ...] = (0,)
    data: dict[str, Any] = Field(default_factory=dict)
    train: dict[str, Any] = Field(default_factory=dict)
    sizes: Literal["default", "from_data"] = "default"
    model: tuple[ModelEntry, ...] = ()
    study: tuple[StudyEntry, ...] = ()
    plot: tuple[Plot, ...] = ()
    suites: tuple[str, ...] = Field((), max_length=MOST_SUITES)
    page: Literal["report", "lectures"] = "report"
    evaluate: dict[str, Any] = Field(default_factory=dict)
    features: FeatureOptions = Field(FeatureOptions(), exclude=True)
    tune: Tune | None = None
    tuned: str = ""
    trials: tuple[Trial, ...] = ()
    figures: tuple[str, ...] = DEFAULT_FIGURES
    published: tuple[Published, ...] = ()

    @field_validator("seeds", mode="before")
    @classmethod
    def _count_or_list(cls, value: object, info: ValidationInfo) -> object:
        """Read ``seeds = 3`` as the seeds 0, 1, 2."""
        if isinstance(value, int) and not isinstance(value, bool):
            if value < 1:
                raise ConfigError(_NO_SEED)
            require_few(value, info.data.get("max_runs"), MOST_RUNS, "seeds")
            return tuple(range(value))
        if value in ([], ()):
            raise ConfigError(_NO_SEED)
        return value

    @field_validator("name")
    @classmethod
    def _of_a_folder(cls, name: str) -> str:
        if name.startswith("."):
            raise ConfigError(f"name: the folder of results cannot begin with a dot: {name}")
        return require_name(name, "name")

    @field_validator("figures")
    @classmethod
    def _known_figures(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            require_known(name, FIGURES, "figures: unknown figure")
        return tuple(dict.fromkeys(names))

    @model_validator(mode="after")
    def _consistent(self) -> "SuiteSpec":
        if not (self.model or self.study or self.suites):
            raise ConfigError("a suite needs a [[model]], a [[study]] or `suites`")
        if self.model and not self.data and self.sizes != FROM_DATA:
            raise ConfigError("data: must be stated")
        if len(set(self.seeds)) < len(self.seeds):
            raise ConfigError("seeds: each seed may be listed only once")
        n_runs = len(self.model) * len(self.seeds)
        require_few(n_runs, self.max_runs, MOST_RUNS, "models times seeds")
        models = [entry.name for entry in self.model]
        studies, plots = [entry.name for entry in self.study], [plot.name for plot in self.plot]
        for kind, names in {"models": models, "studies": studies, "plots": plots}.items():
            if twice := repeated(names):
                raise ConfigError(f"two {kind} are named '{twice}': give one a `name`")
        for plot in self.plot:
            require_own(plot, models)
        self._require_own_search()
        for i, published in enumerate(self.published):
            require_known(published.model, models, f"published.{i}.model: no model")
            _require_amounts(published, f"published.{i}.schedule")
        return self

    def _require_own_search(self) -> None:
        if self.tune is None:
            return
        if self.tune.seed in self.seeds:
            raise ConfigError(f"tune.seed: {self.tune.seed} is one of the reported seeds")
        of_recipes = (recipes[entry.recipe].options.model_fields for entry in self.model)
        self.tune.require_keys([key for fields in of_recipes for key in fields])


def _require_amounts(published: Published, where: str) -> None:
    """Refuse an amount that neither training nor the metric has."""
    metric = published.metric.partition("[")[0]
    asked = (evaluators[key] for key in evaluators if evaluators[key].metric == metric)
    known = ["epochs", *(name for entry in asked for name in entry.options.model_fields)]
    for name in published.schedule:
        require_known(name, known, f"{where}.{name}: no amount of training or of {metric}")


def repeated(names: Iterable[str]) -> str | None:
    """Return the first name that occurs twice, or None."""
    counts = Counter(names)
    return next((name for name in counts if counts[name] > 1), None)


def load_suite(
    name_or_file: str, settings: Sequence[str] = (), data: str | Path | None = None
) -> SuiteSpec:
    """Read a suite by name or path, put other images in it, and apply ``key=value`` settings.

    Raises:
        ConfigError: The suite is unknown, not TOML, or has a wrong key or value.
        DataError: The images that sizes follow from cannot be read.
    """
    path = find_suite(name_or_file)
    raw = {"name": path.stem, "title": path.stem} | read_toml(path)
    place_data(raw, path.parent)
    if data is not None:
        put_data(raw, data)
    of_swept = [setting for setting in settings if not addresses_entry(raw, setting)]
    for setting in settings:
        if setting not in of_swept:
            apply_setting(raw, setting)
    try:
        _refuse_code(raw)
        put_samples(raw)
        n_swept = _expand_sweeps(raw)
        for setting in of_swept:
            apply_setting(raw, setting)
        place_data(raw, Path())
        put_trials(raw, path.parent)
        for kind in ("model", "study"):
            raw[kind] = [read_entry(kind, e, i) for i, e in enumerate(tables(raw, kind))]
        plots = enumerate(tables(raw, "plot"))
        raw["plot"] = [Plot.read(plot, f"plot.{plot.get('name', i)}") for i, plot in plots]
        suite = SuiteSpec.read(raw, "")
        if suite.sizes == FROM_DATA and has_images(suite.data):
            suite = _sized(raw, suite)
        if suite.tune and not settings:  # with settings it is an experiment
            require_reasons(suite.train, suite.model)
        n_runs = n_swept * len(suite.seeds)
        require_few(n_runs, suite.max_runs, MOST_SWEPT, "sweep: models times seeds")
        return suite
    except ConfigError as error:
        raise ConfigError(f"suite '{name_or_file}': {error}") from error


def _refuse_code(raw: dict[str, Any]) -> None:
    for key in ("plugin", "plugins"):
        if key in raw:
            fix = "a suite file cannot run code; name the file on the command line: --plugin FILE"
            raise ConfigError(f"{key}: unknown key: {fix}")


def _sized(raw: dict[str, Any], suite: SuiteSpec) -> SuiteSpec:
    """Fill in what follows from the images; everything stated is checked before."""
    tasks_of(suite)
    fill(raw, images_of(DataConfig.read(suite.data, "data")))
    return SuiteSpec.read(raw, "")


def _expand_sweeps(raw: dict[str, Any]) -> int:
    """Replace each ``[[model]]`` with a sweep by its models; return how many these are."""
    entries, stated = tables(raw, "model"), raw.get("max_runs")
    models = [models_of(entry, stated if isinstance(stated, int) else None) for entry in entries]
    raw["model"] = [model for several in models for model in several]
    return sum(len(m) for entry, m in zip(entries, models, strict=True) if "sweep" in entry)


def expand(suite: SuiteSpec) -> list[RunSpec]:
    """Return every run of the suite: models in the order of the file, seeds within each.

    The runs of a model share their options, which are validated once.

    Raises:
        ConfigError: An option, budget or data setting is wrong.
    """
    specs = []
    for entry in suite.model:
        try:
            data = DataConfig.read(suite.data | entry.data, "data")
            train = TrainConfig.read(suite.train | entry.train, "train")
        except ConfigError as error:
            raise ConfigError(f"{error} (model '{entry.name}')") from error
        options = recipes[entry.recipe].options.read(entry.options, f"model.{entry.name}")
        same = (entry.name, entry.recipe, options, data, train)
        specs += [RunSpec(*same, seed, entry.assume) for seed in suite.seeds]
    return specs


def tasks_of(suite: SuiteSpec) -> list[Task]:
    """Return the evaluations of ``[evaluate]``: those in ``metrics``, then those with options.

    Raises:
        ConfigError: Unknown evaluator or option.
        DataError: The file of ``[features]`` cannot be read.
    """
    settings = dict(suite.evaluate)
    settings.pop("split", None)
    names = settings.pop("metrics", DEFAULT_METRICS)
    if not isinstance(names, list | tuple):
        raise ConfigError("evaluate.metrics: expected a list of names")
    for name in names:
        require_known(str(name), evaluators, "evaluate.metrics: unknown evaluator", BY_PLUGIN)
    if twice := repeated(names):
        raise ConfigError(f"evaluate.metrics: '{twice}' is listed twice")
    tasks = dict.fromkeys(names)
    for name, options in settings.items():
        known = ["metrics", "split", *evaluators]
        require_known(name, known, f"evaluate.{name}: unknown key", BY_PLUGIN)
        if not isinstance(options, dict):
            raise ConfigError(f"evaluate.{name}: expected a table of options")
        tasks[name] = make_task(name, options)
    return [_placed(task or make_task(name), suite.features) for name, task in tasks.items()]


def _placed(task: Task, features: FeatureOptions) -> Task:
    """Let a task that leaves its feature space open use the one of the suite."""
    if getattr(task.options, "features", "") != AUTO or features.name == AUTO:
        return task
    return replace(task, options=task.options.model_copy(update={"features": features.name}))


def split_of(suite: SuiteSpec) -> SplitName:
    """Return the split that models are evaluated on: ``split`` of ``[evaluate]``, or test.

    Raises:
        ConfigError: It is none of :data:`EVALUATED`.
    """
    split = suite.evaluate.get("split", SPLIT)
    require_known(str(split), EVALUATED, "evaluate.split: unknown split")
    return EVALUATED[EVALUATED.index(split)]
