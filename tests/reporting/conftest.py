"""The same results as in the tests of :mod:`genbench.results`, and the report of ``tiny``."""

import subprocess
import sys

import pandas as pd
import pytest

from genbench.core.metric import Metric, Parts
from genbench.reporting import build_report
from genbench.results.suite import StoredSuite
from tests.results.conftest import (  # noqa: F401  fixtures
    own_results,
    own_tossed,
    results,
    rich_blocks,
    rich_results,
    rich_suite,
    suite,
    tossed_results,
)
from tests.results.fabricate import change_suite, fabricate
from tests.results.rich import fabricate_rich

USERS = {"unit": "points", "better": "higher", "kind": "estimate", "version": 1}
WITHOUT_TORCH = """
import sys
from pathlib import Path

class NoTorch:
    def find_spec(self, name, *rest):
        if name.split(".")[0] in ("torch", "torchvision"):
            raise ImportError(name)

sys.meta_path.insert(0, NoTorch())
from genbench.reporting import build_report
from genbench.results.suite import StoredSuite

for name, results in zip(("few", "chapters"), sys.argv[2:]):
    build_report(StoredSuite.open(Path(results), "tiny"), Path(sys.argv[1]) / name)
"""


@pytest.fixture(scope="session")
def few_results(tmp_path_factory):
    """Two models and one seed, for tests that build a report anew."""
    root = tmp_path_factory.mktemp("few")
    return fabricate(root, models=("gan", "cvae"), seeds=(0,), diverged=())


@pytest.fixture(scope="session")
def report(suite, tmp_path_factory):  # noqa: F811
    """The folder of the report built from ``results``."""
    return build_report(suite, tmp_path_factory.mktemp("reports")).parent


@pytest.fixture(scope="session")
def text(report):
    """Its page."""
    return (report / "index.html").read_text()


@pytest.fixture(scope="session")
def chapter_results(tmp_path_factory):
    """Two models and one seed with every kind of row, and a user's metrics beside them."""
    root = fabricate_rich(tmp_path_factory.mktemp("chapters"), ("vae", "beta_vae"), (0,))
    score, share = (Metric.undeclared(name, **USERS) for name in ("my_score", "my_share"))
    records = (score, share.model_copy(update={"parts": Parts()}))
    change_suite(root, lambda content: content["metrics"].extend(map(as_json, records)))
    path = root / "tiny" / "metrics.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    elbo = table[table["metric"] == "elbo"].assign(unit=USERS["unit"], kind=USERS["kind"])
    names = ("my_score", "my_share[low_part]", "my_share[high_part]")
    pd.concat([table, *(elbo.assign(metric=name) for name in names)]).to_csv(path, index=False)
    return root


def as_json(metric):
    return metric.model_dump(mode="json")


@pytest.fixture(scope="session")
def chapters(chapter_results, tmp_path_factory):
    """The folder of their report, which has every chapter."""
    suite = StoredSuite.open(chapter_results, "tiny")  # noqa: F811
    return build_report(suite, tmp_path_factory.mktemp("reports")).parent


@pytest.fixture(scope="session")
def built_elsewhere(few_results, chapter_results, tmp_path_factory):
    """Reports ``few`` and ``chapters``, built by another process, which cannot import torch."""
    root = tmp_path_factory.mktemp("elsewhere")
    command = [sys.executable, "-c", WITHOUT_TORCH, root, few_results, chapter_results]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture
def build(tmp_path):
    """Builds a report: ``build(results)`` is the path of its page."""

    def page_of(results, name="tiny"):  # noqa: F811
        return build_report(StoredSuite.open(results, name), tmp_path / "reports")

    return page_of
