"""Where files are looked for, and that damage never passes."""

import gzip
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from genbench.core.errors import DataError
from genbench.data import DataConfig, data_home, load
from genbench.data.storage import absent, examine, inspect

FIRST = "train-images-idx3-ubyte.gz"


def test_the_argument_goes_before_the_environment_and_that_before_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GENBENCH_DATA_DIR", str(tmp_path / "environment"))
    assert data_home(tmp_path / "argument") == tmp_path / "argument"
    assert data_home() == tmp_path / "environment"


@pytest.mark.parametrize(
    ("platform", "environment", "tail"),
    [
        ("linux", {"XDG_CACHE_HOME": "/caches"}, "/caches/genbench"),
        ("linux", {"XDG_CACHE_HOME": "relative"}, "/home/someone/.cache/genbench"),
        ("linux", {}, "/home/someone/.cache/genbench"),
        ("darwin", {"XDG_CACHE_HOME": "/caches"}, "/home/someone/Library/Caches/genbench"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/genbench"),
    ],
)
def test_the_cache_folder_is_the_platforms(monkeypatch, platform, environment, tail):
    for name in ("GENBENCH_DATA_DIR", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (environment | {"HOME": "/home/someone"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert data_home().as_posix() == tail


@pytest.mark.parametrize("place", ["tiny/{}", "Tiny/raw/{}"])
def test_packed_files_are_found_in_both_layouts(tiny, tmp_path, place):
    for name, payload in tiny.packed.items():
        path = tmp_path / place.format(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(payload)
    for file in tiny.spec.files:
        finding = inspect(tiny.spec, file, tmp_path)
        assert finding.path == tmp_path / place.format(file.name)
        assert (finding.status, finding.content) == ("ok", tiny.contents[file.name])


@pytest.mark.parametrize("place", ["tiny/{}", "Tiny/raw/{}"])
def test_an_unpacked_file_counts_only_where_its_content_is_pinned(tiny, tmp_path, place):
    file = tiny.spec.files[0]
    path = tmp_path / place.format(file.unpacked_name)
    path.parent.mkdir(parents=True)
    path.write_bytes(tiny.contents[file.name])
    expected = "ok" if file.content_sha256 else "missing"
    assert inspect(tiny.spec, file, tmp_path).status == expected


def test_a_file_is_absent_until_a_copy_of_it_is_there(tiny, tmp_path):
    first, *others = tiny.spec.files
    assert absent(tiny.spec, tmp_path) == [first, *others]
    path = tmp_path / "tiny" / first.name
    path.parent.mkdir()
    path.write_bytes(b"whatever it holds")
    assert absent(tiny.spec, tmp_path) == others


def test_a_file_that_is_far_too_large_is_not_read(tiny, tmp_path):
    (file, *_) = tiny.spec.files
    path = tmp_path / tiny.spec.name / file.name
    path.parent.mkdir(parents=True)
    with path.open("wb") as opened:
        opened.truncate(20 * 2**30)
    finding = inspect(tiny.spec, file, tmp_path)
    assert finding.status == "damaged"
    assert finding.problem == f"21,474,836,480 bytes, expected {file.n_bytes:,}"


def test_another_packing_is_accepted_only_where_the_content_is_pinned(tiny, tmp_path):
    file = tiny.spec.files[0]
    repacked = gzip.compress(tiny.contents[file.name], compresslevel=1, mtime=7)
    assert repacked != tiny.packed[file.name]
    expected = "ok" if file.content_sha256 else "damaged"
    assert examine(file, repacked, Path(file.name)).status == expected


def test_every_single_flipped_byte_is_harmless_or_detected(tiny):
    file = tiny.spec.files[1]
    packed, content = tiny.packed[file.name], tiny.contents[file.name]
    passed = []
    for position in range(len(packed)):
        flipped = bytearray(packed)
        flipped[position] ^= 0x40
        finding = examine(file, bytes(flipped), Path(file.name))
        assert finding.status == "damaged" or finding.content == content
        if finding.status == "ok":
            passed.append(position)
    # with the content pinned, time, system and padding bits may differ: they carry no data
    assert not passed or (file.content_sha256 and len(passed) < 10)


def test_every_single_flipped_byte_of_an_unpacked_file_is_detected(tiny_content):
    file = tiny_content.spec.files[1]
    content = tiny_content.contents[file.name]
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1
        assert examine(file, bytes(flipped), Path(file.unpacked_name)).status == "damaged"


@given(cut=st.integers(0, 10_000), tail=st.binary(max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_a_cut_or_lengthened_file_is_harmless_or_detected(tiny, cut, tail):
    file = tiny.spec.files[0]
    payload = tiny.packed[file.name][:cut] + tail
    finding = examine(file, payload, Path(file.name))
    assert finding.status == "damaged" or finding.content == tiny.contents[file.name]


@pytest.mark.parametrize("where", [0, 2, 30, -3])  # magic, method, body, trailer
def test_loading_a_damaged_file_names_it_both_digests_and_the_repair(tiny, tmp_path, where):
    path = tiny.store(tmp_path) / FIRST
    flipped = bytearray(path.read_bytes())
    flipped[where] ^= 0x40
    path.write_bytes(flipped)
    with pytest.raises(DataError) as caught:
        load(DataConfig(name="tiny"), tmp_path)
    message = str(caught.value)
    finding = inspect(tiny.spec, tiny.spec.files[0], tmp_path)
    file = tiny.spec.files[0]
    assert str(path) in message
    assert finding.sha256 in message
    assert file.sha256 in message or str(file.content_sha256) in message
    assert "python -m genbench data fetch tiny" in message
    assert len(message.splitlines()) <= 10


def test_two_swapped_files_are_damaged(tiny, tmp_path):
    folder = tiny.store(tmp_path)
    train, test = (folder / tiny.spec.files[i].name for i in (1, 3))
    packed = train.read_bytes(), test.read_bytes()
    train.write_bytes(packed[1])
    test.write_bytes(packed[0])
    with pytest.raises(DataError, match="damaged"):
        load(DataConfig(name="tiny"), tmp_path)
