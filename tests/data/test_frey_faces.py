"""The Frey Faces: only the pinned file is parsed."""

import io
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from genbench.core.errors import DataError, ExitCode
from genbench.core.files import sha256_bytes
from genbench.data import DataConfig, datasets, load
from genbench.data.fetch import verify
from genbench.data.frey_faces import read
from genbench.data.storage import examine

FRAMES = np.random.default_rng(0).integers(0, 256, (25, 28, 20), dtype=np.uint8)


def matlab(array, compress=False, name="ff", version="5"):
    """Write a MATLAB file by scipy."""
    stream = io.BytesIO()
    savemat(stream, {name: array}, do_compression=compress, format=version)
    return stream.getvalue()


def columns(frames):
    """One column per frame, as in the published file."""
    return frames.reshape(len(frames), -1).T


WHOLE = matlab(columns(FRAMES), compress=True)


@pytest.fixture
def tiny_faces(monkeypatch, tmp_path):
    """A film of 25 frames in the data directory, under the name of the real one."""
    spec = datasets["frey_faces"]
    file = replace(spec.files[0], n_bytes=len(WHOLE), sha256=sha256_bytes(WHOLE))
    sizes = {"n_train": 20, "n_test": 5, "default_validation_size": 4}
    pixels = sha256_bytes(FRAMES.tobytes())
    spec = replace(spec, files=(file,), mirrors=(), pixels_sha256=pixels, **sizes)
    monkeypatch.setitem(datasets._entries, "frey_faces", spec)
    place = tmp_path / "frey_faces" / file.name
    place.parent.mkdir()
    place.write_bytes(WHOLE)
    return place


@pytest.fixture
def no_reader(monkeypatch):
    """Fail when a file is parsed."""

    def refuse(stream):
        pytest.fail("the file was parsed")

    monkeypatch.setattr("genbench.data.frey_faces.loadmat", refuse)


def require_refused(path, data_dir):
    """Load the faces, expecting a short error that names the file."""
    with pytest.raises(DataError) as caught:
        load(DataConfig(name="frey_faces", validation_size=4), data_dir)
    assert caught.value.exit_code == ExitCode.DATA
    assert str(path) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 10


def flipped(payload, position):
    """Change one byte."""
    changed = bytearray(payload)
    changed[position] ^= 0x41
    return bytes(changed)


@pytest.mark.parametrize(
    "foreign",
    [
        b"",
        b"MATLAB",
        bytes(200),
        matlab(columns(FRAMES), version="4"),
        matlab(columns(FRAMES).astype(float)),
        matlab(np.array([[1 + 2j, 3]])),
        matlab(np.array([["text"]])),
        matlab({"field": np.zeros((2, 3), np.uint8)}),
        matlab(np.array([[True, False]])),
        matlab(columns(FRAMES[1:]), compress=True),
        WHOLE + matlab(columns(FRAMES))[128:],
        *(flipped(WHOLE, position) for position in (0, 124, 128, 140, 600, -1)),
        *(WHOLE[:cut] for cut in (1, 127, 128, 136, len(WHOLE) // 2, -1)),
    ],
    ids=count(),  # a file names the second it was made in, which two processes may not share
)
def test_a_file_other_than_the_pinned_one_is_refused_and_not_parsed(
    tiny_faces, tmp_path, no_reader, foreign
):
    tiny_faces.write_bytes(foreign)
    require_refused(tiny_faces, tmp_path)


def test_a_file_cut_anywhere_is_damaged(tiny_faces, tmp_path):
    file = datasets["frey_faces"].files[0]
    for cut in range(len(WHOLE)):
        assert examine(file, WHOLE[:cut], tiny_faces).status == "damaged"


def test_every_single_flipped_byte_is_detected(tiny_faces, tmp_path):
    file = datasets["frey_faces"].files[0]
    for position in range(len(WHOLE)):
        assert examine(file, flipped(WHOLE, position), tiny_faces).status == "damaged"


def test_the_bytes_that_were_checked_are_the_bytes_that_are_parsed(
    tiny_faces, tmp_path, monkeypatch
):
    read_bytes = Path.read_bytes

    def read_and_replace(path):
        content = read_bytes(path)
        path.write_bytes(flipped(content, -1))
        return content

    monkeypatch.setattr(Path, "read_bytes", read_and_replace)
    frames = read(datasets["frey_faces"], tmp_path).train_x
    assert {frame.tobytes() for frame in frames} <= {frame.tobytes() for frame in FRAMES}


def test_the_splits_hold_each_frame_once_upright_and_without_a_label(tiny_faces, tmp_path):
    raw = read(datasets["frey_faces"], tmp_path)
    frames = np.concatenate([raw.train_x, raw.test_x])
    assert sorted(f.tobytes() for f in frames) == sorted(f.tobytes() for f in FRAMES)
    assert frames.shape == (25, 28, 20)
    assert not raw.train_y.any()
    assert not raw.test_y.any()
    assert not np.array_equal(frames, FRAMES)


def test_another_packing_of_the_same_pixels_is_refused_and_not_parsed(
    tiny_faces, tmp_path, no_reader
):
    tiny_faces.write_bytes(matlab(columns(FRAMES), compress=False, name="another"))
    assert [row["status"] for row in verify("frey_faces", tmp_path)] == ["damaged"]
    require_refused(tiny_faces, tmp_path)


def test_other_pixels_are_a_data_error_that_names_file_digest_and_repair(tiny_faces, tmp_path):
    other = FRAMES.copy()
    other[3, 4, 5] ^= 1
    tiny_faces.write_bytes(matlab(columns(other)))
    with pytest.raises(DataError) as caught:
        load(DataConfig(name="frey_faces", validation_size=4), tmp_path)
    assert caught.value.exit_code == ExitCode.DATA
    for part in (str(tiny_faces), sha256_bytes(WHOLE), "data fetch frey_faces"):
        assert part in str(caught.value)


def test_a_reader_that_returns_other_pixels_is_refused(tiny_faces, tmp_path, monkeypatch):
    other = {"ff": columns(FRAMES)[::-1]}
    monkeypatch.setattr("genbench.data.frey_faces.loadmat", lambda stream: other)
    with pytest.raises(DataError, match="install another version of scipy"):
        read(datasets["frey_faces"], tmp_path)


def test_a_missing_file_is_a_data_error_that_says_where_to_put_it(tiny_faces, tmp_path):
    tiny_faces.unlink()
    with pytest.raises(DataError) as caught:
        load(DataConfig(name="frey_faces", validation_size=4), tmp_path)
    pin = datasets["frey_faces"].files[0].sha256
    for part in (str(tiny_faces), pin, "GENBENCH_DATA_DIR", "data verify frey_faces"):
        assert part in str(caught.value)


def test_the_protocol_says_that_a_film_was_shuffled(tiny_faces, tmp_path):
    data = load(DataConfig(name="frey_faces", validation_size=4), tmp_path)
    assert (
        data.protocol.text
        == f"frey_faces@{data.digest[:8]}/grey/16+4+5 shuffled_film validation(seed=0)"
    )
    assert (data.domain, data.n_classes, data.image_shape) == ("grey_levels", 1, (1, 28, 20))


@pytest.mark.frey
def test_the_real_faces_are_the_pinned_ones_as_scipy_reads_them(frey_file: Path):
    film = loadmat(frey_file)["ff"].T.reshape(-1, 28, 20)
    assert sha256_bytes(film.tobytes()) == datasets["frey_faces"].pixels_sha256
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
