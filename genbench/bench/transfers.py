"""The copies between host and device in a computation, recorded and repeated alone."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode


class Transfer(NamedTuple):
    """One copy: its size, its direction, and whether the host's memory is pinned."""

    n_bytes: int
    to_device: bool
    pinned: bool


class TransferRecorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Collects the copies between the host and any device of the code inside it."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.transfers: list[Transfer] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        ends = _ENDS.get(func.overloadpacket)
        transfer = _transfer(*ends(args, result)) if ends else None
        if transfer:
            self.transfers.append(transfer)
        return result


def record_transfers(function: Callable[[], object]) -> list[Transfer]:
    """Run ``function`` once and return its copies between host and device in order."""
    recorder = TransferRecorder()
    with recorder:
        function()
    return recorder.transfers


_CPU = torch.device("cpu")
_ATEN = torch.ops.aten
_ENDS: dict[Any, Callable[[tuple[Any, ...], Any], tuple[Any, Any]]] = {
    _ATEN._to_copy: lambda args, result: (args[0], result.device),
    _ATEN.copy_: lambda args, _: (args[1], args[0].device),
    _ATEN._local_scalar_dense: lambda args, _: (args[0], _CPU),
}


def _transfer(source: Any, target: torch.device) -> Transfer | None:
    """Describe a copy, or return None within a device, or of a number, which a launch carries."""
    if not isinstance(source, Tensor) or (source.device.type == "cpu") == (target.type == "cpu"):
        return None
    return Transfer(source.numel() * source.element_size(), target.type != "cpu", _pinned(source))


def _pinned(source: Tensor) -> bool:
    return source.device.type == "cpu" and source.is_pinned()


def repeat(transfers: Sequence[Transfer], device: torch.device) -> Callable[[], None]:
    """Return a callable that copies as many bytes as these transfers, and nothing else."""
    copies = [_buffers(transfer, device) for transfer in transfers]

    def run() -> None:
        for (target, source), transfer in zip(copies, transfers, strict=True):
            target.copy_(source, non_blocking=transfer.pinned)

    return run


def _buffers(transfer: Transfer, device: torch.device) -> tuple[Tensor, Tensor]:
    host = torch.zeros(transfer.n_bytes, dtype=torch.uint8, pin_memory=transfer.pinned)
    there = torch.zeros(transfer.n_bytes, dtype=torch.uint8, device=device)
    return (there, host) if transfer.to_device else (host, there)
