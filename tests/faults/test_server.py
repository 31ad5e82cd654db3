"""A trial that goes wrong is told, whatever goes wrong in it."""

import os
import time

import pytest

from tests.faults import kinds, server
from tests.faults.descendants import descendants


@pytest.fixture
def tell(tmp_path, monkeypatch):
    """Make a trial of a function, and return what is said of it."""

    def make(function, seconds=30.0):
        kind = kinds.Kind("kills", "", 1, 1, seconds=seconds)
        monkeypatch.setattr(kinds.Kind, "try_one", property(lambda self: function))
        monkeypatch.setitem(kinds.KINDS, "kills", kind)
        return server.answer("kills", 0, tmp_path)

    return make


def count(trial):
    trial.tried = 3


def complain(trial):
    trial.tried = 1
    return "exit 1"


def leave_a_process(trial):
    if not os.fork():
        time.sleep(60)
        os._exit(0)


def test_a_trial_says_what_went_wrong_and_how_many_faults_it_made(tell):
    assert tell(count) == [None, 3]
    assert tell(complain) == ["exit 1", 1]


def test_a_trial_that_raises_hangs_or_dies_has_failed(tell):
    assert "ZeroDivisionError" in tell(lambda trial: 1 / 0)[0]
    assert tell(lambda trial: time.sleep(60), seconds=0.2) == ("still running after 0.2 s", 1)
    assert tell(lambda trial: os._exit(1)) == ("the trial's own process died", 1)


def test_a_process_that_a_trial_leaves_is_named_and_ended(tell, monkeypatch):
    monkeypatch.setattr(server, "SECONDS_TO_END", 0.1)
    before = set(descendants(os.getpid()))
    problem, _ = tell(leave_a_process)
    assert problem.startswith("left running: [")
    assert set(descendants(os.getpid())) <= before


def test_nothing_of_a_trial_stays(tell, tmp_path):
    tell(lambda trial: trial.write("results/x", "1") and None)
    assert list(tmp_path.iterdir()) == []
