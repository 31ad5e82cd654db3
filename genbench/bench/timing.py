"""Fair timing on a shared machine: turns, a steady state, medians.

All contenders of a row take turns in short blocks, so that a disturbance affects all of them. A
block is long enough for the clock and ends when the device has finished.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

MIN_ROUNDS, MAX_ROUNDS = 7, 200
PATIENCE, BUSY_ROUNDS = 8, 4
"""If a row takes ``PATIENCE`` times as long as planned, ``BUSY_ROUNDS`` rounds are enough."""

WINDOW = 3
STEADY = 0.05
"""Largest relative difference between the medians of two successive windows in a steady state."""

HEAD_START_CYCLES = 20_000_000
"""Clock cycles, about ten milliseconds, for which the device waits while work is enqueued."""

LONG_SECONDS = 0.1
"""A call on the device that takes this long is timed once."""


@dataclass(frozen=True)
class Contender:
    """Something to time: ``call`` processes ``samples`` samples.

    ``lead`` is called untimed before each block, to empty the queues that filled meanwhile.
    """

    call: Callable[[], object]
    samples: float
    lead: Callable[[], object] | None = None


@dataclass
class BlockTimes:
    """Seconds per call in each block, in order: wall-clock and processor time.

    On a CUDA device also ``events``, the time between two events in its queue. It includes the
    gaps in which the device waits for the next launch.
    """

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    events: list[float] = field(default_factory=list)

    def since(self, first: int) -> "BlockTimes":
        """Return the blocks from ``first`` on."""
        return BlockTimes(self.wall[first:], self.cpu[first:], self.events[first:])

    @property
    def seconds(self) -> float:
        """Median seconds per call."""
        return statistics.median(self.wall)

    @property
    def cpu_seconds(self) -> float:
        """Median processor seconds per call, all threads together."""
        return statistics.median(self.cpu)

    @property
    def event_seconds(self) -> float | None:
        """Median seconds per call between events, or None without a CUDA device."""
        return statistics.median(self.events) if self.events else None

    @property
    def spread(self) -> float:
        """Interquartile range over the median."""
        return _interquartile_range(self.wall) / self.seconds


def synchronise(device: torch.device) -> None:
    """Wait until the device has finished all its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def device_seconds(call: Callable[[], object], device: torch.device) -> float | None:
    """Return the time of a call on the device alone, or None without a CUDA device.

    The device waits while the call enqueues its work, then does it without gaps. If enqueueing
    takes longer than that, or the call waits for the device, the time has gaps after all: it is
    never too small. The least of three; a long call is made once.
    """
    if device.type != "cuda":
        return None
    seconds: list[float] = []
    while len(seconds) < 3 and sum(seconds) < LONG_SECONDS:
        start, end = _events()
        synchronise(device)
        torch.cuda._sleep(HEAD_START_CYCLES)  # type: ignore[no-untyped-call]
        start.record()
        call()
        end.record()
        synchronise(device)
        seconds.append(start.elapsed_time(end) / 1000)
    return min(seconds)


def _events() -> tuple[torch.cuda.Event, torch.cuda.Event]:
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    return start, end


def take_turns(
    contenders: Mapping[str, Contender], seconds: float, device: torch.device
) -> dict[str, BlockTimes]:
    """Time all contenders in turn for about ``seconds`` in total, and at least seven rounds.

    Each is first called once untimed. Every second round runs backwards, so that a contender does
    not always follow the same one.
    """
    block = seconds / (MIN_ROUNDS * 2 * len(contenders))
    calls = {name: _calls_per_block(c, block, device) for name, c in contenders.items()}
    times = {name: BlockTimes() for name in contenders}
    order, started = list(contenders), time.perf_counter()
    for done in range(MAX_ROUNDS):
        elapsed = time.perf_counter() - started
        least = MIN_ROUNDS if elapsed < PATIENCE * seconds else BUSY_ROUNDS
        if elapsed > seconds and done >= least:
            break
        for name in order:
            _time_block(contenders[name], calls[name], times[name], device)
        order.reverse()
    return times


def _calls_per_block(contender: Contender, block: float, device: torch.device) -> int:
    """Return how many calls a block holds, from blocks of more and more calls.

    A single call on a GPU takes longer than one of many, which wait for the device only once.
    """
    contender.call()
    n_calls, probe = 1, BlockTimes()
    _time_block(contender, n_calls, probe, device)
    while probe.wall[-1] * n_calls < block / 8:
        n_calls *= 8
        _time_block(contender, n_calls, probe, device)
    return max(1, round(block / max(probe.wall[-1], 1e-9)))


def _time_block(
    contender: Contender, n_calls: int, times: BlockTimes, device: torch.device
) -> None:
    if contender.lead:
        contender.lead()
    synchronise(device)
    start, end = _events() if device.type == "cuda" else (None, None)
    cpu, wall = time.process_time(), time.perf_counter()
    if start:
        start.record()
    for _ in range(n_calls):
        contender.call()
    if end:
        end.record()
    synchronise(device)
    times.wall.append((time.perf_counter() - wall) / n_calls)
    times.cpu.append((time.process_time() - cpu) / n_calls)
    if start and end:
        times.events.append(start.elapsed_time(end) / 1000 / n_calls)


def steady_from(times: Sequence[float]) -> int | None:
    """Return the first block of the steady state, or None.

    From there on, the median of three blocks and that of the next three differ by at most 5 percent
    of the smaller one.

    Example:
        >>> steady_from([9.0, 5.0, 1.0, 1.0, 1.02, 1.0, 1.0, 1.0])
        1
    """
    for first in range(len(times) - 2 * WINDOW + 1):
        middle = first + WINDOW
        medians = [statistics.median(times[i : i + WINDOW]) for i in (first, middle)]
        if max(medians) <= (1 + STEADY) * min(medians):
            return first
    return None


def relative_error(values: Sequence[float]) -> float:
    """Return the standard error of the median over the median: 1.2533 s / sqrt(n) / median.

    The estimate s = interquartile range / 1.349 is robust to one disturbed block in four.
    """
    deviation = _interquartile_range(values) / 1.349
    return float(1.2533 * deviation / len(values) ** 0.5 / statistics.median(values))


def _interquartile_range(values: Sequence[float]) -> float:
    first, _, third = statistics.quantiles(values, n=4)
    return third - first
