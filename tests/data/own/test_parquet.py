"""Columns, parts and names of classes in parquet, and what of it is refused."""

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genbench.core.errors import DataError, ExitCode
from genbench.data.own.images import Reading
from genbench.data.own.read import read_images
from tests.data.own.conftest import encoded

LEVELS = np.random.default_rng(0).integers(0, 256, (6, 1, 5, 4), dtype=np.uint8)
PNGS = [encoded(image) for image in LEVELS]
ROWS = [{"bytes": png, "path": f"{i}.png"} for i, png in enumerate(PNGS)]
LABELS = [0, 1, 2, 0, 1, 2]


def write(path, metadata=None, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns, metadata=metadata), path)
    return path


def refusal(path):
    with pytest.raises(DataError) as caught:
        read_images(path, Reading())
    assert caught.value.exit_code == ExitCode.DATA
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize(
    "images",
    [
        ROWS,
        PNGS,
        pa.array(PNGS, pa.large_binary()),
        pa.array(PNGS).dictionary_encode(),
        pa.array([{"bytes": png} for png in PNGS]),
    ],
    ids=["struct", "binary", "large", "dictionary", "bytes only"],
)
def test_images_are_found_in_each_kind_of_column(images, tmp_path):
    read = read_images(write(tmp_path / "x.parquet", picture=images, kind=LABELS, size=[1.5] * 6))
    np.testing.assert_array_equal(read.levels, LEVELS)
    assert read.labels.tolist() == LABELS
    assert "Images in the column 'picture', labels in 'kind'." in read.notes


@pytest.mark.parametrize(
    ("labels", "ranks", "classes"),
    [
        (pa.array([7, 3, 7, 7, 3, 3], pa.uint8()), [1, 0, 1, 1, 0, 0], ("3", "7")),
        (["b", "a", "b", "b", "a", "a"], [1, 0, 1, 1, 0, 0], ("a", "b")),
        (pa.array(["10", "9"] * 3).dictionary_encode(), [1, 0] * 3, ("9", "10")),
        ([1.5] * 6, [0] * 6, ()),
    ],
)
def test_labels_are_integers_or_names(labels, ranks, classes, tmp_path):
    read = read_images(write(tmp_path / "x.parquet", image=ROWS, label=labels))
    assert (read.labels.tolist(), read.classes) == (ranks, classes)


def features(names):
    info = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
    return {"huggingface": json.dumps(info)}


def test_names_of_classes_are_those_that_hugging_face_wrote(tmp_path):
    path = tmp_path / "x.parquet"
    read = read_images(write(path, features(["zebra", "ape", "cat"]), image=ROWS, label=LABELS))
    assert (read.classes, read.labels.tolist()) == (("zebra", "ape", "cat"), LABELS)
    read = read_images(write(path, features(["zebra", "ape", "cat"]), image=ROWS, label=[2, 0] * 3))
    assert read.classes == ("zebra", "cat")


@pytest.mark.parametrize(
    "names", [["a", "b"], ["a", "a", "b"], ["a", "b", "c\n"], "abc", [1, 2, 3]]
)
def test_names_of_classes_that_are_none_are_not_used(names, tmp_path):
    path = write(tmp_path / "x.parquet", features(names), image=ROWS, label=LABELS)
    assert read_images(path).classes == ("0", "1", "2")
    write(path, {"huggingface": "{"}, image=ROWS, label=LABELS)
    assert read_images(path).classes == ("0", "1", "2")


@pytest.mark.parametrize(
    ("names", "parts"),
    [
        (["train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"], {1, 3}),
        (["data/train-0", "data/validation-0", "data/test-0"], {1, 2, 3}),
        (["plain_text/train/0000", "plain_text/test/0000"], {1, 3}),
        (["mnist_train", "mnist_test"], {1, 3}),
        (["0000", "0001"], {0}),
        (["train-0", "train-1"], {0}),
        (["train-0", "val-0"], {1, 2}),
    ],
)
def test_names_of_shards_say_parts(names, parts, tmp_path):
    for i, name in enumerate(names):
        write(tmp_path / f"{name}.parquet", image=ROWS[i : i + 1], label=LABELS[i : i + 1])
    (tmp_path / "README.md").write_text("about")
    images = read_images(tmp_path)
    assert set(images.parts.tolist()) == parts
    assert len(images.levels) == len(names)
    assert "Skipped 1 of other kinds." in images.notes


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["test-0"], "has no part `train`"),
        (["train-0", "extra-0"], "extra-0.parquet: its name says no part"),
        (["train-test-0"], "its name says several parts"),
        (["grey/train-0", "colour/train-0"], "holds several sets, in colour, grey"),
        (["a/b/c/train-0", "train-1"], "too deep"),
    ],
)
def test_shards_that_can_be_read_in_two_ways_are_refused(names, said, tmp_path):
    for name in names:
        write(tmp_path / f"{name}.parquet", image=ROWS, label=LABELS)
    assert said in refusal(tmp_path)


