"""A copy of the repository to build from, in a folder named as a clone is."""

import shutil
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PARTS = ("genbench", "configs", "pyproject.toml", "README.md", "LICENSE", ".gitignore")


@pytest.fixture(scope="package")
def clone(tmp_path_factory):
    """Return the copy, whose package has one more module, in a folder named ``results``."""
    folder = tmp_path_factory.mktemp("above") / "genbench"
    folder.mkdir()
    for part in PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    module = folder / "genbench" / "results" / "x.py"
    module.parent.mkdir(exist_ok=True)
    module.write_text("")
    return folder
