"""The strict idx reader, and the real files."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from genbench.core.errors import DataError
from genbench.data import datasets
from genbench.data.mnist_family import parse_idx, read

IMAGES = bytes([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6])
LABELS = bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9])


def test_a_file_written_by_hand_is_read_exactly():
    assert parse_idx(IMAGES, "images").tolist() == [[[1, 2, 3], [4, 5, 6]]]
    assert parse_idx(LABELS, "labels").tolist() == [7, 9]


@given(
    hnp.arrays(
        np.uint8,
        st.one_of(
            hnp.array_shapes(min_dims=1, max_dims=1), hnp.array_shapes(min_dims=3, max_dims=3)
        ),
    )
)
def test_reading_inverts_writing(array):
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    assert np.array_equal(parse_idx(header + array.tobytes(), "any"), array)


@pytest.mark.parametrize("whole", [IMAGES, LABELS])
def test_every_wrong_length_is_refused(whole):
    for cut in range(len(whole)):
        with pytest.raises(DataError, match="any"):
            parse_idx(whole[:cut], "any")
    with pytest.raises(DataError, match="header says"):
        parse_idx(whole + b"\0", "any")


@pytest.mark.parametrize("position", range(8))
def test_every_changed_byte_of_the_magic_and_the_count_is_refused(position):
    for value in set(range(256)) - {IMAGES[position]}:
        changed = bytearray(IMAGES)
        changed[position] = value
        with pytest.raises(DataError):
            parse_idx(bytes(changed), "any")


@pytest.mark.mnist
def test_the_real_files_hold_what_is_known_of_mnist(real_data):
    raw = read(datasets["mnist"], real_data)
    assert raw.train_x.shape == (60_000, 28, 28)
    assert raw.test_x.shape == (10_000, 28, 28)
    assert raw.train_y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(raw.test_y).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    assert round(float(raw.train_x.mean()) / 255, 4) == 0.1307


@pytest.mark.mnist
def test_torchvision_reads_the_same_pixels(real_data, tmp_path):
    try:
        from torchvision.datasets import MNIST
    except (ImportError, RuntimeError, OSError) as error:
        pytest.skip(f"torchvision cannot be imported: {error}")
    import gzip

    raw_folder = tmp_path / "MNIST" / "raw"
    raw_folder.mkdir(parents=True)
    spec = datasets["mnist"]
    for file in spec.files:
        packed = (real_data / "mnist" / file.name).read_bytes()
        (raw_folder / file.unpacked_name).write_bytes(gzip.decompress(packed))
    ours = read(spec, tmp_path)
    train, test = MNIST(tmp_path, train=True), MNIST(tmp_path, train=False)
    assert np.array_equal(ours.train_x, train.data.numpy())
    assert np.array_equal(ours.train_y, train.targets.numpy())
    assert np.array_equal(ours.test_x, test.data.numpy())
    assert np.array_equal(ours.test_y, test.targets.numpy())
