"""Checks the data and labels that a user hands to ``evaluate``."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from genbench.core.capabilities import Conditions
from genbench.core.errors import ConfigError


def tensor_of(value: Any, name: str) -> Tensor:
    """Return a tensor or a NumPy array as a tensor that autograd may use.

    Raises:
        ConfigError: It is neither, holds no numbers, or has no first dimension.
    """
    if isinstance(value, np.ndarray):
        value = _tensor_of_array(value, name)
    if not isinstance(value, Tensor):
        what, hint = type(value).__name__, _hint(value)
        raise ConfigError(f"{name} is a {what}: pass a tensor or a NumPy array (N, ...){hint}")
    if not value.ndim:
        raise ConfigError(f"{name} is a single number: pass a tensor (N, ...)")
    return value.clone() if value.is_inference() else value


def _tensor_of_array(array: "np.ndarray[Any, Any]", name: str) -> Tensor:
    try:
        return torch.tensor(array)
    except TypeError as error:
        raise ConfigError(f"{name}: an array of {array.dtype} does not hold numbers") from error


def _hint(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "; numpy.array converts it"
    if isinstance(value, Dataset | DataLoader):
        return "; torch.stack([x for x, y in dataset]) converts a data set"
    return "; to_numpy() converts it" if hasattr(value, "to_numpy") else ""


def labels_of(y: Any, model: Any, n: int) -> Tensor:
    """Return labels as a tensor; those of a conditional model must be class indices (N,).

    Raises:
        ConfigError: They are not, or there are not ``n`` of them.
    """
    labels = tensor_of(y, "y")
    if len(labels) != n:
        raise ConfigError(f"y has {len(labels)} labels for {n} data")
    if not isinstance(model, Conditions):
        return labels
    if labels.ndim != 1:
        way = "y.argmax(1) of one-hot rows" if labels.shape[1:].numel() > 1 else "y.flatten()"
        raise ConfigError(f"y has shape {tuple(labels.shape)}: labels are (N,), such as {way}")
    if labels.is_floating_point() or labels.is_complex():
        raise ConfigError(f"y has dtype {labels.dtype}: labels must be integers, such as y.long()")
    _check_range(labels, getattr(model, "n_classes", None))
    return labels.long()


def _check_range(y: Tensor, n_classes: object) -> None:
    lowest, highest = int(y.min()), int(y.max())
    if lowest < 0:
        raise ConfigError(f"y has the label {lowest}: labels are 0, 1, 2 and so on")
    if isinstance(n_classes, int) and highest >= n_classes:
        raise ConfigError(
            f"y has the label {highest}: the model's classes are 0 to {n_classes - 1}"
        )


def check_layout(shape: Sequence[int], of_model: Sequence[int]) -> None:
    """Check that data are images of the model's shape, or the same numbers in a row.

    Args:
        shape: Of one datum.
        of_model: Of one image of the model.

    Raises:
        ConfigError: They have other sizes, or another order of dimensions.
    """
    shape, of_model = tuple(shape), tuple(of_model)
    n, expected = torch.Size(shape).numel(), torch.Size(of_model).numel()
    if n != expected:
        raise ConfigError(
            f"x has data of shape {shape}, {n} numbers each; the model's images have shape "
            f"{of_model}, {expected} numbers"
        )
    sides = [[size for size in one if size != 1] for one in (shape, of_model)]
    if sides[0] != sides[1] and min(map(len, sides)) > 1:
        raise ConfigError(
            f"x has data of shape {shape}, the model's images have shape {of_model}: "
            "x.permute puts the dimensions in that order"
        )
