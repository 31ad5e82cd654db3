"""Damaged and made-up files: either refused with a message, or read soundly, and nothing else.

``GENBENCH_FUZZ=2000`` makes so many files of each kind; by default there are 150.
"""

import io
import os
import struct
import zipfile
import zlib

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from genbench.core.errors import DataError
from genbench.data.own.arrays import read_arrays
from genbench.data.own.images import OwnImages, Reading
from genbench.data.own.read import read_images

N_FILES = int(os.environ.get("GENBENCH_FUZZ", "150"))
NAMES = ("x", "y", "images", "labels", "arr_0", "x_train", "x_test", "x_val", "y_train", "y_test")
TYPES = ("u1", "?", "i1", "i2", "<u2", ">u4", "i8", "u8", "f2", "f4", ">f8", "g", "c8", "U3", "S2",
         "O", "M8[s]", "i4,f4")  # fmt: skip
READINGS = (
    Reading(),
    Reading(levels=256),
    Reading(levels=2),
    Reading(levels=16, layout="NHWC"),
    Reading(resize=(4, 3)),
    Reading(levels=256, resize=(3, 3)),
)


def check(read) -> str:
    """Read, and say how it ended; anything but a refusal or sound images is an error."""
    try:
        images = read()
    except DataError as error:
        message = str(error)
        assert message, "refused without a word"
        assert len(message) < 700, message
        assert message.replace("\n", "").isprintable(), ascii(message)
        return "refused"
    require_sound(images)
    return "read"


def require_sound(images: OwnImages) -> None:
    n, channels, height, width = images.levels.shape
    assert images.levels.dtype == np.uint8
    assert images.levels.flags.c_contiguous
    assert channels in (1, 3)
    assert min(n, height, width) >= 1
    assert 2 <= images.n_levels <= 256
    assert images.levels.max() < images.n_levels
    assert images.labels.shape == images.parts.shape == (n,)
    assert images.labels.dtype == np.int64
    assert set(images.labels.tolist()) == set(range(len(images.classes) or 1))
    assert len(set(images.classes)) == len(images.classes)
    assert set(images.parts.tolist()) in ({0}, {1, 2}, {1, 3}, {1, 2, 3})
    assert len(images.files) in (0, n)


def mutated(content: bytes, draw: np.random.Generator) -> bytes:
    """Return a file with up to four things changed."""
    data = bytearray(content)
    for _ in range(draw.integers(1, 5)):
        at = int(draw.integers(0, len(data) + 1))
        length = int(draw.integers(1, 9))
        match draw.integers(0, 7):
            case 0:
                data = data[:at]
            case 1:
                data[at:at] = draw.bytes(length)
            case 2:
                del data[at : at + length]
            case 3:
                data[at : at + length] = bytes([int(draw.choice([0, 255, 127, 128]))]) * length
            case 4:
                data[at:at] = data[max(0, at - 32) : at]
            case _:
                data[at : at + 1] = draw.bytes(1)
        if not data:
            break
    return bytes(data)


def made_array(draw: np.random.Generator) -> np.ndarray:
    kind = str(draw.choice(TYPES))
    shape = tuple(draw.integers(0, 7, draw.integers(0, 6)).tolist())
    if draw.random() < 0.6:
        shape = (int(draw.integers(1, 6)), *draw.choice([1, 3, 4, 5], draw.integers(2, 4)).tolist())
        kind = str(draw.choice(["u1", "u1", "?", kind]))
    kind = np.dtype(kind)
    if kind.hasobject:
        return np.full(shape, None)
    if kind.kind in "uif" and draw.random() < 0.6:
        return (draw.integers(0, draw.choice([2, 16, 256]), shape)).astype(kind)
    size = int(np.prod(shape)) * kind.itemsize
    return np.frombuffer(draw.bytes(size), kind).reshape(shape)


def made_arrays(draw: np.random.Generator) -> dict[str, np.ndarray]:
    image = made_array(draw)
    names = [["x"], ["images"], ["x_train", "x_test"], draw.choice(NAMES, 2).tolist()]
    arrays = {name: image for name in names[draw.integers(0, 4)]}
    if draw.random() < 0.2:
        arrays[str(draw.choice(NAMES))] = made_array(draw)
    if draw.random() < 0.5:  # or hardly any label would fit its images
        for name in list(arrays):
            key = {"x": "y", "images": "labels"}.get(name, name.replace("x_", "y_"))
            n = len(arrays[name]) if arrays[name].ndim else 1
            arrays[key] = draw.integers(-1, 3, n) if draw.random() < 0.2 else np.arange(n) % 3
    return arrays


