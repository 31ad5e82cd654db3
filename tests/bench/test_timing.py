"""Turns, the steady state and the numbers made of blocks, on made-up series."""

import random
import time

import pytest
import torch

from genbench.bench.timing import (
    MAX_ROUNDS,
    MIN_ROUNDS,
    BlockTimes,
    Contender,
    device_seconds,
    relative_error,
    steady_from,
    take_turns,
)

CPU = torch.device("cpu")


def test_a_constant_series_is_steady_from_the_first_block():
    assert steady_from([2.0] * 6) == 0


def test_warm_up_blocks_are_not_steady():
    assert steady_from([9.0, 7.0, 5.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]) == 3


def test_a_series_that_keeps_growing_is_never_steady():
    assert steady_from([1.1**i for i in range(30)]) is None


def test_a_single_disturbed_block_does_not_hide_the_steady_state():
    assert steady_from([1.0, 1.0, 5.0, 1.0, 1.0, 1.0]) == 0


@pytest.mark.parametrize(("second", "found"), [(1.04, 0), (1.06, None), (0.96, 0), (0.94, None)])
def test_windows_that_differ_by_more_than_five_percent_are_not_steady(second, found):
    assert steady_from([1.0] * 3 + [second] * 3) == found


def test_fewer_than_two_windows_say_nothing():
    assert steady_from([1.0] * 5) is None


def test_a_summary_is_of_the_blocks_from_the_start_on():
    series = BlockTimes(wall=[9.0, 1.0, 2.0, 3.0, 4.0, 5.0], cpu=[9.0, 2.0, 2.0, 4.0, 6.0, 8.0])
    found = series.since(1)
    assert (found.seconds, found.cpu_seconds, len(found.wall)) == (3.0, 4.0, 5)
    assert found.spread == (4.5 - 1.5) / 3.0


def test_the_relative_error_is_that_of_a_median_of_normal_numbers():
    random.seed(0)
    n, medians, stated = 41, [], []
    for _ in range(500):
        values = [random.gauss(10.0, 1.0) for _ in range(n)]
        medians.append(sorted(values)[n // 2])
        stated.append(relative_error(values))
    mean = sum(medians) / 500
    true = (sum((m - mean) ** 2 for m in medians) / 499) ** 0.5 / 10
    assert sum(stated) / 500 == pytest.approx(true, rel=0.15)  # four standard errors


def test_contenders_take_turns_and_each_second_round_runs_backwards():
    log = []
    contenders = {name: Contender(lambda name=name: log.append(name), 1) for name in "ab"}
    for name in contenders:  # a call that takes longer than a block, so that a block is one call
        call = contenders[name].call
        contenders[name] = Contender(lambda call=call: (call(), time.sleep(0.001)), 1)
    found = take_turns(contenders, 1e-4, CPU)
    assert "".join(log).startswith("aabb" + "abba" * (MIN_ROUNDS // 2 - 1))
    n = len(found["a"].wall)
    assert n == len(found["b"].wall) == len(found["b"].cpu) == (len(log) - 4) / 2
    assert 4 <= n <= MAX_ROUNDS


def test_blocks_of_a_quick_call_hold_many_and_give_the_time_of_one():
    contender = Contender(lambda: time.sleep(0.0005), 1)
    found = take_turns({"only": contender}, 0.2, CPU)["only"]
    assert all(0.0005 <= seconds < 0.05 for seconds in found.wall)
    assert sum(found.wall) < 0.1  # a block of several calls counts one of them


def test_time_asleep_is_no_processor_time():
    found = take_turns({"only": Contender(lambda: time.sleep(0.02), 1)}, 1e-4, CPU)["only"]
    assert min(found.cpu) < 0.5 * min(found.wall)


def test_a_contender_is_led_up_to_each_block_untimed():
    led, timed = [], []

    def lead():
        led.append(1)
        time.sleep(0.02)

    contender = Contender(lambda: timed.append(1), 1, lead)
    found = take_turns({"only": contender}, 1e-4, CPU)["only"]
    assert len(led) > len(found.wall)  # each block that counts, and each probe
    assert max(found.wall) < 0.02


@pytest.fixture
def queue(monkeypatch):
    """A pretended CUDA device: a call costs the host 2 s, an event lies 1 s before the call."""
    state = {"now": 0.0, "waits": 0}

    class Event:
        def __init__(self, enable_timing):
            assert enable_timing

        def record(self):
            self.at = state["now"]

        def elapsed_time(self, end):
            return 1000 * (end.at - self.at)

    def synchronise(device):
        state["waits"] += 1
        state["now"] += 1.0

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", synchronise)
    monkeypatch.setattr(time, "perf_counter", lambda: state["now"])
    return state


def test_a_block_on_a_gpu_has_the_time_between_events_too(queue):
    def call():
        queue["now"] += 2.0

    found = take_turns({"only": Contender(call, 1)}, 1.0, torch.device("cuda"))["only"]
    assert set(found.wall) == {3.0}  # with the wait at the end
    assert set(found.events) == {2.0}
    assert found.since(1).event_seconds == 2.0
    assert queue["waits"] == 2 * (len(found.wall) + 1)  # before and after each block, and the probe


def test_a_processor_has_no_events():
    assert take_turns({"only": Contender(lambda: None, 1)}, 1e-4, CPU)["only"].events == []
    assert BlockTimes([1.0], [1.0]).event_seconds is None


def test_a_block_is_sized_by_many_calls_where_the_wait_for_the_device_is_long(queue):
    def call():
        queue["now"] += 0.01

    found = take_turns({"only": Contender(call, 1)}, 14 * 10.0, torch.device("cuda"))["only"]
    # a block of 10 s: by a single call of 1.01 s it would hold 10, and last 1.1 s
    calls = round(1 / (found.wall[0] - 0.01))
    assert 4.0 < calls * 0.01 + 1.0 <= 10.0


def test_a_device_does_its_work_alone_after_a_head_start(queue, monkeypatch):
    slept, called = [], []
    monkeypatch.setattr(torch.cuda, "_sleep", slept.append)

    def call():
        called.append(1)
        queue["now"] += 0.002

    assert device_seconds(call, torch.device("cuda")) == pytest.approx(0.002)
    assert len(slept) == len(called) == 3
    assert device_seconds(pytest.fail, CPU) is None
