"""Downloads from a real server on loopback, one that misbehaves where asked to."""

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from genbench.core.errors import DataError, ExitCode, StorageError
from genbench.data import DataConfig, load
from genbench.data.fetch import download, fetch, verify

FIRST = "train-images-idx3-ubyte.gz"


@pytest.fixture
def served(tiny, server, replies, monkeypatch):
    """The tiny data set, whole, on the server."""
    tiny.register(monkeypatch, mirrors=(f"{server.address}a/",))
    for name, payload in tiny.packed.items():
        server.play(f"/a/{name}", replies.body(payload))
    return tiny


def one(tiny, data_dir, timeout=5.0):
    return download(tiny.spec, tiny.spec.files[0], data_dir, timeout)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_missing_files_are_downloaded_whole_and_stay(served, server, tmp_path):
    assert {row["status"] for row in verify("tiny", tmp_path)} == {"missing"}
    rows = fetch("tiny", tmp_path)
    assert [row["status"] for row in rows] == ["fetched"] * 4
    assert left_in(tmp_path) == sorted(served.packed)
    for row in rows:
        assert Path(row["path"]).read_bytes() == served.packed[row["file"]]
    assert verify("tiny", tmp_path) == [row | {"status": "ok"} for row in rows]
    asked = len(server.asked)
    assert {row["status"] for row in fetch("tiny", tmp_path)} == {"ok"}
    assert len(server.asked) == asked == 4


def test_force_downloads_again(served, server, tmp_path):
    fetch("tiny", tmp_path)
    assert {row["status"] for row in fetch("tiny", tmp_path, force=True)} == {"fetched"}
    assert len(server.asked) == 8


def test_loading_downloads_what_is_missing(served, tmp_path):
    data = load(DataConfig(name="tiny"), tmp_path)
    kept = data.levels[: -data.size("test"), 0].numpy()
    assert sorted(map(bytes, kept)) == sorted(map(bytes, served.arrays[0]))
    assert len(left_in(tmp_path)) == 4


def test_a_damaged_file_is_reported_and_replaced(served, tmp_path):
    folder = served.store(tmp_path)
    (folder / FIRST).write_bytes(served.packed[FIRST][:-5])
    statuses = {row["file"]: row["status"] for row in verify("tiny", tmp_path)}
    assert [name for name, status in statuses.items() if status == "damaged"] == [FIRST]
    assert sorted(row["status"] for row in fetch("tiny", tmp_path)) == ["fetched", *["ok"] * 3]
    assert (folder / FIRST).read_bytes() == served.packed[FIRST]
    assert {row["status"] for row in verify("tiny", tmp_path)} == {"ok"}


def test_a_damaged_torchvision_file_is_overruled_not_touched(served, tmp_path):
    theirs = tmp_path / "Tiny" / "raw" / FIRST
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"broken")
    assert verify("tiny", tmp_path)[0]["status"] == "damaged"
    fetch("tiny", tmp_path)
    assert theirs.read_bytes() == b"broken"
    assert verify("tiny", tmp_path)[0]["path"] == str(tmp_path / "tiny" / FIRST)


@pytest.mark.parametrize("first", ["truncated", "cut off", "other bytes", "500", "reset"])
def test_a_passing_trouble_is_tried_once_more(served, server, replies, tmp_path, first):
    payload = served.packed[FIRST]

    def reset(handler):
        handler.close_connection = True

    bad = {
        "truncated": replies.body(payload[:50]),
        "cut off": replies.body(payload[:50], promised=len(payload)),
        "other bytes": replies.body(payload[:-1] + b"\1"),
        "500": replies.status(500),
        "reset": reset,
    }[first]
    server.play(f"/a/{FIRST}", bad, replies.body(payload))
    assert one(served, tmp_path).status == "ok"
    assert len(server.asked) == 2
    assert left_in(tmp_path) == [FIRST]


@pytest.mark.parametrize(("bad", "attempts"), [("truncated", 2), ("500", 2), ("404", 1)])
def test_a_lasting_trouble_ends_in_a_short_message(
    served, server, replies, tmp_path, bad, attempts
):
    reply = replies.body(b"no") if bad == "truncated" else replies.status(int(bad))
    server.play(f"/a/{FIRST}", reply)
    with pytest.raises(DataError) as caught:
        fetch("tiny", tmp_path)
    message = str(caught.value)
    assert caught.value.exit_code == ExitCode.DATA
    assert len(server.asked) == attempts
    assert len(message.splitlines()) <= 10
    for part in (FIRST, served.spec.files[0].sha256, server.address, str(tmp_path / "tiny")):
        assert part in message
    assert left_in(tmp_path) == []


