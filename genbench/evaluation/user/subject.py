"""A user's model and data, ready to be evaluated: adapted, and on one device."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genbench.core.devices import require_wide
from genbench.core.errors import ConfigError
from genbench.core.held import tensors_in
from genbench.distributions.observation import Measure
from genbench.evaluation.user.adapter import adapt
from genbench.evaluation.user.boundary import Adapted
from genbench.evaluation.user.data import check_labels
from genbench.evaluation.user.held_out import HeldOut, held_out


@dataclass(frozen=True)
class Subject:
    """What is evaluated.

    Attributes:
        model: The user's, behind checked methods.
        x: Data (N, ...), as the model takes them.
        y: Labels (N,), if there are any.
        data: The data as they came.
    """

    model: Any
    x: Tensor
    y: Tensor | None
    data: HeldOut


def subject_of(model: Any, x: Any, y: Any, kind: str | None, stated: Mapping[str, Any]) -> Subject:
    """Return a model and data as :func:`genbench.evaluate` takes them.

    Raises:
        ConfigError: The model is none, the data or labels cannot be read, or an option is wrong.
        DataError: A file of the data set is missing or damaged.
    """
    _require_model(model)
    held = tensors_in(model)
    device = held[0].device if held else torch.device("cpu")
    require_wide(device, "model")
    data = held_out(x, y, device, stated)
    on_device = _for_model(data.x, held)
    adapted = adapt(model, on_device.shape[1:], kind)
    state_measure(adapted, None, data.dataset.natural_measure if data.dataset else "density")
    labels = None if data.y is None else check_labels(data.y, adapted, len(on_device))
    return Subject(
        adapted, on_device, None if labels is None else labels.to(on_device.device), data
    )


def state_measure(model: Any, measure: Measure | None, natural: Measure) -> None:
    """Note whether a log p(x) without an observation model is a mass of images.

    Args:
        model: The user's, behind checked methods; one of genbench's own knows it.
        measure: What the user says of it. By default the model's attribute ``is_mass`` says it.
        natural: That of such pixels, where neither does.
    """
    if isinstance(model, Adapted):
        says = getattr(model.model, "is_mass", None)
        natural_or_said = says if isinstance(says, bool) else natural == "mass"
        model.is_mass = measure == "mass" if measure else natural_or_said


def _require_model(model: Any) -> None:
    if isinstance(model, type):
        name = model.__name__
        raise ConfigError(f"model is the class {name}: pass an object, {name}()")
    if isinstance(model, str | Path):
        raise ConfigError(f"model is the text '{model}': genbench.load_model loads a stored one")
    if isinstance(model, Mapping | Tensor | list | tuple | type(None)):
        what = type(model).__name__
        raise ConfigError(f"model is a {what}: pass an object with methods such as posterior(x)")


def _for_model(x: Tensor, held: Sequence[Tensor]) -> Tensor:
    """Return data on the device of a model's tensors and in their dtype, or in float32 at least."""
    default = x.dtype if x.is_floating_point() else torch.get_default_dtype()
    own = next((t.dtype for t in held if t.is_floating_point()), default)
    device = held[0].device if held else x.device
    return x.to(device, torch.promote_types(own, torch.float32))
