"""The tables ``[[model]]``, ``[[samples]]``, ``[[study]]``, ``[[plot]]`` and ``[[published]]``."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import Field, PositiveFloat

from genbench.core.errors import ConfigError, did_you_mean, require_known
from genbench.core.memory import require_memory
from genbench.core.names import LONGEST, require_name
from genbench.core.options import Line, Options
from genbench.core.plot import Plot
from genbench.core.registry import Registry
from genbench.data import DataConfig
from genbench.data.archives.read import PREFIX
from genbench.data.own.names import name_of, place_of
from genbench.recipes import recipes
from genbench.recipes.archives import ARCHIVE
from genbench.runs.assume import Assume
from genbench.runs.room import require_end
from genbench.studies import studies
from genbench.studies.store import StudySpec
from genbench.studies.study import StudyOptions
from genbench.suites.settings import MODEL_KEYS, STUDY_KEYS, entry_name, tables
from genbench.training.config import TrainConfig

TABLES = ("history", "metrics")
"""Tables of a suite that a ``[[plot]]`` may show."""


_KINDS: dict[str, tuple[Registry[Any], tuple[str, ...], dict[str, type[Options]]]] = {
    "model": (
        recipes,
        MODEL_KEYS,
        {"train": TrainConfig, "data": DataConfig},
    ),
    "study": (studies, STUDY_KEYS, {}),
}
"""For each kind of entry: where it is registered, its own keys, and tables beside ``options``."""


class ModelEntry(Options):
    """One ``[[model]]``: a recipe, the name of its row, and its overrides.

    Attributes:
        recipe: Name of the recipe.
        name: Of its row; by default that of the recipe, with what is assumed.
        note: Shown beside its name.
        why: Why its budget or its network differs from those of the other models, if it does.
        options: Of the recipe; they may also be written directly.
        data: Overrides of ``[data]``; they may also be written directly.
        train: Overrides of ``[train]``; they may also be written directly.
        assume: Prior and noise that give a model without a likelihood one.
        sweep: Lists of values for other keys: one model for each combination, named by its values.
    """

    recipe: str
    name: str
    note: Line = ""
    why: Line = ""
    options: dict[str, Any] = Field(default_factory=dict)
    data: dict[str, Any] = Field(default_factory=dict)
    train: dict[str, Any] = Field(default_factory=dict)
    assume: Assume | None = None
    sweep: dict[str, Any] = Field(default_factory=dict, exclude=True)


class SamplesEntry(Options):
    """One ``[[samples]]``: images that somebody made, as a row beside the models.

    Attributes:
        name: Of its row, after ``external:``; by default that of the file.
        path: A folder of images, or an ``.npz``, ``.npy`` or ``.parquet`` file; relative to the
            suite file.
        note: Shown beside its name.
    """

    name: str = ""
    path: str
    note: Line = ""

    @property
    def model(self) -> dict[str, Any]:
        """The same as a ``[[model]]``."""
        name = require_name(self.name or name_of(place_of(self.path)), "samples.name")
        known = {"recipe": ARCHIVE, "name": f"{PREFIX}{name}", "options": {"path": self.path}}
        return known | ({"note": self.note} if self.note else {})


class StudyEntry(Options):
    """One ``[[study]]``: a registered study, the name of its folder, and its options.

    Attributes:
        study: Name of the registered study; by default ``name``.
        name: Of its folder; by default that of the study.
        options: Of the study; they may also be written directly.
    """

    study: str
    name: str = Field(pattern=r"^[a-z0-9_]+$", max_length=LONGEST)
    options: dict[str, Any] = Field(default_factory=dict)

    def spec(self, limit: int | None = None) -> StudySpec:
        """Return the study with validated options.

        Args:
            limit: Data points to keep, for a study that has an option of this name.

        Raises:
            ConfigError: A key or value is wrong.
        """
        cls = studies[self.study].options
        limited = limit is not None and "limit" in cls.model_fields
        stated = self.options | ({"limit": limit} if limited else {})
        options = cls.read(stated, where := f"study.{self.name}")
        _require_room(options, where)
        return StudySpec(self.name, self.study, options)


def _require_room(options: Options, where: str) -> None:
    """Refuse a study whose largest array fits into no memory, or whose trainings do not end."""
    if isinstance(options, StudyOptions):
        require_memory(8 * options.n_numbers(), f"{where}: the largest array")
    for key in type(options).model_fields:
        if isinstance(train := getattr(options, key), TrainConfig):
            require_end(train, 1, f"{where}.{key}")


class Published(Options):
    """A published number, shown beside the one measured here.

    Attributes:
        model: Name of the model of this suite that repeats it.
        metric: Name of the metric.
        value: With the sign and unit of the metric.
        stderr: As published, of whatever kind.
        schedule: The published amounts of what the suite may have less of: ``epochs``, or an option
            of the metric such as ``n_temperatures``. Below a tenth of one, ours is no comparison.
        source: Paper and table.
        note: Differences in protocol.
        tag: How well the number is verified.
    """

    model: str
    metric: Line
    value: float
    stderr: PositiveFloat | None = None
    schedule: dict[str, PositiveFloat] = Field(default_factory=dict)
    source: Line
    note: Line = ""
    tag: Line = ""


def read_entry(kind: str, entry: dict[str, Any], index: int) -> dict[str, Any]:
    """Sort the flat keys of a ``[[model]]`` or ``[[study]]`` into the tables they belong to.

    What it runs is given by ``recipe`` or ``study``, or else by ``name``.

    Raises:
        ConfigError: An unknown recipe, study or key.
    """
    registry, own, others = _KINDS[kind]
    key = own[0]
    stated = key if key in entry or kind == "model" else "name"
    registered = entry.get(key, entry.get("name"))
    if not isinstance(registered, str):
        raise ConfigError(f"{kind}.{index}.{stated}: missing; {did_you_mean('', registry)}")
    if not isinstance(entry.get("name", ""), str):
        raise ConfigError(f"{kind}.{index}.name: expected a text")
    name = require_name(entry_name({key: registered} | entry), f"{kind}.{index}.name")
    try:
        tables = {"options": registry[registered].options, **others}
    except ConfigError as error:
        raise ConfigError(f"{kind}.{name}.{stated}: {error}") from error
    content = _sorted(entry, f"{kind}.{name}", own, tables)
    if "assume" in content:
        content["assume"] = Assume.read(entry["assume"], f"{kind}.{name}.assume")
    return {"name": name} | content | {key: registered}


def _sorted(
    entry: dict[str, Any], where: str, own: Sequence[str], tables: dict[str, type[Options]]
) -> dict[str, Any]:
    """Return an entry's ``own`` keys, and all others in one of the tables."""
    content: dict[str, Any] = {key: entry[key] for key in own if key in entry}
    for table in tables:
        content[table] = entry.get(table, {})
        if not isinstance(content[table], dict):
            raise ConfigError(f"{where}.{table}: expected a table of keys")
    table_of = {key: name for name in reversed(tables) for key in tables[name].model_fields}
    for key in [key for key in entry if key not in (*own, *tables)]:
        if advice := _replaced(key, tables.values()):
            raise ConfigError(f"{where}.{key}: unknown key; {advice}")
        require_known(key, table_of, f"{where}.{key}: unknown key")
        content[table_of[key]] = content[table_of[key]] | {key: entry[key]}
    return content


def _replaced(key: str, tables: Iterable[type[Options]]) -> str:
    """Return what to write instead of a key of an older version; nothing for other keys."""
    return next((table.replaced[key] for table in tables if key in table.replaced), "")


def put_samples(raw: dict[str, Any]) -> None:
    """Make a ``[[model]]`` of each ``[[samples]]`` in the content of a suite file.

    Raises:
        ConfigError: A key or value is wrong.
    """
    stated = enumerate(tables(raw, "samples"))
    entries = [SamplesEntry.read(entry, f"samples.{i}") for i, entry in stated]
    raw.pop("samples", None)
    if entries:
        raw["model"] = [*tables(raw, "model"), *(entry.model for entry in entries)]


def require_own(plot: Plot, models: Sequence[str]) -> None:
    """Check that a declared figure shows a table and models of the suite.

    Raises:
        ConfigError: It shows an unknown table or model.
    """
    where = f"plot.{plot.name}"
    if plot.kind == "images":
        problem = "'images' shows an array of a study; known: lines, points, bars"
        raise ConfigError(f"{where}.kind: {problem}")
    require_known(plot.table, TABLES, f"{where}.table: no table")
    for name in plot.models:
        require_known(name, models, f"{where}.models: no model")
