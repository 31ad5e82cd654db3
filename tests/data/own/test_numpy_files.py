"""Hostile ``.npz`` and ``.npy``: sizes are looked at first, and no object is unpickled."""

import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from genbench.core.errors import DataError
from genbench.data.own.images import Reading
from genbench.data.own.read import read_images

X = np.random.default_rng(0).integers(0, 256, (6, 5, 4), dtype=np.uint8)


def npy(array, allow_pickle=False):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=allow_pickle)
    return file.getvalue()


def header(text, version=1):
    """Write the start of an npy by its description: magic, version, length, a dict."""
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text.encode()


def described(descr="'|u1'", shape="(6, 5, 4)", order="False"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}\n"


def write(path, members, packing=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def refusal(path, reading=None):
    with pytest.raises(DataError) as caught:
        read_images(path, reading or Reading())
    message = str(caught.value)
    assert message.isprintable()
    assert message.startswith(path.name)
    return message


HEADERS = [
    (header(described(shape="(-6, 5, 4)")), "its shape is (-6, 5, 4)"),
    (header(described(shape="(6, 5, -4)")), "its shape is (6, 5, -4)"),
    (header(described(shape=f"({2**62}, {2**62}, 4)")), "its header says"),
    (header(described(shape="(10**9, 5, 4)")), "is no array of numpy's format"),
    (header(described(shape=f"({10**9}, 1000, 1000)")), "its header says 1000000000000"),
    (header(described(shape="(1,) * 9")), "is no array of numpy's format"),
    (header(described(shape=str((1,) * 40))), "its shape is (1, 1,"),
    (header(described("'|O'")), "holds Python objects"),
    (header(described("[('a', '|O')]")), "holds Python objects"),
    (header(described("[('a', '<i4'), ('b', '<f4')]")), "values are ["),
    (header(described("('<f4', (10**9,))")), "is no array of numpy's format"),
    (header(described("'<c8'")), "values are complex64"),
    (header(described("'|S10'")), "values are |S10"),
    (header(described("'<U4000000'")), "values are <U4000000"),
    (header(described("'|V9'")), "values are |V9"),
    (header("{" * 5_000), "is no array of numpy's format"),
    (header("(" * 9_000), "is no array of numpy's format"),
    (header("__import__('os').system('echo')"), "is no array of numpy's format"),
    (header(" " * 20_000 + described()), "is no array of numpy's format"),
    (header(described(), 2)[:8] + struct.pack("<I", 2**32 - 1), "is no array of numpy's format"),
    (b"\x93NUMPY\x09\x00" + bytes(100), "is no array of numpy's format"),
    (pickle.dumps({"x": 1}), "is no array of numpy's format"),
    (b"", "is no array of numpy's format"),
]


@pytest.mark.parametrize(("content", "said"), HEADERS)
def test_a_hostile_header_is_refused(content, said, tmp_path):
    path = tmp_path / "x.npy"
    path.write_bytes(content)
    assert said in refusal(path)
    assert said in refusal(write(tmp_path / "x.npz", [("x.npy", content)]))


def test_truncated_and_overlong_files_are_refused(tmp_path):
    path, content = tmp_path / "x.npy", npy(X)
    for changed in (content[:-1], content[:140], content[:50], content + b"\0"):
        path.write_bytes(changed)
        refusal(path)
    path.write_bytes(content)
    np.testing.assert_array_equal(read_images(path).levels[:, 0], X)


def test_no_pickle_is_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "sprung"),)

    content = npy(np.array([Trap()], dtype=object), allow_pickle=True)
    (tmp_path / "x.npy").write_bytes(content)
    (tmp_path / "y.npy").write_bytes(pickle.dumps(Trap()))
    for path in (tmp_path / "x.npy", tmp_path / "y.npy"):
        refusal(path)
        refusal(write(tmp_path / "x.npz", [("x.npy", path.read_bytes())]))
        refusal(write(tmp_path / "x.npz", [("x.npy", npy(X)), ("y.npy", path.read_bytes())]))
    assert not (tmp_path / "sprung").exists()


