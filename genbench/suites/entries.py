"""The tables ``[[model]]``, ``[[study]]`` and ``[[plot]]`` of a suite file."""

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from genbench.core.errors import ConfigError, did_you_mean
from genbench.core.options import Options
from genbench.core.plot import Plot
from genbench.data import DataConfig
from genbench.recipes import recipes
from genbench.runs.assume import Assume
from genbench.studies import studies
from genbench.studies.store import StudySpec
from genbench.suites.settings import entry_name
from genbench.training.config import TrainConfig

TABLES = ("history", "metrics")
"""Tables of a suite that a ``[[plot]]`` may show."""


class ModelEntry(Options):
    """One ``[[model]]``: a recipe, the name of its row, and what it overrides."""

    recipe: str
    name: str
    note: str = ""
    options: dict[str, Any] = Field(default_factory=dict)
    data: dict[str, Any] = Field(default_factory=dict)
    train: dict[str, Any] = Field(default_factory=dict)
    assume: Assume | None = None


class StudyEntry(Options):
    """One ``[[study]]``: a registered study, the name of its folder, and its options."""

    study: str
    name: str = Field(pattern=r"^[a-z0-9_]+$")
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
        return StudySpec(self.name, self.study, cls.read(stated, f"study.{self.name}"))


def route_model(entry: dict[str, Any], index: int) -> dict[str, Any]:
    """Sort an entry's flat keys into recipe options, ``[train]`` and ``[data]`` overrides.

    Raises:
        ConfigError: No such recipe, or an unknown key.
    """
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
    }
    if "assume" in entry:
        routed["assume"] = Assume.read(entry["assume"], f"model.{name}.assume")
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


def route_study(entry: dict[str, Any], index: int) -> dict[str, Any]:
    """Sort a ``[[study]]`` table's keys: the study's own options may stand flat in it.

    Raises:
        ConfigError: No such study, or an option that it does not have.
    """
    study = entry.get("study", entry.get("name"))
    if not isinstance(study, str):
        raise ConfigError(f"study.{index}.name: missing; {did_you_mean('', studies)}")
    name = entry.get("name", study)
    try:
        known = studies[study].options.model_fields
    except ConfigError as error:
        key = "study" if "study" in entry else "name"
        raise ConfigError(f"study.{name}.{key}: {error}") from error
    options = entry.get("options", {})
    if not isinstance(options, dict):
        raise ConfigError(f"study.{name}.options: write a table of keys")
    flat = {k: v for k, v in entry.items() if k not in ("study", "name", "options")}
    for key in (*options, *flat):
        if key not in known:
            hint = did_you_mean(key, known) if known else "this study has no options"
            raise ConfigError(f"study.{name}.{key}: unknown key; {hint}")
    return {"study": study, "name": name, "options": options | flat}


def require_own(plot: Plot, models: Sequence[str]) -> None:
    """Check that a declared figure shows a table and models of the suite.

    Raises:
        ValueError: It shows something else.
    """
    where = f"plot.{plot.name}"
    if plot.kind == "images":
        raise ValueError(
            f"{where}.kind: 'images' shows an array of a study; known: lines, points, bars"
        )
    if plot.table not in TABLES:
        hint = did_you_mean(plot.table, TABLES)
        raise ValueError(f"{where}.table: no table '{plot.table}'; {hint}")
    for name in plot.models:
        if name not in models:
            raise ValueError(f"{where}.models: no model '{name}'; {did_you_mean(name, models)}")