def sealed(png: bytes) -> bytes:
    """Return a PNG with right checksums, so that what is behind them is reached."""
    out, at = bytearray(png[:8]), 8
    while at + 12 <= len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        body = png[at + 4 : at + 8 + length]
        out += png[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
        at += 12 + length
    return bytes(out)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def valid_images():
    """Return files of every format and mode, with the suffix of each."""
    draw = np.random.default_rng(3)
    grey = Image.fromarray(draw.integers(0, 256, (6, 5), dtype=np.uint8))
    colour = Image.fromarray(draw.integers(0, 256, (6, 5, 3), dtype=np.uint8))
    deep = Image.fromarray(draw.integers(0, 2**16, (6, 5), dtype=np.uint16))
    turned = Image.Exif()
    turned[0x0112] = 6
    plain = [
        (saved(image, kind), f".{kind}")
        for kind in ("png", "bmp", "gif", "tiff", "jpeg", "webp", "ppm")
        for image in (grey, colour)
    ]
    return [
        *plain,
        *((saved(grey.convert(mode), "png"), ".png") for mode in ("1", "P", "LA", "RGBA")),
        (saved(deep, "png"), ".png"),
        (saved(deep, "tiff"), ".tif"),
        (saved(colour, "png", exif=turned), ".png"),
        (saved(colour, "jpeg", exif=turned, progressive=True), ".jpg"),
        (saved(colour.convert("CMYK"), "jpeg"), ".jpg"),
        (saved(colour, "tiff", compression="tiff_lzw"), ".tif"),
        (saved(colour, "tiff", compression="tiff_adobe_deflate"), ".tif"),
        (saved(colour, "gif", save_all=True, append_images=[grey]), ".gif"),
        (saved(colour, "png", save_all=True, append_images=[colour.rotate(90)]), ".png"),
    ]


def made_npy(draw: np.random.Generator) -> bytes:
    file = io.BytesIO()
    np.save(file, made_array(draw))
    return mutated(file.getvalue(), draw) if draw.random() < 0.7 else file.getvalue()


def made_npz(draw: np.random.Generator) -> bytes:
    """Return an archive whose members are changed before they are packed, or after."""
    file = io.BytesIO()
    packing = zipfile.ZIP_DEFLATED if draw.random() < 0.5 else zipfile.ZIP_STORED
    with zipfile.ZipFile(file, "w", packing) as archive:
        for name, array in made_arrays(draw).items():
            member = io.BytesIO()
            np.save(member, array)
            content = member.getvalue()
            changed = draw.random() < 0.2
            archive.writestr(f"{name}.npy", mutated(content, draw) if changed else content)
    return mutated(file.getvalue(), draw) if draw.random() < 0.4 else file.getvalue()


@pytest.mark.parametrize(("suffix", "make"), [(".npy", made_npy), (".npz", made_npz)])
def test_a_made_file_of_numpy_is_refused_or_read(suffix, make, tmp_path):
    path, ends = tmp_path / f"x{suffix}", []
    for i in range(N_FILES):
        draw = np.random.default_rng([1, i])
        path.write_bytes(make(draw))
        ends.append(check(lambda: read_images(path, READINGS[i % len(READINGS)])))  # noqa: B023
    assert set(ends) == {"refused", "read"}


def test_made_arrays_are_refused_or_read():
    ends = []
    for i in range(N_FILES):
        arrays = made_arrays(np.random.default_rng([2, i]))
        ends.append(check(lambda: read_arrays(arrays, "x", READINGS[i % len(READINGS)])))  # noqa: B023
    assert set(ends) == {"refused", "read"}


def test_a_damaged_image_is_refused_or_read(valid_images, tmp_path):
    ends = []
    for i in range(N_FILES):
        draw = np.random.default_rng([3, i])
        content, suffix = valid_images[i % len(valid_images)]
        content = mutated(content, draw) if i % 5 else content
        path = tmp_path / f"x{suffix}"
        path.write_bytes(sealed(content) if suffix == ".png" and i % 4 else content)
        ends.append(check(lambda: read_images(tmp_path, READINGS[i % len(READINGS)])))  # noqa: B023
        path.unlink()
    assert set(ends) == {"refused", "read"}


def test_a_made_folder_is_refused_or_read(valid_images, tmp_path):
    names = (
        "train",
        "test",
        "val",
        "Test",
        "a",
        "a1",
        "1",
        "10",
        ".a",
        "a\nb",
        "\udc80",
        "x.parquet",
    )
    ends = []
    for i in range(N_FILES):
        draw = np.random.default_rng([4, i])
        folder = tmp_path / str(i)
        folder.mkdir()
        for k in range(draw.integers(0, 6)):
            where = folder.joinpath(*draw.choice(names[: 7 + i % 6], draw.integers(0, 4)).tolist())
            where.mkdir(parents=True, exist_ok=True)
            content, suffix = valid_images[int(draw.integers(0, 2))]
            (where / f"{k}{suffix if draw.random() < 0.9 else '.txt'}").write_bytes(content)
            if draw.random() < 0.05:
                (where / f"link{k}").symlink_to(draw.choice(["..", "/", "nowhere", "."]))
        ends.append(check(lambda: read_images(folder, READINGS[i % len(READINGS)])))  # noqa: B023
    assert set(ends) == {"refused", "read"}


def test_a_damaged_parquet_file_is_refused_or_read(pictures, tmp_path):
    path, ends, valid = tmp_path / "x.parquet", [], []
    for compression in ("none", "snappy", "zstd", "gzip"):
        for use_dictionary in (True, False):
            file = io.BytesIO()
            table = pictures.table(1)
            pq.write_table(table, file, compression=compression, use_dictionary=use_dictionary)
            valid.append(file.getvalue())
    for i in range(N_FILES):
        draw = np.random.default_rng([5, i])
        content = valid[i % len(valid)]
        cut = 0 if i % 2 else max(0, len(content) - 2500)  # the footer says more than the pages
        path.write_bytes(content[:cut] + mutated(content[cut:], draw))
        ends.append(check(lambda: read_images(path, READINGS[i % len(READINGS)])))  # noqa: B023
    assert set(ends) == {"refused", "read"}