def test_links_and_images_beside_shards_are_refused(tmp_path):
    write(tmp_path / "set/train-0.parquet", image=ROWS)
    link = tmp_path / "set/train-1.parquet"
    link.symlink_to(write(tmp_path / "secret.parquet", image=ROWS))
    assert "train-1.parquet: a link out of the folder" in refusal(tmp_path / "set")
    link.unlink()
    (tmp_path / "set/a.png").write_bytes(PNGS[0])
    assert "a.png: an image beside parquet files" in refusal(tmp_path / "set")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"image": ROWS, "mask": ROWS}, "columns image, mask may all be images; keep one"),
        ({"image": ROWS, "fine": LABELS, "coarse": LABELS}, "fine, coarse may all be labels"),
        ({"label": LABELS, "a\nb": [1.5] * 6}, r"holds label (int64), 'a\nb' (double)"),
        ({"image": [{"path": "a.png"}] * 6}, "no column of images"),
        (
            {"image": pa.array([{"path": "/etc/passwd"}], pa.table({"i": ROWS})["i"].type)},
            "row 0 has no image; a path alone is not followed",
        ),
        ({"image": [*ROWS[:3], None, *ROWS[:2]]}, "row 3 has no image"),
        ({"image": ROWS, "label": [0, 1, None, 1, 1, 1]}, "a label is missing"),
        ({"image": ROWS, "label": [0, 1, -1, 1, 1, 1]}, "a label is -1"),
        ({"image": ROWS, "label": ["a" * 101] * 6}, "longer than 100 letters"),
        ({"image": ROWS, "label": ["a\x1b"] * 6}, "without control characters"),
        ({"image": [b"no image"] * 6}, "row 0: is no image"),
        ({"image": [*PNGS[:4], PNGS[0][:30], PNGS[1]]}, "row 4: "),
        ({"image": pa.array([], pa.binary())}, "has no rows"),
    ],
)
def test_columns_that_are_not_plain_are_refused(columns, said, tmp_path):
    message = refusal(write(tmp_path / "my.parquet", **columns))
    assert said in message
    assert message.startswith("my.parquet")


def test_shards_must_have_the_same_columns_and_sizes(tmp_path):
    write(tmp_path / "0.parquet", image=ROWS, label=LABELS)
    write(tmp_path / "1.parquet", image=ROWS)
    assert "its files have different columns" in refusal(tmp_path)
    write(tmp_path / "1.parquet", image=[encoded(LEVELS[0, :, 1:])], label=[1])
    assert "1.parquet: row 0 has 4 x 4; scale them with `resize = [5, 4]`" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 9, b"PAR1" + b"\xff" * 60 + b"PAR1"])
def test_what_is_no_parquet_is_refused(content, tmp_path):
    path = tmp_path / "x.parquet"
    path.write_bytes(content)
    assert refusal(path).startswith("x.parquet: can't be read as parquet: ")


def test_one_huge_value_in_every_row_is_unpacked_a_few_at_a_time(tmp_path):
    values = pa.array([PNGS[0] + bytes(2**20)])
    table = pa.table({"image": pa.DictionaryArray.from_arrays(np.zeros(400, np.int32), values)})
    path = tmp_path / "x.parquet"
    pq.write_table(
        table, path, compression="zstd", dictionary_pagesize_limit=2**26, store_schema=False
    )
    assert path.stat().st_size < 2_000
    code = (
        "import resource, sys, pyarrow.parquet\n"
        "from pathlib import Path\n"
        "from genbench.data.own.read import read_images\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "before = peak()\n"
        "read_images(Path(sys.argv[1]))\n"
        "print(peak() - before)\n"
    )
    argv = [sys.executable, "-c", code, str(path)]
    run = subprocess.run(argv, check=True, capture_output=True, text=True)
    assert int(run.stdout) < 150  # and not 400


def test_a_row_group_larger_than_memory_is_refused(tmp_path, monkeypatch):
    path = write(tmp_path / "my.parquet", image=ROWS)
    size = pq.ParquetFile(path).metadata.row_group(0).total_byte_size
    monkeypatch.setattr("genbench.core.memory.available_bytes", lambda: size - 1)
    assert refusal(path).startswith("my.parquet: a row group would need ")


def test_without_pyarrow_one_line_says_how_to_install_it(tmp_path, monkeypatch):
    path = write(tmp_path / "my.parquet", image=ROWS)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    said = "my.parquet: parquet needs pyarrow; python -m pip install 'genbench[parquet]'"
    assert refusal(path) == said
