"""The important paths through a real ``python -m genbench``."""

import json
import subprocess
import sys

import pytest


def genbench(*argv, folder, flags=()):
    return subprocess.run(
        [sys.executable, *flags, "-m", "genbench", *argv],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_run_then_run_again(place, start):
    first = genbench("run", "--suite", "tiny.toml", "--no-report", folder=place.folder)
    assert first.returncode == 0, first.stderr
    assert "vae seed 0: done" in first.stderr
    assert "log-likelihood" in first.stdout
    assert "done" not in first.stdout.split("log-likelihood")[0]
    before = place.state()
    second = start("run", "--suite", "tiny.toml", "--no-report").wait()
    assert second.code == 0
    assert "nothing to do" in second.err
    assert second.out == first.stdout
    assert place.state() == before


@pytest.mark.parametrize(
    "argv",
    [
        ("--help",),
        ("--version",),
        ("run", "--help"),
        ("data", "--help"),
        ("list", "models"),
        ("list", "datasets"),
        ("list", "evaluators"),
        ("list", "suites"),
    ],
)
def test_light_commands_do_not_import_torch(place, argv):
    done = genbench(*argv, folder=place.folder, flags=("-X", "importtime"))
    assert done.returncode == 0
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "genbench.cli" in imported
    assert not {"torch", "sklearn", "scipy"} & imported
    assert done.stdout


def test_a_report_of_stored_results_does_not_import_torch(place):
    stop = "import sys; sys.modules['torch'] = None\n"
    program = f"{stop}from genbench.cli import main\nsys.exit(main(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", program, "report", "--suite", "tiny"],
        cwd=place.folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 5  # there are no results here: it got as far as looking for them
    assert "no results of suite 'tiny'" in done.stderr
    assert "torch" not in done.stderr


def test_a_usage_error_answers_at_once_with_code_2(place):
    done = genbench("run", "--modles", "vae", folder=place.folder)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "did you mean '--models'?" in done.stderr


def test_missing_data_without_a_network_is_code_3_within_seconds(place, start):
    place.edit('name = "digits"', 'name = "mnist"')
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    offline = f"import os; os.environ.update({nowhere})"
    done = start("run", "--suite", "tiny.toml", "--data-dir", "empty", first=offline).wait(30)
    assert done.code == 3, done.err
    assert done.out == ""
    for word in ("train-images-idx3-ubyte.gz", "sha256", "data-dir"):
        assert word in done.err
    assert "Traceback" not in done.err


def test_a_full_disk_is_code_5_and_the_results_before_it_stay(start, place):
    """A limit on the size of files stands in for the disk: writing beyond it fails."""
    pytest.importorskip("resource", reason="limits on file sizes are a Unix matter")
    limit = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
"""
    argv = ("run", "--suite", "tiny.toml", "--no-report", "--device", "cpu")
    argv += ("--set", "train.epochs=1")
    full = start(*argv, first=limit).wait()
    assert full.code == 5, full.err
    assert "cannot write" in full.err
    assert "Traceback" not in full.err
    assert len([line for line in full.err.splitlines() if "genbench:" in line]) == 1
    assert not [path for path in place.results.rglob("*.tmp")]
    for path in place.results.rglob("*.json"):
        json.loads(path.read_text())
    assert start(*argv).wait().code == 0
