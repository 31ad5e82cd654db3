"""How dead processes are told, and those that never live; tests/cli tries the rest."""

import sys
from types import SimpleNamespace

import pytest

from genbench.core.errors import ConfigError
from genbench.runs.executors.messages import Start
from genbench.runs.executors.pool import Pool, _death
from genbench.runs.packed import Packed
from genbench.runs.run_options import RunOptions


@pytest.mark.parametrize(
    ("code", "reason", "hint"),
    [
        (-9, "was killed by signal 9", "the machine may be out of memory"),
        (-11, "was killed by signal 11", ""),
        (3, "ended with exit code 3", ""),
    ],
)
def test_a_death_says_how(code, reason, hint):
    died = _death(code)
    assert (died.reason, died.hint) == (reason, hint)


def first_answer(pool):
    pool.submit((), wait=False)
    return pool.next_answer()


@pytest.mark.parametrize(
    ("python", "told"),
    [
        ("{folder}/none", "No such file or directory: '{folder}/none'"),
        ("/bin/false", "/bin/false ended with exit code 1"),
    ],
)
def test_processes_that_do_not_start_are_told_once(monkeypatch, tmp_path, python, told):
    """As in an environment that was changed or removed meanwhile: all others would end likewise."""
    monkeypatch.setattr(sys, "executable", python.format(folder=tmp_path))
    plan = SimpleNamespace(options=RunOptions())
    pool = Pool(SimpleNamespace(plan=plan), 2, Start(Packed({}, b""), 1))
    with pytest.raises(ConfigError, match=r"^jobs: a worker process does not start: ") as error:
        first_answer(pool)
    pool.close()
    assert told.format(folder=tmp_path) in str(error.value)
    assert str(error.value).endswith("; with jobs=1 none starts")
