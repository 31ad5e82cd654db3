"""The precision of matrix products and convolutions, during training and outside of it."""

import platform
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from genbench.training.config import Precision
from genbench.training.products import fast_products

LAYERS: frozenset[Callable[..., Tensor]] = frozenset(
    {
        functional.linear,
        functional.conv1d,
        functional.conv2d,
        functional.conv3d,
        functional.conv_transpose1d,
        functional.conv_transpose2d,
        functional.conv_transpose3d,
    }
)
"""The products of layers with weights."""

AMPERE = (8, 0)
"""The first compute capability with TF32 and bfloat16."""


@contextmanager
def products_in(precision: Precision) -> Iterator[None]:
    """Run a block with its products in a precision; nothing else in it is rounded.

    ``float32`` is full float32, also on a GPU; ``tf32`` concerns a GPU's products of float32
    tensors, ``bf16`` the layers of networks. Convolutions have the same bits each time. On a
    processor large products are left to the library that is faster there.
    """
    layers = Bfloat16Layers() if precision == "bf16" else nullcontext()
    settings = _settings("tf32" if precision == "tf32" else "ieee")
    before = [getattr(backend, name) for backend, name, _ in settings]
    for backend, name, value in settings:
        setattr(backend, name, value)
    try:
        with layers, fast_products():
            yield
    finally:
        for (backend, name, _), value in zip(settings, before, strict=True):
            setattr(backend, name, value)


def _settings(float32: str) -> list[tuple[Any, str, object]]:
    """Return what to set in torch's backends for float32 products in ``ieee`` or ``tf32``.

    By default torch allows TF32 in convolutions but not in matrix products, may add up parts of a
    bfloat16 product in bfloat16, and may take convolutions that add in any order. Callers may have
    allowed bfloat16 on a processor.
    """
    products, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    onednn: Any = torch.backends.mkldnn
    return [
        (onednn.matmul, "fp32_precision", "ieee"),
        (onednn.conv, "fp32_precision", "ieee"),
        (products, "fp32_precision", float32),
        (products, "allow_bf16_reduced_precision_reduction", False),
        (cudnn.conv, "fp32_precision", float32),  # type: ignore[attr-defined]
        (cudnn, "deterministic", True),
        (cudnn, "benchmark", False),
    ]


class Bfloat16Layers(TorchFunctionMode):
    """Computes linear layers and convolutions of float32 tensors in bfloat16.

    Inputs and weights are rounded to bfloat16, and so is their product, which becomes float32 again
    before the bias is added. The backward pass is derived from these operations: its products are
    in bfloat16 too.

    ``torch.autocast`` would return bfloat16, and would round the products inside densities too; a
    sum of log probabilities over pixels would keep three digits.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        call = partial(_in_bfloat16, func) if func in LAYERS else func
        return call(*args, **(kwargs or {}))


def _in_bfloat16(
    layer: Callable[..., Tensor],
    input: Tensor,  # torch's own names: they may be passed as keywords
    weight: Tensor,
    bias: Tensor | None = None,
    *settings: Any,
    **more: Any,
) -> Tensor:
    if not input.dtype == weight.dtype == torch.float32:
        return layer(input, weight, bias, *settings, **more)
    product = layer(input.bfloat16(), weight.bfloat16(), None, *settings, **more).float()
    return product if bias is None else product + bias.reshape(-1, *[1] * (weight.ndim - 2))


def used_precision(asked: Precision, device: torch.device) -> Precision:
    """Return the precision in which a device computes: float32 where it has no TF32."""
    return "float32" if asked == "tf32" and not _has_ampere(device) else asked


def precision_remark(asked: Precision, used: Precision) -> str:
    """Say so if a device computes in another precision; otherwise return nothing."""
    if used == asked:
        return ""
    return f"precision = {asked} has no effect without a GPU that has it: products are in {used}."


def slowness_remark(asked: Precision, device: torch.device) -> str:
    """Say so if a precision saves no time on a device; otherwise return nothing."""
    if asked != "bf16" or has_bfloat16(device):
        return ""
    return "precision = bf16 saves no time here: the device has no bfloat16 instructions."


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device has instructions for products in bfloat16."""
    if device.type != "cpu":
        return device.type != "cuda" or _has_ampere(device)
    if platform.machine() in ("x86_64", "AMD64"):
        return bool(torch.cpu._is_avx512_bf16_supported())
    onednn = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return onednn and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _has_ampere(device: torch.device) -> bool:
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= AMPERE
