"""Sphinx builds the documentation without a warning."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.docs.conftest import REPOSITORY

needs_sphinx = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("sphinx", "furo", "myst_parser")),
    reason="the extra 'docs' is not installed",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Return the folder of the built pages."""
    folder = tmp_path_factory.mktemp("site")
    sphinx = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", "-d", str(folder / "trees")]
    done = subprocess.run(
        [*sphinx, "docs", str(folder / "html")], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


@needs_sphinx
def test_the_documentation_builds_without_warnings(site):
    metrics = (site / "reference" / "metrics.html").read_text(encoding="utf-8")
    assert "iw_log_likelihood" in metrics
    assert "records:" not in metrics


@needs_sphinx
def test_names_options_and_defaults_are_shown_as_they_are_written(site):
    python = (site / "reference" / "python.html").read_text(encoding="utf-8")
    assert 'id="genbench.load_results"' in python
    assert '<span class="pre">genbench.</span>' in python
    assert "PosixPath" not in python
    commands = (site / "reference" / "commands.html").read_text(encoding="utf-8")
    assert "stored with --update" in commands


@needs_sphinx
def test_the_pages_request_no_foreign_address(site):
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert 'src="http' not in text
        assert 'rel="stylesheet" type="text/css" href="http' not in text
