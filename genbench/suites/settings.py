"""Applies ``--set key=value`` to the content of a suite file, before it is checked."""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genbench.core.errors import ConfigError, require_known
from genbench.data.own.names import place_of
from genbench.suites.load import parse_toml

MODEL_KEYS = ("recipe", "name", "note", "why", "assume", "sweep")
STUDY_KEYS = ("study", "name")
"""Keys of an entry itself; every other key belongs to one of its tables."""


def apply_setting(raw: dict[str, Any], setting: str) -> None:
    """Apply one ``key=value`` to the content of a suite file.

    ``train.epochs=1`` and ``data.limit=500`` apply to all models, even if they override or sweep
    the key; ``model.vae.latent_dim=8`` applies to one, ``model.*.latent_dim=8`` to all; likewise
    ``study.NAME.key=value``. ``evaluate.metrics=["elbo"]`` evaluates this and nothing else. Values
    are read as TOML, or else as a string.

    Example:
        >>> raw = {"train": {"epochs": 20}, "model": [{"recipe": "gan", "epochs": 9}]}
        >>> apply_setting(raw, "train.epochs=1")
        >>> raw
        {'train': {'epochs': 1}, 'model': [{'recipe': 'gan'}]}
    """
    key, equals, text = setting.partition("=")
    path = _path(raw, key)
    if not equals or not all(path):
        raise ConfigError(f"--set {setting}: expected key=value, for example train.epochs=1")
    value = _parse(text.strip(), key)
    if path[0] in ("model", "study") and len(path) > 2:
        for entry in _entries(raw, path[0], path[1], setting):
            put(entry, path[2:], value, f"--set {setting}")
            if path[2] in ("options", "train", "data"):
                _forget(entry, "", path[3:] or value)
            elif path[2] != "sweep":
                _forget_swept(entry, "", path[2:3])
        return
    put(raw, path, value, f"--set {setting}")
    if path == ["evaluate", "metrics"] and isinstance(value, list):
        raw["evaluate"] = {
            k: v for k, v in raw["evaluate"].items() if k in ("metrics", "split", *value)
        }
    if path[0] in ("train", "data"):
        for entry in tables(raw, "model"):
            _forget(entry, path[0], path[1:] or value)


def place_data(raw: dict[str, Any], folder: Path) -> None:
    """Make paths of own data, samples and weights, which are relative to ``folder``, absolute.

    Example:
        >>> raw = {"data": {"path": "shots.npz"}}
        >>> place_data(raw, Path("/images"))
        >>> raw
        {'data': {'path': '/images/shots.npz'}}
    """
    entries = [inner for entry in tables(raw, "model") for inner in (entry, entry.get("sweep"))]
    known = [entry for entry in entries if isinstance(entry, dict)]
    inner = (entry.get("data") for entry in known)
    for table in (raw.get("data"), *known, *inner, *tables(raw, "samples")):
        if isinstance(table, dict) and "path" in table:
            table["path"] = _placed(table["path"], folder)
    features = raw.get("features")
    if isinstance(features, dict) and "weights" in features:
        features["weights"] = _placed(features["weights"], folder)


def _placed(path: object, folder: Path) -> object:
    if isinstance(path, list):
        return [_placed(one, folder) for one in path]
    return str((folder / place_of(path)).absolute()) if path and isinstance(path, str) else path


def addresses_entry(raw: dict[str, Any], setting: str) -> bool:
    """Whether a setting is for a table of the file, and not for one model of a sweep."""
    kind, *which = _path(raw, setting.partition("=")[0])
    if kind != "model" or len(which) < 2:
        return True
    names = [entry_name(entry) for entry in tables(raw, kind)]
    return which[0] in ("*", *names) or _is_position(which[0])


def _path(raw: dict[str, Any], key: str) -> list[str]:
    """Split a key at its dots, other than those of a model's name."""
    kind, _, rest = key.strip().partition(".")
    names = [entry_name(entry) for entry in tables(raw, kind)] if kind == "model" else []
    dotted = [name for name in names if "." in name and rest.startswith(f"{name}.")]
    if not dotted:
        return [part.strip() for part in key.split(".")]
    name = max(dotted, key=len)
    return [kind, name, *(part.strip() for part in rest[len(name) + 1 :].split("."))]


def tables(raw: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """Return the tables of one kind, ``[[model]]`` or another, of a suite file.

    Raises:
        ConfigError: The key has another type.
    """
    entries = raw.get(kind, [])
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise ConfigError(f"{kind}: expected [[{kind}]] tables")
    return entries


def entry_name(entry: dict[str, Any]) -> str:
    """Return the name of a model or study: its own, or its recipe plus any assumption.

    Example:
        >>> entry_name({"recipe": "ae", "assume": {"prior": "gaussian"}})
        'ae+gaussian_prior+normal'
    """
    assume = entry.get("assume")
    prior = assume.get("prior") if isinstance(assume, dict) else None
    suffix = (f"+{prior}_prior" if prior else "") + ("+normal" if assume is not None else "")
    return str(entry.get("name", f"{entry.get('recipe', entry.get('study'))}{suffix}"))


def _forget(entry: dict[str, Any], table: str, keys: object) -> None:
    """Drop ``keys`` of a model, flat, in ``table`` or swept: a setting overrides them."""
    for key in keys if isinstance(keys, list | dict) else ():
        if key not in MODEL_KEYS:  # a model's name is not its data set's
            entry.pop(key, None)
        if isinstance(entry.get(table), dict):
            entry[table].pop(key, None)
    _forget_swept(entry, table, keys)


def _forget_swept(entry: dict[str, Any], table: str, keys: object) -> None:
    if isinstance(sweep := entry.get("sweep"), dict):
        _forget(sweep, table, keys)
        for name in [name for name, values in sweep.items() if values == {}]:
            del sweep[name]
        if not sweep:
            del entry["sweep"]


def _parse(text: str, key: str) -> Any:
    try:
        return parse_toml(f"value = {text}")["value"]
    except ConfigError as error:
        if isinstance(error.__cause__, tomllib.TOMLDecodeError):
            return text
        where, _, problem = str(error).rpartition(": ")
        raise ConfigError(f"{where.replace('value', key, 1) or key}: {problem}") from error


def _entries(raw: dict[str, Any], kind: str, which: str, setting: str) -> list[dict[str, Any]]:
    entries = tables(raw, kind)
    if which == "*" and entries:
        return entries
    named = {entry_name(entry): entry for entry in entries}
    if _is_position(which) and int(which) < len(entries):
        return [entries[int(which)]]
    require_known(which, named, f"--set {setting}: no {kind}")
    return [named[which]]


def _is_position(text: str) -> bool:
    return len(text) <= 9 and text.isascii() and text.isdigit()


def put(table: dict[str, Any], path: Sequence[str], value: Any, where: str) -> None:
    """Set a key in a table, or in one inside it, which is made if there is none.

    Raises:
        ConfigError: A key on the way has a value that is no table.
    """
    for part in path[:-1]:
        inner = table.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{where}: '{part}' is a value, not a table")
        table = inner
    table[path[-1]] = value
