"""Tensors that are computed once and kept in a file, which is checked whenever it is read."""

from collections.abc import Callable
from pathlib import Path

from safetensors.torch import save
from torch import Tensor

from genbench.core.errors import StorageError
from genbench.core.files import write_atomic
from genbench.training.checkpoint import (
    HEADER_BYTES,
    Weights,
    digest_of,
    read_tensors,
    require_bytes,
)


def kept(
    folder: Path | None, name: str, key: str, like: Weights, compute: Callable[[], Weights]
) -> Weights:
    """Return tensors from a file of ``folder``; compute and keep them where it has none.

    A file that is damaged, or holds something else, is written anew.

    Args:
        folder: Where files are kept; None keeps nothing.
        name: The start of the file's name.
        key: SHA-256 of everything that the tensors depend on.
        like: Tensors of the type and shape of each, without content.
        compute: Computes them.

    Raises:
        StorageError: The file cannot be written.
    """
    if folder is None:
        return compute()
    path = folder / f"{name}-{key[:16]}.safetensors"
    try:
        return _read(path, key, like)
    except StorageError:
        tensors = compute()
        metadata = {"key": key, "sha256": digest_of(tensors, key)}
        write_atomic(path, save(tensors, metadata=metadata))
        return tensors


def _read(path: Path, key: str, like: Weights) -> Weights:
    require_bytes(path, HEADER_BYTES + sum(t.numel() * t.element_size() for t in like.values()))
    tensors, metadata = read_tensors(path)
    if {n: _form(t) for n, t in tensors.items()} != {n: _form(t) for n, t in like.items()}:
        raise StorageError(f"{path} holds other tensors")
    if metadata.get("key") != key or metadata.get("sha256") != digest_of(tensors, key):
        raise StorageError(f"{path} does not match its digest")
    return tensors


def _form(tensor: Tensor) -> tuple[object, ...]:
    return tensor.dtype, tuple(tensor.shape)
