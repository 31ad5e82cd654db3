"""The matrix products of a computation, recorded and replayed alone as its limit.

Only convolutions and products of two matrices count. A product with a vector is bound by memory and
is not part of the limit.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from genbench.core.cuda_graph import CapturedCall


class Operand(NamedTuple):
    """Shape, strides and type of a tensor; the strides show whether a matrix is transposed."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype


class Product(NamedTuple):
    """One product: ``mm``, ``bmm``, ``convolution`` or ``convolution_backward``.

    ``options`` are the arguments of a convolution after its operands. ``flops`` counts each
    multiplication and each addition.
    """

    kind: str
    operands: tuple[Operand, ...]
    options: tuple[Any, ...]
    flops: int


class ProductRecorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Collects the matrix products of the code inside it, including the backward pass."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.products: list[Product] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        read = _READERS.get(func.overloadpacket)
        product = read(args, result) if read else None
        if product:
            self.products.append(product)
        return result


def record_products(function: Callable[[], object]) -> list[Product]:
    """Run ``function`` once and return its matrix products in order."""
    recorder = ProductRecorder()
    with recorder:
        function()
    return recorder.products


def total_flops(products: Sequence[Product]) -> int:
    """Return the operations of all products."""
    return sum(product.flops for product in products)


def of_members(products: Sequence[Product], n: int, device: torch.device) -> list[Product]:
    """Return the products of n jointly trained members.

    A CPU computes them one after the other. A GPU computes equal ones as one batched product, so
    its limit is that of the batched ones.
    """
    if device.type == "cpu" or n == 1:
        return [*products] * n
    return [p for product in products for p in _batched(product, n)]


def _batched(product: Product, n: int) -> list[Product]:
    if product.kind != "mm":
        return [product] * n
    operands = tuple(
        Operand((n, *o.shape), (math.prod(o.shape), *o.stride), o.dtype) for o in product.operands
    )
    return [Product("bmm", operands, (), n * product.flops)]


def _operand(tensor: Tensor) -> Operand:
    """Describe a tensor; an expanded one counts as contiguous."""
    expanded = any(s == 0 and n > 1 for s, n in zip(tensor.stride(), tensor.shape, strict=True))
    stride = torch.empty(tensor.shape, device="meta").stride() if expanded else tensor.stride()
    return Operand(tuple(tensor.shape), tuple(stride), tensor.dtype)


def _read_product(kind: str, first: int, args: tuple[Any, ...], result: Any) -> Product | None:
    a, b = args[first], args[first + 1]
    sizes = (a.shape[-2], a.shape[-1], b.shape[-1])
    if min(sizes) < 2:
        return None
    batch = math.prod(a.shape[:-2])
    return Product(kind, (_operand(a), _operand(b)), (), 2 * batch * math.prod(sizes))


def _convolution_flops(x: Tensor, weight: Tensor, y: Tensor, transposed: bool) -> int:
    """Each weight is used at each pixel of the smaller image, for each datum."""
    n_pixels = math.prod((x if transposed else y).shape[2:])
    return 2 * len(x) * n_pixels * weight.numel()


def _read_convolution(args: tuple[Any, ...], result: Any) -> Product:
    x, weight, _, *options = args
    flops = _convolution_flops(x, weight, result, transposed=options[3])
    return Product("convolution", (_operand(x), _operand(weight)), _frozen(options), flops)


def _frozen(options: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(tuple(o) if isinstance(o, list) else o for o in options)


def _read_convolution_backward(args: tuple[Any, ...], result: Any) -> Product:
    grad, x, weight, _, *options, mask = args
    gradients = (bool(mask[0]), bool(mask[1]), False)  # of x, of the weight, none of the bias
    flops = _convolution_flops(x, weight, grad, transposed=options[3]) * sum(gradients)
    operands = (_operand(grad), _operand(x), _operand(weight))
    return Product("convolution_backward", operands, _frozen([*options, gradients]), flops)


_ATEN = torch.ops.aten
_READERS: dict[Any, Callable[[tuple[Any, ...], Any], Product | None]] = {
    _ATEN.mm: partial(_read_product, "mm", 0),
    _ATEN.addmm: partial(_read_product, "mm", 1),
    _ATEN.bmm: partial(_read_product, "bmm", 0),
    _ATEN.baddbmm: partial(_read_product, "bmm", 1),
    _ATEN.convolution: _read_convolution,
    _ATEN.convolution_backward: _read_convolution_backward,
}


def replay(products: Sequence[Product], device: torch.device) -> Callable[[], None]:
    """Return a callable that computes exactly these products and nothing else.

    Operands are drawn beforehand, equal products share them, and no bias is added. On a GPU results
    are allocated beforehand too, and the products are captured in one graph, so launches cost no
    time. On a processor, products into a given result are not those of the faster library.
    """
    bare = {product: _bare(product, device) for product in dict.fromkeys(products)}
    calls = [bare[product] for product in products]

    @torch.no_grad()
    def run() -> None:
        for call in calls:
            call()

    return CapturedCall(run) if device.type == "cuda" and calls else run


def _bare(product: Product, device: torch.device) -> Callable[[], object]:
    operands = [
        torch.empty_strided(o.shape, o.stride, dtype=o.dtype, device=device).normal_()
        for o in product.operands
    ]
    if product.kind in ("mm", "bmm"):
        a, b = operands
        if device.type == "cpu":
            return partial(getattr(torch, product.kind), a, b)
        out = torch.empty((*a.shape[:-1], b.shape[-1]), dtype=a.dtype, device=device)
        return partial(getattr(torch, product.kind), a, b, out=out)
    return partial(getattr(_ATEN, product.kind), *operands, None, *product.options)
