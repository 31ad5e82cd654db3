"""A report is sealed with the results that it shows."""

import json
import shutil
import threading
import time
from pathlib import Path

import pytest

from genbench import cli
from genbench.core.errors import ExitCode, StorageError
from genbench.core.locks import LOCK
from genbench.reporting import build_report
from genbench.reporting import report as report_module
from genbench.reporting.report_folder import ReportFolder
from genbench.results.suite import StoredSuite
from tests.results.fabricate import change_suite, fabricate

REPORTS = Path(__file__).resolve().parents[2] / "reports"
COMMITTED = sorted(path.parent for path in REPORTS.glob("*/index.html"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Results and their report, to be read only."""
    folder = tmp_path_factory.mktemp("made")
    fabricate(folder / "results", models=("gan", "ae"), seeds=(0,), diverged=())
    build_report(StoredSuite.open(folder / "results", "tiny"), folder / "reports")
    return folder


@pytest.fixture
def place(made, tmp_path):
    """A copy, to be changed."""
    return shutil.copytree(made, tmp_path / "place")


def folder_of(place):
    suite = StoredSuite.open(place / "results", "tiny")
    return ReportFolder.of(suite, place / "reports"), suite


def files_of(path):
    """The files of a report; the lock is hidden, and none of them."""
    files = (p for p in path.rglob("*") if p.is_file() and p.name != LOCK)
    return {p.relative_to(path).as_posix() for p in files}


def test_two_commands_report_one_suite_one_after_the_other(place, monkeypatch):
    """What one has written under a temporary name would be swept as the rest of an interruption."""
    _, suite = folder_of(place)
    begun, together = threading.Barrier(2), []

    def build(*args):
        together.append(+1)
        time.sleep(0.2)
        together.append(-1)

    def report():
        begun.wait()
        build_report(suite, place / "reports")

    monkeypatch.setattr(report_module, "build", build)
    commands = [threading.Thread(target=report) for _ in range(2)]
    for command in commands:
        command.start()
    for command in commands:
        command.join()
    assert together == [1, -1, 1, -1]


def test_a_report_shows_the_results_it_was_made_from(place):
    folder, suite = folder_of(place)
    assert folder.shows(suite)
    files = files_of(folder.path)
    assert folder.listed() == files - {"manifest.json"} > {"index.html", "table.md", "table.tex"}
    assert str(place) not in (folder / "manifest.json").read_text()


def test_an_edited_or_lost_file_of_a_report_is_noticed(place):
    folder, suite = folder_of(place)
    for name in sorted(folder.listed()):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content.replace(b"0", b"1", 1) + b" ")
        with pytest.raises(StorageError, match="is not the file that was written"):
            folder.require_of(suite)
        (folder / name).unlink()
        assert not folder.shows(suite)
        (folder / name).write_bytes(content)
    assert folder.shows(suite)


def test_a_report_of_other_results_is_noticed(place):
    change_suite(place / "results", lambda content: content.update(title="Another"))
    folder, suite = folder_of(place)
    with pytest.raises(StorageError, match="shows other results"):
        folder.require_of(suite)


def test_an_odd_manifest_of_a_report_is_no_seal(place):
    folder, suite = folder_of(place)
    for content in ({}, [], {"files": {"index.html": 1}}, {"files": {"../x": "1"}}):
        (folder / "manifest.json").write_text(json.dumps(content))
        assert not folder.shows(suite)


def test_report_verify_answers_with_its_exit_code(place, capsys):
    where = ["--results", str(place / "results"), "--reports", str(place / "reports")]
    assert cli.main(["report", "--suite", "tiny", "--verify", *where]) == ExitCode.OK
    assert "files, as they were made from" in capsys.readouterr().out
    page = place / "reports" / "tiny" / "index.html"
    page.write_text(page.read_text() + "<!-- -->")
    assert cli.main(["report", "--suite", "tiny", "--verify", *where]) == ExitCode.STORAGE
    assert "index.html is not the file that was written" in capsys.readouterr().err
    assert page.read_text().endswith("<!-- -->")


def test_nothing_is_written_through_a_link_in_reports(place):
    folder, suite = folder_of(place)
    outside = place / "outside"
    outside.mkdir()
    shutil.rmtree(folder.path)
    folder.path.symlink_to(outside)
    with pytest.raises(StorageError, match="is a symbolic link"):
        build_report(suite, place / "reports")
    assert not list(outside.iterdir())


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.name)
def test_a_committed_report_is_as_it_was_made(path):
    folder = ReportFolder(path)
    files = files_of(path)
    assert folder.listed() == files - {"manifest.json"}
    assert folder.intact(*folder.listed())