def test_a_failed_replacement_leaves_the_old_file(served, server, replies, tmp_path):
    (served.store(tmp_path) / FIRST).write_bytes(b"old")
    server.play(f"/a/{FIRST}", replies.status(404))
    with pytest.raises(DataError):
        fetch("tiny", tmp_path)
    assert (tmp_path / "tiny" / FIRST).read_bytes() == b"old"


def test_the_next_mirror_is_asked(served, server, monkeypatch, tmp_path):
    served.register(monkeypatch, mirrors=(f"{server.address}none/", f"{server.address}a/"))
    assert one(served, tmp_path).status == "ok"
    assert server.asked == [f"/none/{FIRST}", f"/a/{FIRST}"]


def test_a_server_that_hangs_is_left_after_the_timeout(served, server, replies, tmp_path):
    release = threading.Event()

    def hang(handler):
        release.wait(10)
        handler.close_connection = True

    server.play(f"/a/{FIRST}", hang)
    start = time.monotonic()
    with pytest.raises(DataError, match=r"no answer within 0\.2 s"):
        one(served, tmp_path, timeout=0.2)
    release.set()
    assert time.monotonic() - start < 8
    assert len(server.asked) == 2


def test_a_body_that_hangs_is_left_after_the_timeout(served, server, tmp_path):
    release = threading.Event()

    def stall(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "100")
        handler.end_headers()
        handler.wfile.write(b"x")
        handler.wfile.flush()
        release.wait(10)

    server.play(f"/a/{FIRST}", stall)
    with pytest.raises(DataError, match="no answer within"):
        one(served, tmp_path, timeout=0.2)
    release.set()


def test_silent_mirrors_are_asked_once_each(served, server, monkeypatch, tmp_path):
    release = threading.Event()
    mirrors = tuple(f"{server.address}{letter}/" for letter in "xy")
    served.register(monkeypatch, mirrors=mirrors)
    for letter in "xy":
        server.play(f"/{letter}/{FIRST}", lambda handler: release.wait(10))
    with pytest.raises(DataError):
        one(served, tmp_path, timeout=0.2)
    release.set()
    assert server.asked == [f"/x/{FIRST}", f"/y/{FIRST}"]


def test_a_name_that_does_not_resolve_fails_at_once(served, monkeypatch, tmp_path):
    asked = []

    def no_network(host, *args, **options):
        asked.append(host)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    served.register(monkeypatch, mirrors=("http://a.invalid/", "http://b.invalid/"))
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setenv("no_proxy", "*")
    start = time.monotonic()
    with pytest.raises(DataError, match="cannot be resolved"):
        fetch("tiny", tmp_path)
    assert asked == ["a.invalid", "b.invalid"]
    assert time.monotonic() - start < 8


def test_redirects_are_followed(served, server, replies, tmp_path):
    server.play(f"/b/{FIRST}", replies.body(served.packed[FIRST]))
    server.play(f"/a/{FIRST}", replies.redirect(f"{server.address}b/{FIRST}"))
    assert one(served, tmp_path).status == "ok"


def test_an_unwritable_place_is_a_storage_error(served, server, tmp_path):
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    with pytest.raises(StorageError, match="cannot write") as caught:
        fetch("tiny", tmp_path / "file")
    assert caught.value.exit_code == ExitCode.STORAGE
    assert server.asked == []


def test_a_full_disk_is_a_storage_error_and_leaves_nothing(served, monkeypatch, tmp_path):
    (tmp_path / "tiny").mkdir()
    monkeypatch.setattr("genbench.data.fetch.require_writable", lambda folder: None)

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        fetch("tiny", tmp_path)
    assert left_in(tmp_path) == []


def test_an_embedded_data_set_needs_nothing():
    (row,) = verify("digits")
    assert row["status"] == "embedded"
    assert fetch("digits") == [row]


def test_nothing_is_written_to_a_stderr_that_is_no_terminal(served, tmp_path, capsys):
    fetch("tiny", tmp_path)
    assert capsys.readouterr() == ("", "")


@pytest.mark.mnist
def test_the_real_files_are_whole(real_data):
    assert [row["status"] for row in verify("mnist", real_data)] == ["ok"] * 4
