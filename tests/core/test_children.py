"""Processes that are started, taken over, and ended, with real ones."""

import os
import sys
import time
from contextlib import suppress

import pytest

from genbench.core.children import Child, end, started_early, take
from tests.processes import children_of, is_alive

ECHO = """
import os, subprocess, sys
from multiprocessing.connection import Connection
connection = Connection(int(sys.argv[1]))
grandchild = subprocess.Popen(["sleep", "1000"])
connection.send((os.getpid(), grandchild.pid, sys.argv[2:]))
connection.recv()
"""


@pytest.fixture(autouse=True)
def echo(tmp_path, monkeypatch):
    (tmp_path / "echo_child.py").write_text(ECHO)
    monkeypatch.syspath_prepend(str(tmp_path))


def require_dead(pids):
    deadline = time.monotonic() + 20
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_child_finds_modules_of_this_process_and_ends_with_all_that_it_started():
    child = Child.start("-m", "echo_child", arguments=["a", "b"])
    pid, grandchild, arguments = child.connection.recv()
    assert (pid, arguments) == (child.popen.pid, ["a", "b"])
    assert is_alive(grandchild)
    end([child])
    assert child.popen.returncode == -9
    require_dead([pid, grandchild])


def test_what_is_started_early_is_taken_first_and_the_rest_ends():
    with started_early("echo_child", 2, "early"):
        taken = [take("echo_child") for _ in range(3)]
        assert [child.connection.recv()[2] for child in taken] == [["early"], ["early"], []]
        end(taken)
    before = own_children()
    with started_early("echo_child", 2):
        used = take("echo_child")
        (left,) = own_children() - before - {used.popen.pid}
    require_dead([left])
    assert is_alive(used.popen.pid)
    end([used])


def test_nothing_is_left_where_the_block_fails():
    before = own_children()
    with suppress(KeyboardInterrupt), started_early("echo_child", 1):
        (started,) = own_children() - before
        raise KeyboardInterrupt
    require_dead([started])
    late = take("echo_child")
    assert late.connection.recv()[2] == []
    end([late])


@pytest.mark.parametrize("quiet", [False, True])
def test_a_child_prints_on_standard_error_or_nowhere(tmp_path, capfd, quiet):
    program = tmp_path / "prints.py"
    program.write_text("import sys; print('out'); print('err', file=sys.stderr)")
    assert Child.start(str(program), quiet=quiet).popen.wait() == 0
    out, err = capfd.readouterr()
    assert (out, sorted(err.split())) == ("", [] if quiet else ["err", "out"])


def test_a_python_that_is_gone_is_told_to_whoever_takes_one(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    with started_early("echo_child", 2), pytest.raises(FileNotFoundError):
        take("echo_child")


def own_children():
    return set(children_of(os.getpid()))
