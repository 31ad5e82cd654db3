"""Decodes one image from the bytes of its file, and scales images."""

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genbench.core.errors import DataError
from genbench.data.own.images import Size
from genbench.data.own.limits import MAX_PIXELS, refused

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFile import ImageFile

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".gif", ".tif", ".tiff", ".pgm", ".ppm")
FORMATS = ("PNG", "JPEG", "BMP", "WEBP", "GIF", "TIFF", "PPM")
AS_JPEG = "stored as JPEG, which loses detail"
FILTER = "bicubic with antialiasing"
_TURNED = {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"}
_ORIENTATION = 0x0112
_DEEP = re.compile(r";16[BLN]'")


@dataclass
class Picture:
    """One decoded image.

    Attributes:
        pixels: (C, H, W), C being 1 or 3.
        is_bilevel: Whether it was stored with one bit per pixel.
        remarks: What was done to it.
        size: Height and width before it was scaled.
    """

    pixels: NDArray[np.uint8]
    is_bilevel: bool
    remarks: list[str] = field(default_factory=list)
    size: Size = (0, 0)


def decode(content: bytes, name: str, resize: Size | None) -> Picture:
    """Decode an image, turned upright; its declared size is looked at first.

    Args:
        content: The whole file.
        name: Its name, for messages.
        resize: Height and width to scale it to.

    Raises:
        DataError: It is no image, is damaged, too large, or has more than 8 bits grey or RGB.
    """
    from PIL import Image, UnidentifiedImageError

    with refused(name, "can't be read as an image"):
        try:
            image = Image.open(io.BytesIO(content), formats=FORMATS)
        except UnidentifiedImageError:
            raise DataError(f"{name}: is no image, or none of {', '.join(FORMATS)}") from None
        except Image.DecompressionBombError:
            raise DataError(f"{name}: declares more than {MAX_PIXELS:,} pixels") from None
        with image:
            return _picture(image, name, resize)


def scaled(pixels: NDArray[np.uint8], size: Size) -> NDArray[np.uint8]:
    """Scale one image (C, H, W) to a height and width."""
    from PIL import Image

    channels = (np.asarray(_scale(Image.fromarray(channel), size)) for channel in pixels)
    return np.stack(list(channels))


def require_all_levels(n_levels: int, source: str) -> None:
    """Refuse to scale images that have no levels between theirs.

    Raises:
        DataError: There are less than 256 levels.
    """
    if n_levels < 256:
        raise DataError(
            f"{source}: `resize` makes values between {n_levels} levels; scale the images first"
        )


def _picture(file: "ImageFile", name: str, resize: Size | None) -> Picture:
    _require_readable(file, name)
    is_bilevel = file.mode == "1"
    remarks = [AS_JPEG] if file.format in ("JPEG", "MPO") else []
    with _muted() if file.format == "TIFF" else nullcontext():
        file.load()
    image = _upright(file, remarks)
    if image.has_transparency_data:
        image = _opaque(image, name, remarks)
    image = _plain(image, remarks)
    width, height = image.size
    if resize:
        image = _scale(image, resize)
    pixels = np.asarray(image)
    pixels = pixels[None] if pixels.ndim == 2 else np.moveaxis(pixels, 2, 0)
    return Picture(pixels, is_bilevel, remarks, (height, width))


@contextmanager
def _muted() -> Iterator[None]:
    """Keep libtiff, which writes to the process's own stderr, from the terminal."""
    terminal, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        os.close(nowhere)


def _require_readable(image: "ImageFile", name: str) -> None:
    """Refuse, before any pixel is decoded, what can't be shown in 8 bits grey or RGB."""
    width, height = image.size
    if not 0 < width * height <= MAX_PIXELS:
        raise DataError(f"{name}: declares {height} x {width} pixels, expected 1 to {MAX_PIXELS:,}")
    if getattr(image, "is_animated", False) and image.format != "MPO":
        raise DataError(f"{name}: has several frames; save the one that is meant")
    if image.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA") or _is_deep(image):
        kind = "16 bits" if _is_deep(image) else f"mode {image.mode}"
        raise DataError(f"{name}: has {kind}, expected 8 bits grey or RGB; convert it first")


def _is_deep(image: "ImageFile") -> bool:
    """Whether a channel has more than 8 bits, which Pillow would cut off."""
    highest = image.tile[0][3] if image.format == "PPM" else None
    is_deep_ppm = isinstance(highest, tuple) and isinstance(highest[-1], int) and highest[-1] > 255
    return is_deep_ppm or image.mode.startswith("I") or bool(_DEEP.search(str(image.tile)))


def _upright(image: "Image", remarks: list[str]) -> "Image":
    from PIL import ImageOps

    if not _TURNED & image.info.keys() or image.getexif().get(_ORIENTATION, 1) == 1:
        return image
    remarks.append("turned upright, as its EXIF says")
    return ImageOps.exif_transpose(image)


def _opaque(image: "Image", name: str, remarks: list[str]) -> "Image":
    """Leave out an alpha channel that says nothing."""
    has_grey = image.mode in ("1", "L", "LA")
    image = image.convert("LA" if has_grey else "RGBA")
    if image.getchannel("A").getextrema() != (255, 255):
        raise DataError(f"{name}: is transparent in places; put it on a background first")
    remarks.append("opaque, its alpha channel left out")
    return image.convert("L" if has_grey else "RGB")


def _plain(image: "Image", remarks: list[str]) -> "Image":
    """Return the image as L or RGB."""
    if image.mode != "P":
        return image if image.mode in ("L", "RGB") else image.convert("L")
    remarks.append("colours looked up in its palette")
    image = image.convert("RGB")
    pixels = np.asarray(image)
    is_grey = (pixels == pixels[..., :1]).all()
    return image.getchannel("R") if is_grey else image


def _scale(image: "Image", size: Size) -> "Image":
    from PIL.Image import Resampling

    return image.resize(size[::-1], Resampling.BICUBIC)
