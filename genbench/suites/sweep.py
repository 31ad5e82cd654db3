"""``sweep`` of a ``[[model]]``: a model for each combination of values."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from itertools import pairwise, product
from pathlib import Path
from typing import Any

from genbench.core.errors import ConfigError, require_known
from genbench.core.names import LONGEST
from genbench.suites.settings import MODEL_KEYS, entry_name, put

MOST_SWEPT = 200
"""Runs that sweeps may ask for, unless a suite states ``max_runs``."""
MOST_STATED = 10**5
"""The largest ``max_runs``."""
_TOLD = 10**18
"""Runs that a message counts."""
_TABLES = ("options", "train", "data")
_PLACE = re.compile(r"\{([^{}]*)\}")
Key = tuple[str, ...]
"""A key and those of the tables around it: ``("observation", "scale")``."""


def require_few(n_runs: int, max_runs: int | None, default: int, what: str) -> None:
    """Refuse more runs than a suite allows.

    Raises:
        ConfigError: There are more; names the number and the key.
    """
    limit = min(max_runs or default, MOST_STATED)
    if n_runs > limit:
        fix = f"; `max_runs = {n_runs}` allows them" if n_runs <= MOST_STATED else ""
        count = str(n_runs) if n_runs < _TOLD else f"over {_TOLD}"
        raise ConfigError(f"{what}: {count} runs, at most {limit}{fix}")


def models_of(entry: dict[str, Any], max_runs: int | None = None) -> list[dict[str, Any]]:
    """Return the models of a ``[[model]]``: one, or one for each combination of swept values.

    The last key varies fastest. A model is named by its values, after the name of the entry, or in
    its place where that has a ``{key}``.

    Raises:
        ConfigError: The sweep is wrong, or asks for too many runs.

    Example:
        >>> [m["name"] for m in models_of({"recipe": "vae", "sweep": {"latent_dim": [2, 8]}})]
        ['vae_latent_dim2', 'vae_latent_dim8']
    """
    recipe, name = entry.get("recipe", entry.get("name")), entry_name(entry)
    rest = {key: value for key, value in entry.items() if key != "sweep"}
    if "sweep" not in entry or not isinstance(recipe, str):
        return [rest]
    axes = _axes(entry["sweep"], rest, f"model.{name}.sweep", max_runs)
    chosen = [dict(zip(axes, values, strict=True)) for values in product(*axes.values())]
    models = []
    for values, own in zip(chosen, _names(name, chosen), strict=True):
        models.append(deepcopy(rest) | {"recipe": recipe, "name": own})
        for key, value in values.items():
            put(models[-1], key, value, f"model.{name}.sweep")
    return models


def _axes(
    sweep: object, rest: dict[str, Any], where: str, max_runs: int | None
) -> dict[Key, list[Any]]:
    """Return the values of each key of a sweep.

    Raises:
        ConfigError: A list is missing, empty or repeats a value, a key has several values, or there
            are too many combinations.
    """
    if not isinstance(sweep, dict) or not sweep:
        raise ConfigError(f"{where}: expected a table of lists: sweep = {{ beta = [1, 4] }}")
    axes = dict(_flat(sweep))
    for key, values in axes.items():
        name = f"{where}.{'.'.join(key)}"
        if key[0] in MODEL_KEYS and key[0] != "assume":
            raise ConfigError(f"{name}: not a key that can be swept")
        if not isinstance(values, list) or not values:
            raise ConfigError(f"{name}: expected a list of at least one value")
        places: dict[object, int] = {}
        for i, value in enumerate(values):
            if (first := places.setdefault(_hashable(value), i)) < i:
                raise ConfigError(f"{name}: {values[first]!r} is listed twice")
        if any(_holds(rest, other) for other in _spellings(key)):
            raise ConfigError(f"{name}: stated in the entry too; leave it out there")
    for a, b in pairwise(sorted(map(_bare, axes))):
        if a == b[: len(a)]:
            raise ConfigError(f"{where}: {'.'.join(a)} and {'.'.join(b)} are the same key")
    require_few(math.prod(map(len, axes.values())), max_runs, MOST_SWEPT, where)
    return axes


def _hashable(value: object) -> object:
    match value:
        case list():
            return tuple(map(_hashable, value))
        case dict():
            return frozenset((key, _hashable(inner)) for key, inner in value.items())
    return value


def _flat(table: Mapping[str, Any], above: Key = ()) -> Iterator[tuple[Key, Any]]:
    for key, value in table.items():
        path = (*above, *key.split("."))
        if isinstance(value, dict):
            yield from _flat(value, path)
        else:
            yield path, value


def _bare(key: Key) -> Key:
    return key[1:] if key[0] in _TABLES else key


def _spellings(key: Key) -> list[Key]:
    """Return where an entry may state a key: flat, or in a table."""
    bare = _bare(key)
    return [key] if bare[:1] == ("name",) else [bare, *((table, *bare) for table in _TABLES)]


def _holds(table: object, key: Key) -> bool:
    for part in key:
        if not isinstance(table, dict) or part not in table:
            return False
        table = table[part]
    return True


def _names(name: str, chosen: Sequence[Mapping[Key, Any]]) -> list[str]:
    """Return a name for each combination; by number where values make none, or the same twice."""
    names = [_name(name, {".".join(key): _shown(key, v) for key, v in c.items()}) for c in chosen]
    if len(set(names)) == len(names) and max(map(len, names)) <= LONGEST:
        return names
    return [f"{_PLACE.sub('', name)}_{i}" for i in range(1, len(names) + 1)]


def _shown(key: Key, value: object) -> object:
    """Return what a name says of a value: of a path its last part, without the suffix."""
    return Path(value).stem if key[-1] == "path" and isinstance(value, str) else value


def _name(name: str, values: Mapping[str, Any]) -> str:
    placed = _PLACE.findall(name)
    for key in placed:
        require_known(key, values, f"model.{name}.name: no swept key")
    name = _PLACE.sub(lambda match: label(values[match[1]]), name)
    parts = (_joined(key.split(".")[-1], v) for key, v in values.items() if key not in placed)
    return "_".join([name, *parts])


def _joined(key: str, value: object) -> str:
    """Return a key with its value: numbers follow directly, all else after an underscore."""
    text = label(value)
    return f"{key}{text}" if text[:1].isdigit() or text[:1] == "-" else f"{key}_{text}"


def label(value: object) -> str:
    """Write a value as a part of a name.

    Example:
        >>> [label(v) for v in (0.5, 1.0, True, "a b", [400, 400], [], {"kind": "x", "scale": 2})]
        ['0.5', '1', 'true', 'a-b', '400x400', 'none', 'x_scale2']
    """
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value).removesuffix(".0")
        case list():
            return "x".join(map(label, value)) or "none"
        case dict():
            parts = (label(v) if k == "kind" else _joined(k, v) for k, v in value.items())
            return "_".join(parts) or "none"
        case _:
            return re.sub(r"[^\w.+-]+", "-", str(value)).strip("-") or "none"
