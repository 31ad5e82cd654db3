"""The strict MATLAB reader against scipy's, and the faces."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.io import loadmat, savemat

from genbench.core.errors import DataError, ExitCode
from genbench.core.files import sha256_bytes
from genbench.data import DataConfig, datasets, load
from genbench.data.fetch import verify
from genbench.data.frey_faces import read
from genbench.data.matlab import parse_matlab

REFUSED = r"^(not|an array of another size|broken|ends|the compressed)"
FRAMES = np.random.default_rng(0).integers(0, 256, (25, 28, 20), dtype=np.uint8)


def matlab(array, compress=False, name="ff", version="5"):
    """Write a MATLAB file by scipy."""
    stream = io.BytesIO()
    savemat(stream, {name: array}, do_compression=compress, format=version)
    return stream.getvalue()


def columns(frames):
    """One column per frame, as in the published file."""
    return frames.reshape(len(frames), -1).T


@pytest.fixture
def tiny_faces(monkeypatch, tmp_path):
    """A film of 25 frames in the data directory, under the name of the real one."""
    spec = datasets["frey_faces"]
    packed = matlab(columns(FRAMES), compress=True)
    pins = {"n_bytes": len(packed), "sha256": sha256_bytes(packed)}
    pins |= {"content_bytes": FRAMES.nbytes, "content_sha256": sha256_bytes(FRAMES.tobytes())}
    file = replace(spec.files[0], **pins)
    sizes = {"n_train": 20, "n_test": 5, "default_validation_size": 4}
    spec = replace(spec, files=(file,), mirrors=(), **sizes)
    monkeypatch.setitem(datasets._entries, "frey_faces", spec)
    place = tmp_path / "frey_faces" / file.name
    place.parent.mkdir()
    place.write_bytes(packed)
    return place


@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=3, max_side=6)),
    st.booleans(),
    st.sampled_from(["f", "ff", "faces_of_one_man"]),
)
def test_reading_inverts_scipys_writing(array, compress, name):
    payload = matlab(array, compress, name)
    assert parse_matlab(payload, array.nbytes) == array.tobytes(order="F")


def test_big_endian_files_are_read_too():
    little, array = matlab(np.array([[7, 8]], dtype=np.uint8)), bytearray()
    array += little[:124] + b"\x01\x00MI"
    words = np.frombuffer(little[128:], dtype="<u4").copy()
    raw = words.astype(">u4").tobytes()
    # scipy writes the name and the pixels as short elements, whose content is bytes, not a word
    for position in (words[:-1] >> 16).nonzero()[0]:
        start = 4 * (position + 1)
        raw = raw[:start] + little[128 + start : 132 + start] + raw[start + 4 :]
    assert parse_matlab(bytes(array) + raw, 2) == b"\x07\x08"


@pytest.mark.parametrize(
    "foreign",
    [
        b"",
        b"MATLAB",
        bytes(200),
        matlab(np.zeros((2, 3), np.uint8), version="4"),
        matlab(np.arange(6.0).reshape(2, 3)),
        matlab(np.array([[1 + 2j, 3]])),
        matlab(np.array([["text"]])),
        matlab({"field": np.zeros((2, 3), np.uint8)}),
        matlab(np.array([[True, False]])),
        matlab(np.zeros((2, 2), np.uint8)),
        matlab(np.zeros((2, 3), np.uint8)) + matlab(np.zeros((2, 3), np.uint8))[128:],
    ],
)
def test_anything_but_one_uint8_array_of_the_size_is_refused(foreign):
    with pytest.raises(ValueError, match=REFUSED):
        parse_matlab(foreign, 6)


@pytest.mark.parametrize("compress", [False, True])
def test_a_file_cut_anywhere_is_refused(compress):
    whole = matlab(columns(FRAMES[:1]), compress)
    for cut in range(len(whole) - 8):
        with pytest.raises(ValueError, match=REFUSED):
            parse_matlab(whole[:cut], 560)


@pytest.mark.parametrize("compress", [False, True])
def test_every_single_flipped_byte_is_harmless_or_detected(tiny_faces, tmp_path, compress):
    whole = matlab(columns(FRAMES), compress)
    for position in range(900):
        flipped = bytearray(whole)
        flipped[position] ^= 0x41
        tiny_faces.write_bytes(flipped)
        (row,) = verify("frey_faces", tmp_path)
        # the header's text, the array's name and padding carry no data
        assert row["status"] == "damaged" or position < 192


def test_the_splits_hold_each_frame_once_upright_and_without_a_label(tiny_faces, tmp_path):
    raw = read(datasets["frey_faces"], tmp_path)
    frames = np.concatenate([raw.train_x, raw.test_x])
    assert sorted(f.tobytes() for f in frames) == sorted(f.tobytes() for f in FRAMES)
    assert frames.shape == (25, 28, 20)
    assert not raw.train_y.any()
    assert not raw.test_y.any()
    assert not np.array_equal(frames, FRAMES)


def test_another_packing_of_the_same_pixels_is_accepted(tiny_faces, tmp_path):
    tiny_faces.write_bytes(matlab(columns(FRAMES), compress=False, name="another"))
    assert [row["status"] for row in verify("frey_faces", tmp_path)] == ["ok"]


def test_other_pixels_are_a_data_error_that_names_file_digest_and_repair(tiny_faces, tmp_path):
    other = FRAMES.copy()
    other[3, 4, 5] ^= 1
    tiny_faces.write_bytes(matlab(columns(other)))
    with pytest.raises(DataError) as caught:
        load(DataConfig(name="frey_faces", validation_size=4), tmp_path)
    assert caught.value.exit_code == ExitCode.DATA
    for part in (str(tiny_faces), sha256_bytes(FRAMES.tobytes()), "data fetch frey_faces"):
        assert part in str(caught.value)


def test_a_missing_file_is_a_data_error_that_says_where_to_put_it(tiny_faces, tmp_path):
    tiny_faces.unlink()
    with pytest.raises(DataError) as caught:
        load(DataConfig(name="frey_faces", validation_size=4), tmp_path)
    pin = datasets["frey_faces"].files[0].sha256
    for part in (str(tiny_faces), pin, "GENBENCH_DATA_DIR", "data verify frey_faces"):
        assert part in str(caught.value)


def test_the_protocol_says_that_a_film_was_shuffled(tiny_faces, tmp_path):
    data = load(DataConfig(name="frey_faces", validation_size=4), tmp_path)
    assert data.protocol.text == f"frey_faces@{data.digest[:8]}/grey/16+4+5 shuffled_film"
    assert (data.domain, data.n_classes, data.image_shape) == ("grey_levels", 1, (1, 28, 20))


@pytest.mark.frey
def test_the_real_faces_are_the_pinned_ones_as_scipy_reads_them(frey_file: Path):
    film = loadmat(frey_file)["ff"].T.reshape(-1, 28, 20)
    assert sha256_bytes(film.tobytes()) == datasets["frey_faces"].files[0].content_sha256
    raw = read(datasets["frey_faces"], frey_file.parents[1])
    frames = np.concatenate([raw.train_x, raw.test_x])
    assert len({frame.tobytes() for frame in frames}) == 1965
    assert sorted(f.tobytes() for f in frames) == sorted(f.tobytes() for f in film)


@pytest.mark.frey
def test_the_shuffled_split_leaks_as_its_description_says(frey_file: Path):
    spec = datasets["frey_faces"]
    raw = read(spec, frey_file.parents[1])
    film = loadmat(frey_file)["ff"].T
    shuffled = nearest(raw.test_x.reshape(200, -1), raw.train_x[:1565].reshape(1565, -1))
    assert [round(d, 3) for d in (shuffled, nearest(film[1765:], film[:1565]))] == [0.044, 0.084]


def nearest(x, others):
    """The median root mean square distance to the nearest of others."""
    x, others = x / 255, others / 255
    squares = (x**2).sum(1)[:, None] + (others**2).sum(1) - 2 * x @ others.T
    return float(np.median(np.sqrt(squares.min(axis=1) / 560)))
