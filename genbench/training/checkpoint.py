"""Everything a run needs to continue after being killed, in one safetensors file.

Tensors are named after what they belong to; everything else is JSON in the file's metadata, with a
digest of the whole. Nothing is ever unpickled.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveInt
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from genbench.core.errors import StorageError
from genbench.core.files import write_atomic
from genbench.training.part import Part

Weights = dict[str, Tensor]

STATES = 8
"""A checkpoint has fewer copies of a model: its weights, the best ones, and moments of both."""
HEADER_BYTES = 2**27
"""The most that a safetensors file has besides tensors, and more than a generator's state."""
STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

Position = tuple[int, int, tuple[str, ...]]
"""Epochs trained, steps of the next one, and what those have logged."""


@dataclass
class Progress:
    """How far training has come: epochs, their history, seconds, and the best weights so far.

    ``compared`` has the validation losses of blocks after the epochs that tell whether training
    had converged. ``part`` is that of the epoch in progress, where it was interrupted.
    """

    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    best_score: float | None = None
    best_epoch: int = 0
    seconds: float = 0.0
    best: Weights = field(default_factory=dict)
    part: Part | None = None
    compared: list[list[float]] = field(default_factory=list)

    def position(self) -> Position:
        """Return where training goes on; runs at one position can go on together."""
        return (self.epoch, self.part.steps, self.part.keys) if self.part else (self.epoch, 0, ())

    def require_within(self, n_epochs: int, n_batches: int) -> None:
        """Check that training of so many epochs and batches can have come here.

        Raises:
            StorageError: It cannot.
        """
        last = n_epochs if self.part is None else n_epochs - 1
        steps = self.part.steps if self.part else 0
        epochs_fit = len(self.history) == self.epoch <= last and self.best_epoch <= self.epoch
        if not epochs_fit or steps > n_batches:
            at = f"epoch {self.epoch}, step {steps}"
            raise StorageError(f"{at}: not in {n_epochs} epochs of {n_batches} steps")

    def add_compared(self, losses: Sequence[Sequence[float]]) -> None:
        """Keep losses of blocks of one epoch, unless one is not finite, which tells nothing."""
        self.compared += [list(each) for each in losses if all(map(math.isfinite, each))]

    def take_part(self) -> Part | None:
        """Return the part of an epoch to go on from, once."""
        part, self.part = self.part, None
        return part


def weights_of(model: nn.Module) -> Weights:
    """Copy a model's state to the CPU."""
    return {k: v.detach().to("cpu", copy=True).contiguous() for k, v in model.state_dict().items()}


