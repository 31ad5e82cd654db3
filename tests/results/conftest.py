"""Results that are read once: suite ``tiny``, of invented numbers, and ``tossed``, of studies."""

import shutil

import pytest

from genbench.results.suite import StoredSuite
from genbench.runs.run_options import RunOptions
from genbench.suites.run import run_suite
from tests.results.fabricate import PLOTS, fabricate
from tests.results.rich import fabricate_rich
from tests.studies.tiny import register

TOSSED = """
title = "Coins"
description = "What coins do."

[[study]]
name = "coins"

[[study]]
study = "coins"
name = "wrong"
n = 50
off = 0.25
"""


@pytest.fixture(scope="session")
def results(tmp_path_factory):
    """Results of models of every kind, to be read only."""
    return fabricate(tmp_path_factory.mktemp("results"), plot=PLOTS)


@pytest.fixture(scope="session")
def suite(results):
    """What ``results`` hold."""
    return StoredSuite.open(results, "tiny")


@pytest.fixture
def own_results(results, tmp_path):
    """A copy of the results, to be damaged."""
    return shutil.copytree(results, tmp_path / "results")


@pytest.fixture(scope="session")
def rich_results(tmp_path_factory):
    """Results with every kind of row, to be read only."""
    return fabricate_rich(tmp_path_factory.mktemp("rich"))


@pytest.fixture(scope="session")
def rich_suite(rich_results):
    """What ``rich_results`` hold."""
    return StoredSuite.open(rich_results, "tiny")


@pytest.fixture(scope="session")
def rich_blocks(rich_suite):
    """Its ranked blocks: without a condition, and given the label."""
    return rich_suite.blocks


@pytest.fixture(scope="session")
def tossed_results(tmp_path_factory):
    """Results of suite ``tossed``, one of whose checks does not hold, to be read only."""
    folder = tmp_path_factory.mktemp("tossed")
    (folder / "tossed.toml").write_text(TOSSED)
    with pytest.MonkeyPatch.context() as patch:
        register(patch)
        run_suite(RunOptions(str(folder / "tossed.toml"), results=folder / "results"))
    return folder / "results"


@pytest.fixture
def own_tossed(tossed_results, tmp_path):
    """A copy of the results, to be damaged."""
    return shutil.copytree(tossed_results, tmp_path / "results")
