"""What a built wheel holds, and that a copy installed from it finds its files."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from genbench import __version__


@pytest.fixture(scope="module")
def wheel(clone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=clone, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Return a folder with the wheel unpacked, which is how a pure wheel is installed."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(installed, *argv):
    """Run the installed copy in a folder without a checkout."""
    environment = os.environ | {"PYTHONPATH": str(installed)}
    return subprocess.run(
        [sys.executable, *argv],
        cwd=installed.parent,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_the_wheel_carries_the_version_of_the_package(wheel):
    assert wheel.name == f"genbench-{__version__}-py3-none-any.whl"


def test_the_wheel_holds_every_file_of_the_package(clone, names):
    files = [path for path in (clone / "genbench").rglob("*.*") if path.suffix != ".pyc"]
    assert {path.relative_to(clone).as_posix() for path in files} <= names


@pytest.mark.parametrize(
    "name",
    [
        "genbench/py.typed",
        "genbench/configs/digits.toml",
        "genbench/configs/tuned/digits.csv",
        "genbench/reporting/page/templates/report.html.j2",
        "genbench/reporting/page/script/page.js",
        "genbench/reporting/page/script/script.css",
        "genbench/reporting/page/script/libraries/NOTICE",
        "genbench/reporting/page/script/libraries/chart.umd.min.js",
        "genbench/reporting/page/script/libraries/chart.LICENSE.md",
        "genbench/reporting/page/script/libraries/tablesort.min.js",
        "genbench/reporting/page/script/libraries/tablesort.LICENCE",
        "genbench/reporting/page/lectures/rows.toml",
        "genbench/reporting/page/lectures/topics/06_vae.toml",
    ],
)
def test_the_wheel_holds_the_files_that_are_no_modules(names, name):
    assert name in names


def test_the_wheel_holds_nothing_but_the_package(names):
    assert {Path(name).parts[0] for name in names} == {
        "genbench",
        f"genbench-{__version__}.dist-info",
    }


def test_a_package_named_results_is_no_result_to_leave_out(clone, names):
    assert "genbench/results/x.py" in names
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    subprocess.run(["git", "init", "--quiet"], cwd=clone, check=True)
    ignored = subprocess.run(["git", "check-ignore", "genbench/results/x.py"], cwd=clone)
    assert ignored.returncode == 1


def test_an_installed_copy_lists_every_suite(clone, installed):
    listed = run(installed, "-m", "genbench", "list", "suites")
    assert {path.stem for path in (clone / "configs").glob("*.toml")} <= set(listed.split())


def test_an_installed_copy_reads_its_own_suite_files(installed):
    code = "from genbench.suites.load import find_suite; print(find_suite('digits'))"
    assert run(installed, "-c", code).strip() == str(installed / "genbench/configs/digits.toml")