def write_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write tensors to a safetensors file, atomically."""
    write_atomic(path, save(dict(weights)))


def read_weights(path: Path) -> Weights:
    """Read a safetensors file.

    Raises:
        StorageError: The file is missing or damaged.
    """
    return read_tensors(path)[0]


def save_checkpoint(
    path: Path,
    model: nn.Module,
    optimizers: Sequence[torch.optim.Optimizer],
    progress: Progress,
) -> None:
    """Write the whole state of training, atomically."""
    tensors = {f"model/{k}": v for k, v in weights_of(model).items()}
    tensors |= {f"best/{k}": v for k, v in progress.best.items()}
    for i, optimizer in enumerate(optimizers):
        for index, state in optimizer.state_dict()["state"].items():
            prefix = f"optimizer/{i}/{index}/"
            tensors |= {prefix + k: v.cpu().contiguous() for k, v in state.items()}
    scalars = {k: v for k, v in vars(progress).items() if k not in ("best", "part")}
    if part := progress.part:
        scalars["part"] = {"steps": part.steps, "device": part.device, "keys": part.keys}
        tensors |= {f"part/generators/{k}": state for k, state in part.generators.items()}
        tensors["part/sums"] = part.sums.to("cpu").contiguous()
    text = json.dumps(scalars, allow_nan=False)  # keeps the order of the history's columns
    metadata = {"progress": text, "sha256": digest_of(tensors, text)}
    write_atomic(path, save(tensors, metadata=metadata))


def load_checkpoint(
    path: Path, model: nn.Module, optimizers: Sequence[torch.optim.Optimizer]
) -> Progress:
    """Restore model and optimisers to the state in ``path`` and return the progress.

    Raises:
        StorageError: The file is damaged or belongs to another model.
    """
    _require_size(path, model)
    tensors, metadata = read_tensors(path)
    try:
        if metadata["sha256"] != digest_of(tensors, metadata["progress"]):
            raise ValueError("the content does not match its digest")
        scalars = dict(_Scalars.model_validate(json.loads(metadata["progress"])))
        weights, best = _below(tensors, "model/"), _below(tensors, "best/")
        for kept in (weights, best) if best or scalars["best_epoch"] else (weights,):
            _require_finite(kept, model)
            model.load_state_dict(kept)
        model.load_state_dict(weights)
        for i, optimizer in enumerate(optimizers):
            _load_optimizer(optimizer, _below(tensors, f"optimizer/{i}/"))
        if part := scalars.pop("part"):
            scalars["part"] = _part(tensors, **vars(part))
        return Progress(best=best, **scalars)
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        raise StorageError(f"{path} does not fit this run: {error}") from error


class _PartScalars(BaseModel):
    model_config = STRICT
    steps: PositiveInt
    device: str
    keys: list[str]


class _Scalars(BaseModel):
    model_config = STRICT
    epoch: NonNegativeInt
    history: list[dict[str, int | float]]
    best_score: float | None
    best_epoch: NonNegativeInt
    seconds: NonNegativeFloat
    compared: list[list[float]] = Field(default=[], max_length=2)
    part: _PartScalars | None = None


def _require_size(path: Path, model: nn.Module) -> None:
    """Refuse a file that would not fit in memory though this run's state does."""
    tensors = (*model.parameters(), *model.buffers())
    require_bytes(path, HEADER_BYTES + STATES * sum(t.numel() * t.element_size() for t in tensors))


def require_bytes(path: Path, most: int) -> None:
    """Refuse a file of more bytes than it can have.

    Raises:
        StorageError: It has more, or cannot be read.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise StorageError(f"{path} cannot be read: {error}") from error
    if size > most:
        raise StorageError(f"{path} has {size} bytes; what it holds has at most {most}")


def _require_finite(weights: Weights, model: nn.Module) -> None:
    bad = (k for k, _ in model.named_parameters() if not weights[k].isfinite().all())
    if name := next(bad, None):
        raise ValueError(f"{name} is not finite")


def _part(tensors: Weights, steps: int, device: str, keys: Sequence[str]) -> Part:
    sums, generators = tensors["part/sums"], _below(tensors, "part/generators/")
    if sums.shape != (len(keys),) or not sums.is_floating_point():
        raise ValueError("the sums are not those of what was logged")
    if device == "cpu":
        torch.Generator().set_state(generators["cpu"])  # raises an error if it is no state
    return Part(steps, device, tuple(keys), sums, generators)


def _below(tensors: Weights, prefix: str) -> Weights:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def digest_of(tensors: Mapping[str, Tensor], text: str = "") -> str:
    """Return the SHA-256 of a text and of tensors on the CPU: names, types, shapes and content."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        digest.update(tensors[name].flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: Weights) -> None:
    state: dict[int, dict[str, Any]] = {}
    for name, tensor in tensors.items():
        index, key = name.split("/")
        state.setdefault(int(index), {})[key] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})
    for parameter, moments in optimizer.state.items():
        for key, tensor in moments.items():
            if tensor.shape == parameter.shape:  # the fused step needs one memory layout for both
                moments[key] = torch.empty_like(parameter).copy_(tensor)
            elif tensor.shape:
                raise ValueError(f"{key} of an optimiser has shape {tuple(tensor.shape)}")


def read_tensors(path: Path) -> tuple[Weights, dict[str, str]]:
    """Read the tensors and the metadata of a safetensors file.

    Raises:
        StorageError: The file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return {k: file.get_tensor(k) for k in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise StorageError(f"{path} cannot be read: {error}") from error
