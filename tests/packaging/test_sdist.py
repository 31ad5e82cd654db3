"""What a source distribution holds: what the wheel is built from, and nothing that lay about."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from genbench import __version__

ROOT = f"genbench-{__version__}"
STRAY = (".env", "data/train.npz", "results/mine/metrics.csv", "notes.ipynb")


def build(folder, kind, into):
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(into)]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    (path,) = into.iterdir()
    return path


@pytest.fixture(scope="module")
def sdist(clone, tmp_path_factory):
    """Return the archive built from a clone in which a user left files of his own."""
    for name in STRAY:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text("mine")
    return build(clone, "sdist", tmp_path_factory.mktemp("sdist"))


def test_it_holds_what_the_wheel_is_built_from_and_no_file_that_lay_about(sdist):
    with tarfile.open(sdist) as archive:
        names = [Path(name).relative_to(ROOT) for name in archive.getnames()]
    assert {name.parts[0] for name in names} == {
        ".gitignore", "LICENSE", "PKG-INFO", "README.md", "configs", "genbench", "pyproject.toml"
    }  # fmt: skip


def test_a_wheel_built_from_it_is_the_wheel(sdist, clone, tmp_path):
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    contents = []
    for source, into in ((tmp_path / ROOT, "a"), (clone, "b")):
        with zipfile.ZipFile(build(source, "wheel", tmp_path / into)) as archive:
            contents.append({info.filename: info.CRC for info in archive.infolist()})
    assert contents[0] == contents[1]
