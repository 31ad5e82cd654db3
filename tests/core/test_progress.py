"""Progress bars stay off where nobody would see them, and are shown where somebody does."""

import io
import sys
import warnings
from types import SimpleNamespace

import pytest
from tqdm import tqdm

from genbench.core import progress as module
from genbench.core.progress import (
    announce,
    in_notebook,
    is_shown,
    progress,
    progress_shown,
    report_to,
    show_beside,
    warn,
)


def test_progress_passes_the_items_on_and_prints_nothing(capsys):
    assert list(progress(range(5), "evaluate", "block")) == [0, 1, 2, 3, 4]
    assert list(progress(iter("ab"), "evaluate", "block", initial=3)) == ["a", "b"]
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_progress_counts_what_was_done_before():
    bar = progress([1, 2], "train", "epoch", initial=8)
    assert bar.total == 10


class ZMQInteractiveShell:
    """Named as the shell of a Jupyter kernel is."""


class Shell(ZMQInteractiveShell):
    """As of a service that has its own subclass."""


@pytest.fixture
def notebook(monkeypatch):
    """A notebook without widgets."""
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=Shell))
    monkeypatch.setattr("genbench.core.progress.find_spec", lambda name: None)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_bars_and_lines_on_stderr(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(progress([1, 2], "train", "epoch", leave=True)) == [1, 2]
    announce("vae: done")
    assert "train: 100%" in sys.stderr.getvalue()
    assert sys.stderr.getvalue().endswith("vae: done\n")
    assert capsys.readouterr().out == ""


def test_what_is_asked_for_goes_before_what_is_there(monkeypatch, capsys):
    with progress_shown(wanted=True):
        assert is_shown()
        announce("vae: done")
    assert capsys.readouterr().err == "vae: done\n"
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress_shown(wanted=False):
        assert list(progress([1], "train", "epoch")) == [1]
        announce("vae: done")
    assert sys.stderr.getvalue() == ""
    assert is_shown()


def test_without_a_stream_there_is_no_progress_and_no_error(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    with progress_shown(wanted=True):
        announce("vae: done")
        assert list(progress([1], "train", "epoch")) == [1]


def test_a_notebook_shows_one_bar_at_a_time_and_no_warning(notebook, capsys):
    assert in_notebook()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in progress(["run"], "mnist", "run", leave=True):
            inner = progress(range(3), "train", "epoch")
            assert inner.disable
            assert list(inner) == [0, 1, 2]
            announce("vae: done")
    found = capsys.readouterr()
    assert "mnist: 100%" in found.out
    assert "vae: done\n" in found.out
    assert "train" not in found.out
    assert found.err == ""


def test_a_notebook_with_widgets_uses_them(notebook, monkeypatch):
    made = []

    def bar(*arguments, **options):
        made.append(options)
        return tqdm(*arguments, **options | {"disable": True})

    monkeypatch.setattr("genbench.core.progress.find_spec", lambda name: name == "ipywidgets")
    monkeypatch.setitem(sys.modules, "tqdm.notebook", SimpleNamespace(tqdm=bar))
    assert list(progress([1, 2], "train", "epoch")) == [1, 2]
    assert [options["desc"] for options in made] == ["train"]
    assert made[0]["disable"] is False


def test_a_plain_shell_is_no_notebook(monkeypatch):
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace())
    monkeypatch.setitem(sys.modules, "IPython", shell)
    assert not in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()


@pytest.fixture
def reported(monkeypatch):
    """What a process that works for another reports; a step takes a second."""
    told, clock = [], iter(range(10**6))
    monkeypatch.setattr(module, "monotonic", lambda: next(clock))
    monkeypatch.setattr(module, "_report", [])
    before = module._wanted.get()
    report_to(told.append)
    yield told
    module._wanted.set(before)


def test_a_process_that_works_for_another_reports_and_shows_nothing(reported, capsys, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert list(progress([7, 8, 9], "vae (seed 0)", "epoch", initial=2)) == [7, 8, 9]
    warn("said by the other")
    announce("said by the other")
    assert reported == ["vae (seed 0) 2/5", "vae (seed 0) 3/5", "vae (seed 0) 4/5"]
    assert (sys.stderr.getvalue(), capsys.readouterr().out) == ("", "")


def test_it_reports_now_and_then_only(reported, monkeypatch):
    monkeypatch.setattr(module, "_REPORT_S", 10)
    list(progress(range(100), "vae", "epoch"))
    assert 1 <= len(reported) <= 10


def test_what_goes_on_elsewhere_stands_beside_the_bar_of_genbench(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with tqdm([1], "theirs") as theirs, progress([1, 2], "digits", "run", leave=True):
        show_beside("vae (seed 0) 31/50, gan (seed 1) 4/30")
    assert "digits:   0%" in sys.stderr.getvalue()
    assert "vae (seed 0) 31/50, gan (seed 1) 4/30" in sys.stderr.getvalue()
    assert theirs.postfix is None
