"""Executors give the same rows, whoever executes."""

import importlib.util
import subprocess
import sys

import pytest

from genbench.core.errors import ConfigError
from genbench.runs.executors import pick_executor


def test_an_unknown_executor_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'local'"):
        pick_executor("locale", 1)


def test_ray_that_is_not_installed_says_how_to_install_it(workplace, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'genbench\[ray\]'"):
        workplace.run(executor="ray")


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed")
def test_ray_gives_the_table_of_one_process(workplace):
    here, there = workplace.folder / "here", workplace.folder / "there"
    command = [sys.executable, "-m", "genbench", "run", "--suite", str(workplace.suite)]
    command += ["--no-report", "--device", "cpu"]
    subprocess.run([*command, "--results", str(here)], check=True, capture_output=True)
    subprocess.run(
        [*command, "--results", str(there), "--executor", "ray"], check=True, capture_output=True
    )
    tables = [(folder / "tiny" / "metrics.csv").read_text() for folder in (here, there)]
    assert tables[0] == tables[1]
