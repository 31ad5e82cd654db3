"""Atomic writes and canonical JSON."""

import errno
import hashlib
import json
import math
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genbench.core import files
from genbench.core.errors import ExitCode, StorageError

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_write_atomic_writes_text_and_bytes_and_makes_folders(tmp_path):
    files.write_atomic(tmp_path / "a" / "b" / "x.txt", "grün")
    assert (tmp_path / "a" / "b" / "x.txt").read_bytes() == "grün".encode()
    files.write_atomic(tmp_path / "a" / "b" / "x.txt", b"\x00\xff")
    assert (tmp_path / "a" / "b" / "x.txt").read_bytes() == b"\x00\xff"
    assert names(tmp_path / "a" / "b") == ["x.txt"]


@pytest.mark.parametrize("step", ["fsync", "replace", "chmod"])
def test_a_failed_write_leaves_the_old_file_and_no_temporary_one(tmp_path, monkeypatch, step):
    path = tmp_path / "x.txt"
    path.write_text("old")

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(StorageError, match=r"cannot write .*x\.txt: No space left") as caught:
        files.write_atomic(path, "new")
    assert caught.value.exit_code is ExitCode.STORAGE
    assert path.read_text() == "old"
    assert names(tmp_path) == ["x.txt"]


def test_a_folder_that_is_a_file_is_a_storage_error(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        files.write_atomic(tmp_path / "taken" / "x.txt", "new")
    with pytest.raises(StorageError, match="cannot write"):
        files.require_writable(tmp_path / "taken")


def test_require_writable_leaves_nothing_behind(tmp_path):
    files.require_writable(tmp_path / "new")
    assert names(tmp_path / "new") == []


def test_write_if_changed_writes_only_what_is_new(tmp_path):
    path = tmp_path / "x.txt"
    assert files.write_if_changed(path, "a")
    before = path.stat().st_ino
    assert not files.write_if_changed(path, "a")
    assert path.stat().st_ino == before
    assert files.write_if_changed(path, "b")
    assert path.read_text() == "b"
    path.write_bytes(b"\xff\xfe")  # not text: replaced, not an error
    assert files.write_if_changed(path, "b")
    assert path.read_text() == "b"


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("write", [files.canonical_json, files.pretty_json])
def test_json_never_holds_what_is_not_a_number(write, bad):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write({"value": [1.0, bad]})


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=4), plain, max_size=5), st.randoms())
def test_canonical_json_has_one_spelling_whatever_the_key_order(value, random):
    items = list(value.items())
    random.shuffle(items)
    text = files.canonical_json(dict(items))
    assert text == files.canonical_json(value)
    assert json.loads(text) == value
    assert json.loads(files.pretty_json(value)) == value


def test_canonical_json_keeps_every_bit_of_a_float():
    assert json.loads(files.canonical_json(0.1 + 0.2)) == 0.1 + 0.2


def test_digests_are_sha256(tmp_path):
    content = os.urandom(100_000)
    (tmp_path / "x").write_bytes(content)
    expected = hashlib.sha256(content).hexdigest()
    assert files.sha256_file(tmp_path / "x") == files.sha256_bytes(content) == expected
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files.sha256_bytes(b"abc") == known


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_what_goes_wrong_in_storing_is_a_storage_error(tmp_path, number):
    told = pytest.raises(StorageError, match=r"cannot write .*run: (No space|Permission)")
    with told, files.storing(tmp_path / "run"):
        raise OSError(number, os.strerror(number))


def test_remove_removes_a_file_once(tmp_path):
    (tmp_path / "x").touch()
    files.remove(tmp_path / "x")
    files.remove(tmp_path / "x")
    with pytest.raises(StorageError, match="cannot write"):
        files.remove(tmp_path)


def test_what_interrupted_writes_left_is_swept(tmp_path):
    for name in (".half.x.tmp", "whole", ".lock", "mine.tmp"):
        (tmp_path / name).touch()
    files.sweep(files.paths_in(tmp_path))
    assert names(tmp_path) == [".lock", "mine.tmp", "whole"]
    files.sweep(files.paths_in(tmp_path / "missing"))


def test_folders_list_all_that_lies_in_them_and_below(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    for name in (".x", "a/y", "a/b/.z"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert files.paths_in(tmp_path) == [tmp_path / name for name in (".x", "a", "link")]
    assert sorted(files.files_below(tmp_path)) == [tmp_path / n for n in (".x", "a/b/.z", "a/y")]
    assert files.files_below(tmp_path / "missing") == files.paths_in(tmp_path / ".x") == []


@pytest.mark.parametrize("function", [files.paths_in, files.files_below])
def test_a_folder_that_cannot_be_listed_is_no_empty_one(tmp_path, monkeypatch, function):
    def scan(path):
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(os, "scandir", scan)
    monkeypatch.setattr(os, "listdir", scan)
    with pytest.raises(StorageError, match=r"cannot list .*: Input/output error"):
        function(tmp_path)
