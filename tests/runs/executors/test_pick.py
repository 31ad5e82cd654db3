"""The options choose who executes, and wrong ones are named."""

import sys

import pytest

from genbench.core.errors import ConfigError
from genbench.runs.executors import pick_executor
from genbench.runs.executors.local import run_locally
from genbench.runs.run_options import RunOptions


def test_runs_are_executed_on_this_machine_by_default():
    assert pick_executor(RunOptions()) is run_locally


def test_an_unknown_executor_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'local'"):
        pick_executor(RunOptions(executor="locale"))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"jobs": 0}, "jobs: expected auto, or 1 or more processes, not 0"),
        ({"jobs": "all"}, "jobs: expected auto, or 1 or more processes, not all"),
        ({"jobs": 1.5}, "jobs: expected auto"),
        ({"ray_address": "auto"}, "ray_address: needs executor 'ray'"),
        ({"gpus_per_run": 0.5}, "gpus_per_run: needs executor 'ray'"),
        ({"cpus_per_run": 0}, "cpus_per_run: expected 1 or more cores, not 0"),
    ],
)
def test_wrong_numbers_are_named(options, told):
    with pytest.raises(ConfigError, match=told):
        pick_executor(RunOptions(**options))


def test_ray_that_is_not_installed_says_how_to_install_it(workplace, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"pip install 'genbench\[ray\]'"):
        workplace.run(executor="ray")
