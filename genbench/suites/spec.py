"""The suite file, checked: every key is known, every mistake is named with its key."""

from typing import Any

from pydantic import Field, PositiveFloat, ValidationError, field_validator, model_validator

from genbench.core.errors import ConfigError, did_you_mean
from genbench.core.options import Options, explain
from genbench.data import DataConfig
from genbench.evaluation.runner import Task, make_task
from genbench.evaluation.spec import evaluators
from genbench.recipes import recipes
from genbench.runs.assume import Assume
from genbench.runs.spec import RunSpec
from genbench.suites.settings import entry_name, model_tables
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


class ModelEntry(Options):
    """One ``[[model]]``: a recipe, a name for its row, and what it overrides."""

    recipe: str
    name: str
    note: str = ""
    options: dict[str, Any] = Field(default_factory=dict)
    data: dict[str, Any] = Field(default_factory=dict)
    train: dict[str, Any] = Field(default_factory=dict)
    assume: Assume | None = None


class Published(Options):
    """A published number, to be set beside the one measured here.

    ``value`` has the sign and unit of ``metric``; ``note`` names the differences of protocol, and
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
    """A whole suite."""

    name: str = Field(pattern=r"^[^./\\][^/\\]*$")  # it becomes a folder
    title: str
    description: str = ""
    seeds: tuple[int, ...] = Field((0,), min_length=1)
    data: dict[str, Any]
    train: dict[str, Any] = Field(default_factory=dict)
    model: tuple[ModelEntry, ...] = Field(min_length=1)
    evaluate: dict[str, Any] = Field(default_factory=dict)
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

    @model_validator(mode="after")
    def _distinct(self) -> "SuiteSpec":
        names = [entry.name for entry in self.model]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two models are named '{name}': give one a `name`")
        for i, published in enumerate(self.published):
            if published.model not in names:
                hint = did_you_mean(published.model, names)
                raise ValueError(f"published.{i}.model: no model '{published.model}'; {hint}")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds must differ from each other")
        return self


def parse_suite(raw: dict[str, Any], name: str) -> SuiteSpec:
    """Check a suite file's content.

    Raises:
        ConfigError: Names each wrong key.
    """
    entries = model_tables(raw)
    settled = raw | {"name": raw.get("name", name), "title": raw.get("title", name)}
    settled["model"] = [_route(dict(entry), i) for i, entry in enumerate(entries)]
    try:
        return SuiteSpec.model_validate(settled)
    except ValidationError as error:
        raise ConfigError(explain(error, "", SuiteSpec)) from error


def _route(entry: dict[str, Any], index: int) -> dict[str, Any]:
    """Sort an entry's flat keys into recipe options, ``[train]`` and ``[data]`` overrides."""
    recipe = entry.get("recipe", entry.get("name"))
    if not isinstance(recipe, str):
        raise ConfigError(f"model.{index}.recipe: missing; {did_you_mean('', recipes)}")
    name = entry_name({"recipe": recipe} | entry)
    try:
        options = recipes[recipe].options.model_fields
    except ConfigError as error:
        raise ConfigError(f"model.{name}.recipe: {error}") from error
    homes = {"options": options, "train": TrainConfig.model_fields, "data": DataConfig.model_fields}
    routed: dict[str, Any] = {
        "recipe": recipe,
        "name": entry.get("name", name),
        "note": entry.get("note", ""),
        "assume": _assumed(entry, name),
    }
    for part in homes:
        table: Any = entry.get(part, {})
        if not isinstance(table, dict):
            raise ConfigError(f"model.{name}.{part}: write a table of keys")
        routed[part] = dict(table)
    for key, value in entry.items():
        if key in ("recipe", "name", "note", "assume", *homes):
            continue
        home = next((h for h, fields in homes.items() if key in fields), None)
        if home is None:
            known = [*options, *TrainConfig.model_fields, *DataConfig.model_fields]
            raise ConfigError(f"model.{name}.{key}: unknown key; {did_you_mean(key, known)}")
        routed[home][key] = value
    return routed


def _assumed(entry: dict[str, Any], name: str) -> Assume | None:
    if "assume" not in entry:
        return None
    try:
        return Assume.model_validate(entry["assume"])
    except ValidationError as error:
        raise ConfigError(explain(error, f"model.{name}.assume", Assume)) from error


def expand(suite: SuiteSpec) -> list[RunSpec]:
    """Return every run of the suite: models in the order of the file, seeds within each.

    Raises:
        ConfigError: An option, budget or data setting is wrong.
    """
    return [_run_spec(suite, entry, seed) for entry in suite.model for seed in suite.seeds]


def _run_spec(suite: SuiteSpec, entry: ModelEntry, seed: int) -> RunSpec:
    data = _checked(DataConfig, suite.data | entry.data, "data", entry)
    train = _checked(TrainConfig, suite.train | entry.train, "train", entry)
    spec = RunSpec(
        name=entry.name,
        recipe=entry.recipe,
        options=entry.options,
        data=data,
        train=train,
        seed=seed,
        assume=entry.assume,
    )
    spec.recipe_options()
    return spec


def _checked(model: Any, value: dict[str, Any], where: str, entry: ModelEntry) -> Any:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise ConfigError(f"{explain(error, where, model)} (model '{entry.name}')") from error


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
    for name, options in settings.items():
        if name not in evaluators:
            raise ConfigError(
                f"evaluate.{name}: unknown; {did_you_mean(name, ['metrics', *evaluators])}"
            )
        if not isinstance(options, dict):
            raise ConfigError(f"evaluate.{name}: write a table of options")
        make_task(name, options)
    return [make_task(str(name), settings.get(name)) for name in names]
