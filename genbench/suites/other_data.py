"""Puts other images in the place of a suite's own: ``run --data``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genbench.core.errors import ConfigError
from genbench.data.own.names import name_of
from genbench.data.protocol import DataConfig, chosen
from genbench.suites.settings import tables
from genbench.suites.standard import FROM_DATA

KEPT = ("binarisation", "dequantisation", "seed", "limit")
"""Keys of ``[data]`` that say how images are presented, whichever they are."""


def put_data(raw: dict[str, Any], data: str | Path) -> None:
    """Let the models of a suite be trained on other images, presented as before.

    What the suite says about its own images goes, published numbers too.

    Args:
        raw: The content of a suite file.
        data: A file or folder of images, or the name of a registered data set.

    Raises:
        ConfigError: The suite has no models, or both a data set and a file have that name.
    """
    models = tables(raw, "model")
    if raw.get("suites"):
        return  # a collection has no data of its own
    if not models:
        raise ConfigError(f"--data: suite '{raw['name']}' has no models to train")
    _forget(raw.setdefault("data", {}), ())
    for model in models:
        _forget(model, ("name",))
        _forget(model.get("data"), ())
    source = chosen(data)
    _require_one_meaning(source)
    raw["data"] |= source
    name = source.get("name") or name_of(Path(data))
    if raw.get("sizes") == FROM_DATA:
        raw["title"] = f"{raw['title']} on {name}"
    else:
        raw["title"] = f"Models of {raw['name']} on {name}"
        raw["description"] = f"The models of the suite {raw['name']}, with its sizes and budgets."
    raw.pop("published", None)


def _forget(table: object, but: Sequence[str]) -> None:
    """Drop what a table says about its own images."""
    if isinstance(table, dict):
        for key in {*DataConfig.model_fields} - {*KEPT, *but}:
            table.pop(key, None)


def _require_one_meaning(source: Mapping[str, str]) -> None:
    name = source.get("name", "")
    if name and Path(name).exists():
        raise ConfigError(
            f"--data: '{name}' is a data set and also lies here; write --data ./{name} for what "
            f"lies here, or --suite standard --set data.name={name} for the data set"
        )