def test_only_the_arrays_that_are_needed_are_touched(tmp_path):
    members = [("x.npy", npy(X)), ("readme.txt", b"hello"), ("model.npy", b"\x93NUMPY damaged")]
    images = read_images(write(tmp_path / "x.npz", members))
    np.testing.assert_array_equal(images.levels[:, 0], X)
    assert "Not read: readme.txt, model." in images.notes


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_ways_to_pack_that_numpy_does_not_use_are_refused(packing, tmp_path):
    path = write(tmp_path / "x.npz", [("x.npy", npy(X))], packing)
    assert "packed in a way that numpy does not use" in refusal(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_refused(tmp_path):
    assert "holds x twice" in refusal(write(tmp_path / "x.npz", [("x.npy", npy(X)), ("x", b"")]))
    assert "holds x twice" in refusal(write(tmp_path / "x.npz", [("x.npy", npy(X))] * 2))


def lying(path, field, value):
    """Change a field of the first entry of a zip's directory."""
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + field : entry + field + len(value)] = value
    path.write_bytes(content)
    return path


FLAGS, SIZE, LOCAL = 8, 24, 42


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (SIZE, struct.pack("<I", 10), "x.npy: "),
        (SIZE, struct.pack("<I", 2**31), "2147483648 bytes, but its header says"),
        (FLAGS, b"\x01", "x.npy: is damaged: "),
        (LOCAL, struct.pack("<I", 2**31), "x.npy"),
    ],
)
def test_lies_of_a_directory_are_found(field, value, said, tmp_path):
    assert said in refusal(lying(write(tmp_path / "x.npz", [("x.npy", npy(X))]), field, value))


def test_a_changed_bit_is_found(tmp_path):
    path = write(tmp_path / "x.npz", [("x.npy", npy(X))], zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(X.tobytes()) + 7] ^= 1
    path.write_bytes(content)
    assert "Bad CRC-32" in refusal(path)


def test_a_directory_of_a_million_files_is_not_read(tmp_path):
    path = write(tmp_path / "x.npz", [("x.npy", npy(X))])
    content = path.read_bytes()
    at = content.index(b"PK\x01\x02")
    entry, end = content[at : content.index(b"PK\x05\x06")], content[content.index(b"PK\x05\x06") :]
    n = 2**20 // len(entry) + 1
    end = end[:8] + struct.pack("<HHI", 9, 9, n * len(entry)) + end[16:]
    path.write_bytes(content[:at] + entry * n + end)
    assert "its directory is too large" in refusal(path)


BOMB = """
import resource, sys
from pathlib import Path
from genbench.core.errors import DataError
from genbench.data.own.read import read_images
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_images(Path(sys.argv[1]))
except DataError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def bomb(path, n_bytes):
    """Write an npz whose one array of zeros has this size, and takes a thousandth of it."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w") as file,
    ):
        file.write(header(described(shape=f"({n_bytes}, 1, 1)")))
        for _ in range(n_bytes // 2**24):
            file.write(bytes(2**24))
    return path


def test_a_bomb_takes_no_more_memory_than_it_declares(tmp_path, monkeypatch):
    path = bomb(tmp_path / "x.npz", 2**27)
    assert path.stat().st_size < 2**19
    monkeypatch.setattr("genbench.core.memory.available_bytes", lambda: 2**28)
    assert "x would need 940 MB of memory" in refusal(path)
    lying(path, SIZE, struct.pack("<I", 1_000))
    run = subprocess.run(
        [sys.executable, "-c", BOMB, str(path)], check=True, capture_output=True, text=True
    )
    message, grown = run.stdout.splitlines()
    assert message.startswith("x.npz: x.npy: is damaged: Bad CRC-32")
    assert int(grown) < 60
