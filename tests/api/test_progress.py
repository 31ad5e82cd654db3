"""What a caller from Python sees while a suite runs: in a script, on a terminal, in a notebook."""

import os
import pty
import re
import subprocess
import sys
import termios
from types import SimpleNamespace

import pytest

import genbench
from tests.api.test_api import SUITE

SCRIPT = """
import genbench
frame = genbench.run("small.toml", device="cpu", report=False)
print(len(frame), "rows")
"""
ROWS = "8 rows"
LINES = ["vae seed 0: done", "linear_gaussian seed 0: done"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(SUITE)
    return tmp_path


def on_a_terminal(script):
    """Run a script whose stderr is a terminal; return its stdout and what the terminal got."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=theirs, text=True
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:  # the other end is closed
            pass
        os.close(ours)
        out = process.stdout.read()
    assert process.returncode == 0, shown.decode()
    return out, shown.decode()


def test_a_script_on_a_terminal_shows_a_bar_and_a_line_for_each_run(place):
    out, shown = on_a_terminal(SCRIPT)
    assert out == f"{ROWS}\n"
    assert all(line in shown for line in LINES)
    assert re.search(r"small: 100%.*2/2", shown)


def test_a_script_without_a_terminal_prints_nothing_but_its_own(place):
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == (f"{ROWS}\n", "")


def test_progress_can_be_asked_for_anywhere(place, capsys):
    genbench.run("small.toml", device="cpu", report=False, progress=True)
    found = capsys.readouterr()
    assert found.out == ""
    assert all(line in found.err for line in LINES)
    assert "2/2" in found.err


def test_a_kernel_of_jupyter_gets_a_line_for_each_run_on_stdout(place, monkeypatch, capsys):
    shell = type("ZMQInteractiveShell", (), {})
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=shell))
    monkeypatch.setattr("genbench.core.progress.find_spec", lambda name: None)  # no widgets
    genbench.run("small.toml", device="cpu", report=False)
    found = capsys.readouterr()
    assert found.err == ""
    assert all(line in found.out for line in LINES)
    assert "2/2" in found.out


def test_a_notebook_shows_progress_and_no_warning(place):
    manager = pytest.importorskip("jupyter_client.manager", reason="needs a Jupyter client")
    pytest.importorskip("ipykernel", reason="needs a Jupyter kernel")
    kernel, client = manager.start_new_kernel(kernel_name="python3", cwd=str(place))
    messages = []
    try:
        reply = client.execute_interactive(SCRIPT, timeout=240, output_hook=messages.append)
    finally:
        client.stop_channels()
        kernel.shutdown_kernel(now=True)
    assert reply["content"]["status"] == "ok", reply["content"]
    printed = [m["content"] for m in messages if m["msg_type"] == "stream"]
    assert [part["text"] for part in printed if part["name"] == "stderr"] == []
    text = "".join(part["text"] for part in printed if part["name"] == "stdout")
    assert all(line in text for line in LINES)
    assert text.rstrip().endswith(ROWS)
    widgets = any("widget" in str(m["content"].get("data", "")) for m in messages)
    assert widgets or re.search(r"small: +100%.*2/2", text)
