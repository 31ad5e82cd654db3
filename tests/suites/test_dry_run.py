"""A dry run reads only: it says what would be done, and leaves no trace."""

import os
import socket
from shutil import copytree

import pytest

from genbench.commands.run import tell_plan
from genbench.core.errors import ConfigError, ExitCode
from genbench.data import data_home, datasets
from genbench.runs.run_options import RunOptions
from genbench.suites.dry_run import dry_run
from genbench.suites.run import run_suite
from tests.suites.conftest import HEAD, MODELS

ON_MNIST = (HEAD + MODELS).replace('"digits"', '"mnist"')


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a suite on MNIST and one on digits, no data, and no way to the network."""

    def refuse(*_, **__):
        raise AssertionError("a dry run opened a connection")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("GENBENCH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "far.toml").write_text(ON_MNIST)
    (tmp_path / "near.toml").write_text(HEAD + MODELS)
    (tmp_path / "both.toml").write_text('suites = ["far", "near"]\n')
    return tmp_path


def options(name, **more):
    return RunOptions(f"{name}.toml", device="cpu", **more)


def state_of(folder):
    """Every file and folder below, with when it was changed and what it holds."""
    paths = sorted(folder.rglob("*"))
    return {p: (p.stat().st_mtime_ns, p.read_bytes() if p.is_file() else b"") for p in paths}


def test_missing_data_are_named_with_what_would_be_downloaded_and_left_where_they_are(place):
    before = state_of(place)
    plan = dry_run(options("far"))
    assert [tuple(row) for row in plan.rows] == [
        ("vae", 0, "", "data missing", "", "far"),
        ("pca", 0, "", "data missing", "", "far"),
    ]
    (line,) = plan.downloads
    for file in datasets["mnist"].files:
        assert file.name in line
    assert "11.6 MB" in line
    assert str(place / "data" / "mnist") in line
    assert plan.problems == []
    assert state_of(place) == before


def test_the_other_members_of_a_collection_are_planned_all_the_same(place):
    before = state_of(place)
    plan = dry_run(options("both"))
    states = [(row.name, row.state) for row in plan.rows]
    missing = [("vae", "data missing"), ("pca", "data missing")]
    assert states == [*missing, ("vae", "to do"), ("pca", "to do")]
    assert len(plan.downloads) == 1
    assert state_of(place) == before


def test_runs_of_a_collection_stand_beside_their_suite(place, capsys):
    tell_plan(options("both"))
    first, *rows = capsys.readouterr().out.splitlines()
    assert first.split() == ["suite", "model", "seed", "train_id", "state"]
    named = [row.split()[:3] for row in rows[:4]]
    assert named == [[s, m, "0"] for s in ("far", "near") for m in ("vae", "pca")]
    tell_plan(options("near"))
    assert capsys.readouterr().out.split()[0] == "model"


def test_a_read_only_results_folder_is_no_obstacle_and_stays_as_it_is(place):
    run_suite(options("near", models=["pca"]))
    before = state_of(place)
    folders = [place, *(path for path in place.rglob("*") if path.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    try:
        plan = dry_run(options("near"))
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert [row.state for row in plan.rows] == ["to do", "stored"]
    assert state_of(place) == before


def test_damaged_data_keep_a_run_from_being_done(place):
    mnist = place / "data" / "mnist"
    mnist.mkdir(parents=True)
    for file in datasets["mnist"].files:
        (mnist / file.name).write_bytes(b"no idx file")
    plan = dry_run(options("far"))
    assert [row.state for row in plan.rows] == ["data damaged"] * 2
    assert plan.downloads == []
    (problem,) = plan.problems
    assert "train-images-idx3-ubyte.gz is damaged" in problem


def test_options_that_do_not_fit_the_data_are_found(place):
    (place / "near.toml").write_text((HEAD + MODELS).replace("hidden = [8]", "hidden = [0]"))
    with pytest.raises(ConfigError, match="hidden"):
        dry_run(options("near"))


def test_the_command_prints_the_plan_and_exits_by_whether_it_can_be_done(place, capsys):
    assert tell_plan(options("far")) == ExitCode.OK
    found = capsys.readouterr()
    assert found.out.endswith("\n\ndata missing: 2\n")
    assert found.err.startswith("would download mnist: train-images-idx3-ubyte.gz")
    (place / "data" / "mnist").mkdir(parents=True)
    for file in datasets["mnist"].files:
        (place / "data" / "mnist" / file.name).write_bytes(b"")
    assert tell_plan(options("far")) == ExitCode.DATA
    assert "is damaged" in capsys.readouterr().err


@pytest.mark.mnist
def test_data_that_are_there_are_read(place, monkeypatch):
    monkeypatch.undo()
    copytree(data_home() / "mnist", place / "data" / "mnist")
    plan = dry_run(RunOptions(str(place / "far.toml"), device="cpu", data_dir=place / "data"))
    assert [row.state for row in plan.rows] == ["to do", "to do"]
    assert all(len(row.train_id) == 12 for row in plan.rows)
    assert plan.downloads == []
    assert not os.path.exists(plan.rows[0].folder)
