"""Builds the model of a stored run again and gives it the stored weights; needs no data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from genbench.core.errors import ConfigError, StorageError, first_line
from genbench.data import DataConfig, datasets
from genbench.data.protocol import split_sizes
from genbench.recipes import DataFacts, recipes
from genbench.results import run_folder
from genbench.results.run_folder import RunFolder
from genbench.results.sealed_folder import REDO
from genbench.results.sealed_runs import require_identity
from genbench.runs.assume import Assume, shell
from genbench.runs.build import initialised
from genbench.runs.room import require_room
from genbench.runs.spec import RunSpec
from genbench.training.checkpoint import read_weights
from genbench.training.config import TrainConfig

_ASKED = {"recipe_version", "options", "train"}
_LARGEST_IMAGE = 2**26
_GREY = 0.5
"""Where the mean image is not known: it sets initial weights only, and those are replaced."""


def stored_model(folder: RunFolder, name: str) -> nn.Module:
    """Return the model of a run in eval mode, on the CPU, every weight the stored one.

    Args:
        folder: Of the run.
        name: Of its model, for messages.

    Raises:
        ConfigError: Its recipe is not registered here.
        StorageError: The run is unfinished or damaged, did not end well, or is of another version
            of its recipe.
    """
    path = _weights(folder)
    spec = _specification(folder, name)
    facts = _facts(spec.data, folder.read(run_folder.SPEC)["description"])
    _require_modest(spec, facts, folder / run_folder.SPEC)
    model = initialised(spec, facts).model
    if spec.assume:
        model = shell(model, spec.assume, facts.image_shape)
    try:
        model.load_state_dict(read_weights(path))
    except RuntimeError as error:
        raise StorageError(f"{path} does not fit the model: {first_line(error)}") from error
    return model.eval()


def _weights(folder: RunFolder) -> Path:
    """Return the file of the weights; its digest is the stored one."""
    if not folder.is_sealed:
        raise StorageError(f"{folder.path} is unfinished; running the suite again finishes it")
    folder.checked(run_folder.METRICS)
    metrics = folder.read(run_folder.METRICS)
    if metrics["status"] != "ok":
        raise StorageError(f"{folder.path} has no model: {metrics['status']}: {metrics['reason']}")
    path = folder.checked(run_folder.MODEL)
    if path is None:
        raise StorageError(f"{folder.path} is damaged: it has no {run_folder.MODEL}; {REDO}")
    return path


def _specification(folder: RunFolder, name: str) -> RunSpec:
    """Return what the run was asked to be; its identity is the folder's name."""
    folder.checked(run_folder.SPEC)
    stored: dict[str, Any] = folder.read(run_folder.SPEC)
    if lacking := sorted(_ASKED - stored.keys()):
        raise StorageError(f"{folder / run_folder.SPEC} is damaged: no {lacking[0]}; {REDO}")
    require_identity(folder.path, stored)
    recipe = recipes[stored["recipe"]]
    if recipe.version != stored["recipe_version"]:
        raise StorageError(
            f"{folder.path} is of version {stored['recipe_version']} of recipe '{recipe.name}', "
            f"which has version {recipe.version} here; {REDO}"
        )
    data = {key: value for key, value in stored["data"].items() if key != "digest"}
    assume = stored.get("assume")
    try:
        return RunSpec(
            name,
            recipe.name,
            recipe.options.read(stored["options"], "options"),
            DataConfig.of_identity(data),
            TrainConfig.read(_budget(stored["train"]), "train"),
            stored["seed"],
            Assume.read(assume, "assume") if assume else None,
        )
    except ConfigError as error:
        raise StorageError(f"{folder / run_folder.SPEC}: {first_line(error)}; {REDO}") from error


def _budget(stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of a training budget; TF32 once had one of its own."""
    rest = dict(stated)
    return rest | {"precision": "tf32"} if rest.pop("tf32", False) else rest


def _facts(config: DataConfig, description: Mapping[str, Any]) -> DataFacts:
    """Return what the run knew of its data; of an older run, what the registry knows of them."""
    if description.keys() >= {"image_shape", "n_train", "n_classes"}:
        channels, height, width = description["image_shape"]
        if not 0 < channels * height * width <= _LARGEST_IMAGE:
            raise StorageError(f"images of shape {description['image_shape']} are damaged; {REDO}")
        shape, n_train = (channels, height, width), description["n_train"]
        n_classes = description["n_classes"]
    else:
        data = datasets[config.name]
        shape, n_classes, n_train = data.image_shape, data.n_classes, split_sizes(config, data)[0]
    return DataFacts(shape, n_classes, torch.full(shape, _GREY), n_train)


def _require_modest(spec: RunSpec, facts: DataFacts, path: Path) -> None:
    """Refuse a model that does not fit in memory before it is built.

    Raises:
        StorageError: Whoever wrote the specification never trained it.
    """
    try:
        require_room(spec, facts, torch.device("cpu"))
    except ConfigError as error:
        raise StorageError(f"{path} is damaged: {first_line(error)}") from error
