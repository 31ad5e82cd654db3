"""What a signal would have done happens after the state is saved, once; nothing else changes."""

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import pytest

from genbench.core import interrupts
from genbench.core.errors import StorageError
from genbench.core.interrupts import noted_interrupts

NUMBERS = [signal.SIGINT, signal.SIGTERM]
every_signal = pytest.mark.parametrize("number", NUMBERS)
send = partial(os.kill, os.getpid())


class StoppedError(BaseException):
    """What a handler of the tests raises."""


def stop(number, frame):
    raise StoppedError(number)


@pytest.fixture(autouse=True)
def _handlers():
    """Handlers that raise; whatever a test leaves is put back."""
    before = {number: signal.signal(number, stop) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def now():
    return [signal.getsignal(number) for number in NUMBERS]


def work(*actions, save=lambda: None):
    """Take each action and poll after it."""
    with noted_interrupts() as noted:
        for action in actions:
            action()
            noted.poll(save)


def require_stopped(*actions, by=signal.SIGINT, error=StoppedError, save=lambda: None):
    with pytest.raises(error, match=str(int(by)) if error is StoppedError else None):
        work(*actions, save=save)
    assert now() == [stop, stop]


@every_signal
def test_a_signal_is_acted_on_when_polled_after_saving(number):
    done = []

    def step():
        done.append("step")
        send(number)
        done.append("rest of the step")

    save = partial(done.append, "saved")
    require_stopped(partial(done.append, "first"), step, pytest.fail, by=number, save=save)
    assert done == ["first", "step", "rest of the step", "saved"]


def test_a_block_without_signals_restores_the_handlers():
    inside = []
    work(lambda: inside.extend(now()), save=pytest.fail)
    assert stop not in inside
    assert now() == [stop, stop]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, StorageError])
def test_a_block_that_raises_restores_the_handlers(error):
    def fail():
        raise error

    require_stopped(fail, error=error)


@every_signal
def test_a_signal_that_is_never_polled_is_acted_on_at_the_end(number):
    done = []

    def unpolled():
        with noted_interrupts():
            send(number)
            done.append("the rest")

    require_stopped(unpolled, by=number)
    assert done == ["the rest"]


def test_an_error_of_a_run_does_not_swallow_a_signal():
    def diverge():
        send(signal.SIGINT)
        raise ArithmeticError

    require_stopped(diverge)


def test_an_error_that_ends_the_command_is_told():
    def full():
        raise StorageError("the disk is full")

    require_stopped(partial(send, signal.SIGTERM), save=full, error=StorageError)


@pytest.mark.parametrize("second", NUMBERS)
@every_signal
def test_a_second_signal_acts_at_once(monkeypatch, number, second):
    monkeypatch.setattr(interrupts, "ECHO_SECONDS", -1.0)
    done = []

    def step():
        send(number)
        done.append("one")
        send(second)
        done.append("two")

    require_stopped(step, by=second)
    assert done == ["one"]


def test_a_second_signal_ends_the_saving_too(monkeypatch):
    monkeypatch.setattr(interrupts, "ECHO_SECONDS", -1.0)
    done = []

    def slow():
        send(signal.SIGTERM)
        done.append("saved")

    require_stopped(partial(send, signal.SIGINT), save=slow, by=signal.SIGTERM)
    assert not done


def test_a_signal_that_is_sent_twice_in_a_moment_is_one():
    saved = []

    def step():
        send(signal.SIGTERM)
        time.sleep(0.01)
        send(signal.SIGTERM)

    require_stopped(step, save=partial(saved.append, 1), by=signal.SIGTERM)
    assert saved == [1]


def test_after_a_handler_that_returns_the_next_signal_is_noted_again():
    seen, saved = [], []
    signal.signal(signal.SIGTERM, lambda number, frame: seen.append(len(saved)))
    term = partial(send, signal.SIGTERM)
    work(term, term, lambda: None, save=lambda: saved.append(len(seen)))
    assert (saved, seen) == ([0, 1], [1, 2])


def test_a_nested_block_shares_what_is_noted():
    done = []

    def step():
        with noted_interrupts():
            send(signal.SIGINT)
        done.append("the outer block goes on until it polls")

    require_stopped(step, save=partial(done.append, "saved"))
    assert len(done) == 2


@pytest.mark.parametrize("ignored", NUMBERS)
def test_a_signal_that_is_ignored_stays_ignored(ignored):
    signal.signal(ignored, signal.SIG_IGN)
    work(partial(send, ignored), save=pytest.fail)
    assert signal.getsignal(ignored) == signal.SIG_IGN


def test_a_handler_set_within_the_block_is_kept():
    def own(number, frame):
        pass

    work(partial(signal.signal, signal.SIGINT, own))
    assert now() == [own, stop]


def test_other_threads_note_nothing():
    found = []
    thread = threading.Thread(target=work, args=[lambda: found.append(now())])
    thread.start()
    thread.join()
    assert found == [[stop, stop]]


DEFAULT = """
import os, signal
from genbench.core.interrupts import noted_interrupts
with noted_interrupts() as noted:
    os.kill(os.getpid(), signal.SIGTERM)
    noted.poll(lambda: print("saved", flush=True))
print("went on")
"""


def test_the_default_action_of_a_signal_happens_after_saving():
    done = subprocess.run([sys.executable, "-c", DEFAULT], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "saved\n")
