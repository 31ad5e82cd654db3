"""Coded images in a file: a line of JSON with a digest, then the state of the coder.

Beside it lies what the receiver knows of the images, where the model is conditional on anything:
labels, or the shown pixels. Whoever reads a file may not have written it.
"""

import platform
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from genbench.certify.coding.coder import Coded
from genbench.certify.coding.schemes import Known
from genbench.core.errors import StorageError
from genbench.core.files import canonical_json, sha256_bytes, sha256_file, write_atomic
from genbench.core.reading import MIB, parse_json, read_bytes
from genbench.training.checkpoint import read_weights, write_weights
from genbench.version import __version__

LARGEST = 256 * MIB
_LARGEST_HEADER = 4096
_LARGEST_IMAGES = 2**31
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Size = Annotated[int, Field(ge=1, le=2**26)]


class Header(BaseModel):
    """What a file says of itself.

    Attributes:
        format: Of the file.
        version: Of the format.
        run: Identity of the run whose model it was coded with.
        weights: SHA-256 of the weights of that model.
        known: SHA-256 of what the receiver knows besides; None where that is nothing.
        scheme: How the images were coded.
        image_shape: (C, H, W).
        n_images: How many there are.
        n_levels: How many values a pixel can take.
        n_initial: Words that lay on the stack before the first image.
        n_bytes: Of the payload.
        written_by: The versions that the probabilities were computed by.
        digest: SHA-256 of all the above and the payload.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    format: Literal["genbench code"]
    version: Literal[1]
    run: str
    weights: Digest
    known: Digest | None
    scheme: str
    image_shape: Annotated[list[Size], Field(min_length=3, max_length=3)]
    n_images: Annotated[int, Field(ge=1, le=10**6)]
    n_levels: Annotated[int, Field(ge=2, le=256)]
    n_initial: Annotated[int, Field(ge=0, le=2**26)]
    n_bytes: Size
    written_by: dict[str, str]
    digest: Digest


class CodeFile(NamedTuple):
    """A file that was read and is whole."""

    header: Header
    known: Known
    payload: bytes


def write_code(path: Path, coded: Coded, known: Known, run: str, weights: Path) -> None:
    """Write coded images, and beside them what the receiver knows.

    Args:
        path: Of the file.
        coded: The images.
        known: What they were coded given.
        run: Identity of the run of the model.
        weights: The file of its weights.
    """
    tensors = {"y": known.y, "shown": known.shown}
    given = {name: tensor.contiguous() for name, tensor in tensors.items() if tensor is not None}
    beside = _beside(path)
    if given:
        write_weights(beside, given)
    stated: dict[str, Any] = {
        "format": "genbench code",
        "version": 1,
        "run": run,
        "weights": sha256_file(weights),
        "known": sha256_file(beside) if given else None,
        "scheme": coded.scheme,
        "image_shape": list(known.shape),
        "n_images": coded.n_images,
        "n_levels": coded.n_levels,
        "n_initial": coded.n_initial,
        "n_bytes": len(coded.payload),
        "written_by": written_by(),
    }
    header = canonical_json(stated | {"digest": _digest(stated, coded.payload)})
    write_atomic(path, header.encode() + b"\n" + coded.payload)


def written_by() -> dict[str, str]:
    """Return the versions that probabilities are computed by on this machine."""
    return {"genbench": __version__, "torch": torch.__version__, "machine": platform.machine()}


def read_code(path: Path) -> CodeFile:
    """Read coded images, and what the receiver knows.

    Raises:
        StorageError: The file is none of this format, is damaged, or what lies beside it is not
            what it was written with.
    """
    line, _, payload = read_bytes(path, LARGEST).partition(b"\n")
    if len(line) > _LARGEST_HEADER or not line.startswith(b"{"):
        raise StorageError(f"{path} is no file of coded images: it has no header")
    content = parse_json(line, path)
    try:
        header = Header.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise StorageError(
            f"{path} is no file of coded images: header.{where}: {first['msg']}"
        ) from error
    _require_whole(path, header, payload)
    return CodeFile(header, _known(path, header), payload)


def _require_whole(path: Path, header: Header, payload: bytes) -> None:
    if len(payload) != header.n_bytes:
        found = f"{len(payload)} bytes of code, {header.n_bytes} were written"
        raise StorageError(f"{path} is damaged: {found}")
    if _digest(header.model_dump(exclude={"digest"}), payload) != header.digest:
        raise StorageError(f"{path} is damaged: its SHA-256 is not the stored one")
    n_channels, height, width = header.image_shape
    if header.n_images * n_channels * height * width > _LARGEST_IMAGES:
        raise StorageError(f"{path} is damaged: {header.n_images} images are more than fit")


def _known(path: Path, header: Header) -> Known:
    shape = tuple(header.image_shape)
    if header.known is None:
        return Known(shape)
    beside = _beside(path)
    if sha256_bytes(read_bytes(beside, LARGEST)) != header.known:
        raise StorageError(f"{beside} is not what {path.name} was coded with")
    tensors = read_weights(beside)
    y, shown = tensors.get("y"), tensors.get("shown")
    n = header.n_images
    if (y is not None and y.shape != (n,)) or (shown is not None and shown.shape != (n, *shape)):
        raise StorageError(f"{beside} is damaged: it does not describe {n} images")
    return Known(shape, y, shown)


def _beside(path: Path) -> Path:
    return path.with_suffix(".known.safetensors")


def _digest(stated: dict[str, Any], payload: bytes) -> str:
    return sha256_bytes(canonical_json(stated).encode() + b"\n" + payload)
