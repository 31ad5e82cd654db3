"""Products of float32 matrices on a processor, by the library that is faster there.

torch multiplies matrices with MKL, which uses AVX-512 on Intel's processors alone. oneDNN, with
which torch computes convolutions, uses it on all: on an AMD EPYC its products take half the time,
with the same number of bits.
"""

import platform
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock

import torch
from torch import Tensor
from torch.library import Library
from torch.nn.functional import pad

from genbench.core.devices import processor

LEAST = 2**20
"""Multiplications in a product from which oneDNN is faster; it takes longer to be called."""

ROWS, FEW_ROWS = 64, 8
"""Many and few rows are padded to multiples of these, where their number may vary: oneDNN keeps
what it compiles for each of up to 1,024 shapes, half a megabyte or more."""


class _Replacement:
    """The products of this module in the place of torch's, as long as any block needs them.

    torch has one table of kernels in a process; blocks may overlap in several threads.
    """

    def __init__(self) -> None:
        self._lock, self._wanted, self._unwanted = Lock(), 0, 0
        self._library: Library | None = None

    def count(self, wanted: int = 0, unwanted: int = 0) -> None:
        """Count the blocks that want it and those that don't, which have the last word."""
        with self._lock:
            self._wanted += wanted
            self._unwanted += unwanted
            if not self._wanted or self._unwanted:
                self._end()
            elif self._library is None:
                self._library = self._begin()

    def _begin(self) -> Library:
        library = Library("aten", "IMPL")  # type: ignore[no-untyped-call]
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "(?s).*previous kernel")  # torch 2.11 says so
            for name, kernel in (("mm", _mm), ("addmm", _addmm)):
                library.impl(name, kernel, "CPU", allow_override=True)  # type: ignore[no-untyped-call]
        return library

    def _end(self) -> None:
        if self._library is not None:
            self._library._destroy()  # type: ignore[no-untyped-call]
            self._library = None


_REPLACEMENT = _Replacement()


@contextmanager
def fast_products() -> Iterator[None]:
    """Run a block in which torch multiplies large float32 matrices of a processor with oneDNN.

    It concerns every product in this process, those of derivatives too. Small ones, other types,
    and all where MKL is as fast are computed as ever. Blocks may be nested.
    """
    wanted = int(prefers_onednn())
    _REPLACEMENT.count(wanted=wanted)
    try:
        yield
    finally:
        _REPLACEMENT.count(wanted=-wanted)


@contextmanager
def torch_products() -> Iterator[None]:
    """Run a block with torch's own products, as those have them who don't use genbench."""
    _REPLACEMENT.count(unwanted=1)
    try:
        yield
    finally:
        _REPLACEMENT.count(unwanted=-1)


@cache
def prefers_onednn() -> bool:
    """Return whether products are left to oneDNN here: AVX-512, of a processor not by Intel."""
    return (
        torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and "GenuineIntel" not in (processor("vendor_id") or platform.processor())
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def _mm(a: Tensor, b: Tensor) -> Tensor:
    if _is_large(a, b):
        return _onednn(a, b, None)
    result: Tensor = torch.ops.aten.mm.out(a, b, out=a.new_empty(0))
    return result


def _addmm(c: Tensor, a: Tensor, b: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    if beta == alpha == 1 and c.shape == b.shape[1:] and c.dtype == b.dtype and _is_large(a, b):
        return _onednn(a, b, c)
    out = a.new_empty(0)
    result: Tensor = torch.ops.aten.addmm.out(c, a, b, beta=beta, alpha=alpha, out=out)
    return result


def _is_large(a: Tensor, b: Tensor) -> bool:
    if not (a.ndim == b.ndim == 2 and a.dtype == b.dtype == torch.float32):
        return False
    (m, k), n = a.shape, b.shape[1]
    return m * k * n >= LEAST and k == b.shape[0]


def _onednn(a: Tensor, b: Tensor, bias: Tensor | None) -> Tensor:
    """Return ``a @ b``, plus a vector; ``b`` has its rows or its columns one after the other."""
    weight, n = b.t(), len(a)
    if not (b.is_contiguous() or weight.is_contiguous()):
        weight = weight.contiguous()
    if missing := _missing_rows(a):
        a = pad(a, (0, 0, 0, missing))
    result: Tensor = torch.ops.mkldnn._linear_pointwise(a, weight, bias, "none", [], "")
    return result[:n] if missing else result


def _missing_rows(a: Tensor) -> int:
    """Return how many rows of padding a matrix of data needs; a weight's gradient has none."""
    return -len(a) % (ROWS if len(a) > ROWS else FEW_ROWS) if a.is_contiguous() else 0
