"""One image from its bytes: every format and mode, and hostile ones."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from genbench.core.errors import DataError
from genbench.data.own.limits import MAX_PIXELS
from genbench.data.own.pictures import decode, scaled

DRAW = np.random.default_rng(0)
GREY = DRAW.integers(0, 256, (6, 5), dtype=np.uint8)
RGB = DRAW.integers(0, 256, (6, 5, 3), dtype=np.uint8)


def saved(image, kind="png", **options):
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(
        file, kind, **options
    )
    return file.getvalue()


def read(content):
    picture = decode(content, "my.png", None)
    return picture.pixels, picture.remarks


def refusal(content):
    with pytest.raises(DataError) as caught:
        decode(content, "my.png", None)
    return str(caught.value).removeprefix("my.png: ")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("png", {}),
        ("bmp", {}),
        ("tiff", {}),
        ("tiff", {"compression": "tiff_lzw"}),
        ("ppm", {}),
        ("webp", {"lossless": True}),
        ("gif", {}),
    ],
)
def test_lossless_formats_give_the_pixels(kind, options):
    if kind != "gif":  # whose palette has 256 colours
        np.testing.assert_array_equal(read(saved(RGB, kind, **options))[0], np.moveaxis(RGB, 2, 0))
    if kind != "webp":  # which has no grey
        np.testing.assert_array_equal(read(saved(GREY, kind, **options))[0], GREY[None])


def test_a_jpeg_is_read_and_remarked():
    pixels, remarks = read(saved(np.full((8, 8), 77, np.uint8), "jpeg"))
    assert pixels.tolist() == [[[77] * 8] * 8]
    assert remarks == ["stored as JPEG, which loses detail"]


def test_of_a_phone_s_picture_with_a_preview_the_picture_is_read():
    frames = [Image.fromarray(np.full((8, 8), value, np.uint8)) for value in (77, 200)]
    content = saved(frames[0], "mpo", save_all=True, append_images=frames[1:])
    assert set(read(content)[0].ravel().tolist()) == {77}


def test_a_palette_is_looked_up_and_grey_stays_grey():
    coloured = Image.fromarray(RGB).quantize(8)
    pixels, remarks = read(saved(coloured))
    np.testing.assert_array_equal(pixels, np.moveaxis(np.asarray(coloured.convert("RGB")), 2, 0))
    assert remarks == ["colours looked up in its palette"]
    np.testing.assert_array_equal(read(saved(Image.fromarray(GREY).convert("P")))[0], GREY[None])


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_only_an_opaque_alpha_channel_is_left_out(mode):
    base = Image.fromarray(GREY if mode == "LA" else RGB)
    opaque = base.convert(mode)
    pixels, remarks = read(saved(opaque))
    np.testing.assert_array_equal(pixels, read(saved(base))[0])
    assert remarks == ["opaque, its alpha channel left out"]
    opaque.putpixel((0, 0), (0,) * (len(mode) - 1) + (254,))
    assert "is transparent in places; put it on a background" in refusal(saved(opaque))


def test_a_transparent_colour_is_found():
    colour = tuple(RGB[0, 0].tolist())
    assert "is transparent" in refusal(saved(RGB, transparency=colour))
    assert "is transparent" in refusal(saved(GREY, transparency=int(GREY[0, 0])))


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "tiff"])
def test_an_image_is_turned_upright(kind):
    tags = Image.Exif()
    tags[0x0112] = 6  # to be turned by 90 degrees clockwise
    image = np.zeros((8, 16, 3), np.uint8)
    image[:, 8:] = 255
    turned, _ = read(saved(image, kind, exif=tags))
    assert turned.shape == (3, 16, 8)
    assert turned[:, :7].max() < 50
    assert turned[:, 9:].min() > 200


DEEP = DRAW.integers(0, 2**16, (4, 4), dtype=np.uint16)


def png_of_16_bits_per_colour():
    rows = b"".join(b"\0" + bytes(4 * 6) for _ in range(4))
    return png((4, 4), rows, depth=16, colour=2)


def png(size, rows, depth=8, colour=0, extra=b""):
    """Write a PNG by its description: signature, header, data, end."""
    header = struct.pack(">IIBBBBB", *size, depth, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")
    return b"\x89PNG\r\n\x1a\n" + parts


def chunk(kind, body=b""):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (saved(DEEP), "has 16 bits"),
        (saved(DEEP, "tiff"), "has 16 bits"),
        (png_of_16_bits_per_colour(), "has 16 bits"),
        (b"P5 2 2 65535\n" + bytes(8), "has 16 bits"),
        (b"P6 1 1 1023\n" + bytes(6), "has 16 bits"),
        (saved(Image.new("CMYK", (4, 4)), "jpeg"), "has mode CMYK"),
        (saved(Image.new("F", (4, 4)), "tiff"), "has mode F"),
        (saved(Image.new("LAB", (4, 4)), "tiff"), "has mode LAB"),
        (saved(GREY, save_all=True, append_images=[Image.fromarray(GREY.T[:5, :5])]), "several"),
        (saved(Image.fromarray(GREY), "gif", save_all=True,
               append_images=[Image.fromarray(255 - GREY)]), "several frames"),
        (saved(RGB, "tiff", save_all=True, append_images=[Image.fromarray(RGB)]), "several frames"),
        (saved(RGB, "webp", save_all=True, append_images=[Image.fromarray(255 - RGB)]), "several"),
        (b"II*\0 no picture", "can't be read as an image"),
        (b"GIF89a", "is no image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is no image"),
    ],
)  # fmt: skip
def test_what_is_not_8_bits_of_grey_or_rgb_is_refused(content, said):
    assert said in refusal(content)


def test_fewer_grey_levels_are_spread_over_a_byte():
    assert read(b"P5 4 1 3\n" + bytes([0, 1, 2, 3]))[0].tolist() == [[[0, 85, 170, 255]]]
    two_bits = png((4, 1), b"\0" + bytes([0b00011011]), depth=2)
    assert read(two_bits)[0].tolist() == [[[0, 85, 170, 255]]]


@pytest.mark.parametrize(
    "size", [(2**31 - 1, 2**31 - 1), (10**5, 10**4), (2**14, 2**12 + 1), (2**26 + 1, 1)]
)
def test_a_declared_size_is_looked_at_before_anything_is_decoded(size, monkeypatch):
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
    message = refusal(png(size, b"\0"))
    assert "declares" in message
    assert f"{MAX_PIXELS:,}" in message


def test_an_image_without_pixels_is_refused():
    refusal(png((0, 5), b""))
    refusal(png((5, 0), b""))


def test_a_text_that_unpacks_to_a_gigabyte_is_not_unpacked():
    packed = zlib.compress(bytes(2**24), 9)
    bomb = b"".join(chunk(b"zTXt", b"k\0\0" + packed) for _ in range(3))
    content = png((1, 1), b"\0\0", extra=bomb)
    assert len(content) < 10**5
    assert "too large" in refusal(content)
    note = PngImagePlugin.PngInfo()
    note.add_text("who", "me")
    np.testing.assert_array_equal(read(saved(GREY, pnginfo=note))[0], GREY[None])


def test_damaged_tiffs_write_nothing_to_the_terminal(capfd):
    content = bytearray(saved(RGB, "tiff", compression="tiff_adobe_deflate"))
    content[12:20] = bytes(8)
    refusal(bytes(content))
    assert capfd.readouterr() == ("", "")


def test_scaling_keeps_each_channel_to_itself():
    pixels = np.zeros((3, 8, 8), np.uint8)
    pixels[1] = 200
    assert scaled(pixels, (3, 5)).tolist() == [[[value] * 5] * 3 for value in (0, 200, 0)]
