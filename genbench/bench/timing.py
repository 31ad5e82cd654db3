"""Fair timing on a machine that others use, too: turns, a steady state, medians. Imports torch.

All contenders of a row take turns in short blocks, so that what disturbs the machine disturbs each
of them. A block is long enough for the clock and ends when the device has finished.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch

MIN_ROUNDS, MAX_ROUNDS = 7, 200
PATIENCE, BUSY_ROUNDS = 8, 4
"""On a machine so busy that a row takes this many times as long, so many rounds must do."""

WINDOW = 3
STEADY = 0.05
"""The machine is steady where the medians of two successive windows differ by at most this."""


@dataclass(frozen=True)
class Contender:
    """Something to time: ``call`` treats ``samples`` samples."""

    call: Callable[[], object]
    samples: float


@dataclass
class Series:
    """Seconds per call of each block, in order: by the clock, and of this process's processors."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Timing:
    """What a series says, from the steady state on.

    Attributes:
        seconds: Median seconds per call.
        spread: Interquartile range over the median.
        error: Standard error of the median over the median, blocks taken as independent.
        cpu_seconds: Median processor seconds per call, all threads together.
        n_blocks: Blocks that count.
    """

    seconds: float
    spread: float
    error: float
    cpu_seconds: float
    n_blocks: int


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all it was asked for."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def take_turns(
    contenders: Mapping[str, Contender], seconds: float, device: torch.device
) -> dict[str, Series]:
    """Time all contenders in turn for about ``seconds`` in all, at least for seven rounds.

    Every contender is called once before, untimed. Each second round runs backwards, so that none
    always follows the same one.
    """
    block = seconds / (MIN_ROUNDS * 2 * len(contenders))
    calls = {name: _calls_per_block(c, block, device) for name, c in contenders.items()}
    found = {name: Series() for name in contenders}
    order, started = list(contenders), time.perf_counter()
    for done in range(MAX_ROUNDS):
        elapsed = time.perf_counter() - started
        least = MIN_ROUNDS if elapsed < PATIENCE * seconds else BUSY_ROUNDS
        if elapsed > seconds and done >= least:
            break
        for name in order:
            _time_block(contenders[name], calls[name], found[name], device)
        order.reverse()
    return found


def _calls_per_block(contender: Contender, block: float, device: torch.device) -> int:
    contender.call()
    probe = Series()
    _time_block(contender, 1, probe, device)
    return max(1, round(block / max(probe.wall[0], 1e-9)))


def _time_block(contender: Contender, n_calls: int, series: Series, device: torch.device) -> None:
    synchronise(device)
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(n_calls):
        contender.call()
    synchronise(device)
    series.wall.append((time.perf_counter() - wall) / n_calls)
    series.cpu.append((time.process_time() - cpu) / n_calls)


def steady_from(times: Sequence[float]) -> int | None:
    """Return the first block of the steady state, or None where there is none.

    It is the first block from which the medians of three blocks and of the next three differ by at
    most 5 percent of the smaller one.

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


def summarise(series: Series, start: int) -> Timing:
    """Reduce the blocks from ``start`` on."""
    wall = series.wall[start:]
    median, quartiles = statistics.median(wall), statistics.quantiles(wall, n=4)
    spread = (quartiles[2] - quartiles[0]) / median
    cpu = statistics.median(series.cpu[start:])
    return Timing(median, spread, relative_error(wall), cpu, len(wall))


def relative_error(values: Sequence[float]) -> float:
    """Return the standard error of the median over the median: 1.2533 s / sqrt(n).

    s is the interquartile range over 1.349, which one disturbed block in four leaves alone.
    """
    quartiles = statistics.quantiles(values, n=4)
    deviation = (quartiles[2] - quartiles[0]) / 1.349
    return float(1.2533 * deviation / len(values) ** 0.5 / statistics.median(values))
