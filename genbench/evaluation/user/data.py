"""Reads the data and labels that a user hands over, in whatever holds them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from genbench.core.capabilities import Conditions
from genbench.core.errors import ConfigError

Pair = tuple[Tensor, Tensor | None]


def read_data(x: Any, y: Any = None) -> Pair:
    """Return data (N, ...) and their labels (N,), if there are any.

    A torch ``Dataset`` or ``DataLoader`` is read whole; its labels count unless ``y`` is given. A
    list holds numbers, or tensors, arrays or PIL images of one size. PIL images become (C, H, W)
    with values in [0, 1], as torchvision has them; nothing else is scaled or turned round.

    Raises:
        ConfigError: There are no numbers in it, or none at all; some are NaN or infinite.
    """
    if isinstance(x, Dataset | DataLoader):
        x, found = _read_set(x)
        y = found if y is None else y
    x = tensor_of(x, "x")
    if not len(x):
        raise ConfigError("x is empty: there is nothing to evaluate")
    _require_finite(x)
    return x, None if y is None else tensor_of(y, "y")


def _require_finite(x: Tensor) -> None:
    bad = (~x.reshape(len(x), -1).isfinite()).any(dim=1)
    if bad.any():
        n, first = int(bad.sum()), int(bad.nonzero()[0])
        raise ConfigError(
            f"x: {n} of {len(x)} data hold NaN or infinite numbers; the first is x[{first}]"
        )


def _read_set(data: Any) -> tuple[Tensor, Tensor | None]:
    """Return the images and labels of a data set or loader."""
    with torch.random.fork_rng(devices=()):  # a loader draws its order, on the CPU
        parts = [_split(item) for item in _items(data)]
    images = [_image(x) if not isinstance(x, Tensor) else x for x, _ in parts]
    labels = [torch.as_tensor(y) for _, y in parts if y is not None]
    join = torch.cat if isinstance(data, DataLoader) and data.batch_size else _stacked
    whole = len(labels) == len(images) > 0
    return join(images) if images else torch.empty(0), join(labels) if whole else None


def _items(data: Any) -> Iterator[Any]:
    if isinstance(data, DataLoader) or not hasattr(data, "__len__"):
        return iter(data)
    return (data[i] for i in range(len(data)))


def _split(item: Any) -> tuple[Any, Any]:
    """Return an item's image and its label, None if it has none."""
    if isinstance(item, dict):
        names = [n for n in ("x", "image", "images", "pixel_values", "img", "data") if n in item]
        if not names:
            raise ConfigError(f"x: a data set with the keys {', '.join(item)}: pass its images")
        labels = [item[n] for n in ("y", "label", "labels", "target", "targets") if n in item]
        return item[names[0]], labels[0] if labels else None
    if isinstance(item, tuple | list):
        return item[0], item[1] if len(item) > 1 else None
    return item, None


def tensor_of(value: Any, name: str) -> Tensor:
    """Return what holds numbers as a tensor that autograd may use.

    Raises:
        ConfigError: It holds none, or has no first dimension.
    """
    tensor = _tensor(value, name)
    if not tensor.ndim:
        raise ConfigError(f"{name} is a single number: pass a tensor (N, ...)")
    if tensor.is_complex():
        raise ConfigError(f"{name} has dtype {_name(tensor)}: pass real numbers")
    tensor = tensor.to_dense() if tensor.layout is not torch.strided else tensor
    return tensor.clone() if tensor.is_inference() else tensor.detach()


def _tensor(value: Any, name: str) -> Tensor:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray):
        return _tensor_of_array(value, name)
    if isinstance(value, list | tuple):
        return _tensor_of_list(value, name)
    what, hint = type(value).__name__, _hint(value)
    raise ConfigError(f"{name} is a {what}: pass a tensor or a NumPy array (N, ...){hint}")


def _tensor_of_array(array: "np.ndarray[Any, Any]", name: str) -> Tensor:
    native = array.astype(array.dtype.newbyteorder("="), copy=True)
    try:
        return torch.from_numpy(native)
    except TypeError as error:
        raise ConfigError(f"{name}: an array of {array.dtype} does not hold numbers") from error


def _tensor_of_list(values: Sequence[Any], name: str) -> Tensor:
    if any(hasattr(v, "shape") or _is_pil(v) for v in values):
        return _stacked([v if isinstance(v, Tensor) else _image(v) for v in values], name)
    try:
        array = np.asarray(values)
    except ValueError:
        raise ConfigError(f"{name} is a list of parts of different lengths") from None
    return _tensor_of_array(array, name)


def _stacked(parts: Iterable[Tensor], name: str = "x") -> Tensor:
    parts = list(parts)
    shapes = {tuple(part.shape): i for i, part in reversed(list(enumerate(parts)))}
    if len(shapes) > 1:
        (a, i), (b, j) = sorted(shapes.items(), key=lambda item: item[1])[:2]
        raise ConfigError(f"{name}[{i}] has shape {a} and {name}[{j}] {b}: pass one size")
    return torch.stack(parts)


def _image(value: Any) -> Tensor:
    """Return one image: a PIL one as (C, H, W) in [0, 1], any other as it is."""
    if not _is_pil(value):
        return _tensor_of_array(np.asarray(value), "x")
    grey_or_rgb = value if value.mode in ("1", "L", "RGB") else value.convert("RGB")
    array = np.array(grey_or_rgb)
    scaled = torch.from_numpy(array).float() / (1 if value.mode == "1" else 255)
    return scaled.movedim(-1, 0) if scaled.ndim == 3 else scaled.unsqueeze(0)


def _is_pil(value: Any) -> bool:
    return type(value).__module__.split(".")[0] == "PIL" and hasattr(value, "convert")


def _hint(value: Any) -> str:
    if isinstance(value, Iterator):
        return "; list() reads it"
    return "; to_numpy() converts it" if hasattr(value, "to_numpy") else ""


def _name(tensor: Tensor) -> str:
    return str(tensor.dtype)


def check_labels(labels: Tensor, model: Any, n: int) -> Tensor:
    """Return labels; those of a conditional model must be class indices (N,).

    Raises:
        ConfigError: They are not, or there are not ``n`` of them.
    """
    if len(labels) != n:
        raise ConfigError(f"y has {len(labels)} labels for {n} data")
    if not isinstance(model, Conditions):
        return labels
    if labels.ndim != 1:
        way = "y.argmax(1) of one-hot rows" if labels.shape[1:].numel() > 1 else "y.flatten()"
        raise ConfigError(f"y has shape {tuple(labels.shape)}: labels are (N,), such as {way}")
    if labels.is_floating_point():
        raise ConfigError(f"y has dtype {_name(labels)}: labels must be integers, such as y.long()")
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
