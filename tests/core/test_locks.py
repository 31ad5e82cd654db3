"""One command at a time writes into a folder, and the lock ends with its process."""

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading

import pytest

from genbench.core.errors import StorageError
from genbench.core.locks import LOCK, QUEUE, HeldError, locked, new_holder, queued, undisturbed

HOLD = """
import sys, time
from pathlib import Path
from genbench.core.locks import locked
with locked(Path(sys.argv[1]), "theirs, process 1\\nid"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def other(tmp_path):
    """A process that holds the lock."""
    argv = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_who_does_not_wait_is_told_the_holder(tmp_path, other):
    with pytest.raises(HeldError) as told, locked(tmp_path, wait=False):
        pass
    assert told.value.holder == "theirs, process 1"


def test_a_lock_ends_with_its_process_and_the_next_learns_whose_it_was(tmp_path, other):
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    with locked(tmp_path, wait=False) as before:
        assert before == "theirs, process 1\nid"


def test_who_waits_goes_on_when_the_lock_is_free(tmp_path, other):
    threading.Timer(0.1, other.kill).start()
    with locked(tmp_path):
        assert other.wait() == -signal.SIGKILL


def test_a_lock_excludes_others_of_its_own_process(tmp_path):
    with locked(tmp_path, new_holder()), pytest.raises(HeldError, match=f"process {os.getpid()}"):
        locked(tmp_path, wait=False).__enter__()
    with locked(tmp_path, wait=False):
        pass


def test_a_lock_ends_with_an_exception(tmp_path):
    with pytest.raises(KeyError), locked(tmp_path):
        raise KeyError
    with locked(tmp_path, wait=False):
        pass


def test_a_short_block_leaves_the_file_as_it_was(tmp_path):
    with locked(tmp_path, "mine\n1"):
        pass
    before = (tmp_path / LOCK).stat().st_mtime_ns
    with locked(tmp_path) as holder:
        assert holder == "mine\n1"
    assert (tmp_path / LOCK).stat().st_mtime_ns == before


def test_two_commands_of_one_process_have_different_names():
    assert new_holder() != new_holder()


def test_the_folder_is_made(tmp_path):
    with locked(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b" / LOCK).exists()


def test_who_waited_for_a_folder_that_was_replaced_locks_the_new_one(tmp_path, monkeypatch):
    folder, flock, calls = tmp_path / "run", fcntl.flock, []

    def replace_first(handle, operation):
        if not calls:
            shutil.rmtree(folder)
            folder.mkdir()
        calls.append(handle)
        flock(handle, operation)

    monkeypatch.setattr(fcntl, "flock", replace_first)
    with locked(folder):
        assert len(calls) == 2
        with pytest.raises(HeldError):
            locked(folder, wait=False).__enter__()


def test_a_file_system_without_locks_does_the_work(tmp_path, monkeypatch):
    def without(handle, operation):
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(fcntl, "flock", without)
    with locked(tmp_path, "mine\n1") as before:
        assert before == ""


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match=r"cannot write .*file/run/\.lock"):
        locked(tmp_path / "file" / "run").__enter__()


def test_who_finds_somebody_waiting_leaves_it_to_them(tmp_path):
    with locked(tmp_path / QUEUE), queued(tmp_path) as is_ours:
        assert not is_ours


def test_who_has_the_lock_waits_no_longer(tmp_path):
    with queued(tmp_path) as is_ours:
        assert is_ours
        with pytest.raises(HeldError), locked(tmp_path, wait=False):
            pass
        with locked(tmp_path / QUEUE, wait=False):
            pass


def test_who_reads_waits_until_nobody_writes(tmp_path, other):
    threading.Timer(0.1, other.kill).start()
    with undisturbed(tmp_path):
        assert other.wait() == -signal.SIGKILL


def test_readers_exclude_writers_but_not_each_other(tmp_path):
    with locked(tmp_path):
        pass
    with undisturbed(tmp_path), undisturbed(tmp_path), pytest.raises(HeldError):
        locked(tmp_path, wait=False).__enter__()


def test_who_reads_writes_nothing(tmp_path):
    with undisturbed(tmp_path), undisturbed(tmp_path / "none"):
        assert not any(tmp_path.iterdir())
