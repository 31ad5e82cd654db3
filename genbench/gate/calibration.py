"""How often the gate errs, measured on comparisons of runs that differ only in their seeds.

Two disjoint groups of seeds are drawn from a pool of runs of the same models; the test data are
resampled with replacement, alike for both groups. Each pair of groups is judged as a whole table by
the code that judges real ones: whatever it calls worse is a false alarm. Then a lower bound of one
model, the ELBO where there is one, is made worse in one group by a loss spread unevenly over the
data, and the tables in which that number is called worse are counted.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from genbench.core.addressed import numpy_generator
from genbench.core.errors import ConfigError
from genbench.core.metric import Metrics
from genbench.gate.baseline import read_baseline
from genbench.gate.check import with_margin
from genbench.gate.entries import Entry, Key, entries_of
from genbench.gate.statistics import Matrix
from genbench.gate.suite_results import read_results
from genbench.gate.verdicts import EntryComparison, Lookup, compare_entries, decide

TESTS = ("welch", "paired")


@dataclass(frozen=True)
class Rate:
    """How often something happened.

    Attributes:
        test: ``welch``: the baseline file alone; ``paired``: with the runs behind it.
        what: ``false worse`` and ``false better`` in any line of a table, or ``loss found``.
        name: The number that was made worse.
        margin: Its margin.
    """

    test: str
    what: str
    count: int
    trials: int
    name: str = ""
    margin: float | None = None

    @property
    def share(self) -> float:
        """Count over trials."""
        return self.count / self.trials

    @property
    def stderr(self) -> float:
        """Binomial standard error of the share."""
        return math.sqrt(self.share * (1 - self.share) / self.trials)

    @property
    def interval(self) -> tuple[float, float]:
        """Exact 95 % interval of the share (Clopper and Pearson 1934).

        Example:
            >>> [round(end, 4) for end in Rate("welch", "false worse", 0, 1000).interval]
            [0.0, 0.0037]
        """
        from scipy.stats import binomtest  # takes half a second to load

        interval = binomtest(self.count, self.trials).proportion_ci(method="exact")
        return interval.low, interval.high

    def row(self) -> dict[str, Any]:
        """Return the rate as plain data."""
        low, high = self.interval
        plain = ("test", "what", "name", "margin", "count", "trials")
        rates = {"rate": self.share, "stderr": self.stderr, "low_95": low, "high_95": high}
        return {name: getattr(self, name) for name in plain} | rates


@dataclass(frozen=True)
class Pool:
    """One number of several runs, with its per-datum values (S, n) where they are stored."""

    entry: Entry
    matrix: Matrix | None

    def group(self, seeds: Sequence[int], data: Mapping[int, Any], loss: Matrix | None) -> "Pool":
        """Return some of the seeds, on other data, as one side of a comparison."""
        if self.matrix is None:
            return Pool(_with_values(self.entry, [self.entry.values[s] for s in seeds]), None)
        rows = data[self.entry.n]
        matrix = self.matrix[np.ix_(seeds, rows)]
        if loss is not None:
            matrix = matrix - self.entry.sign * loss[rows]
        return Pool(_with_values(self.entry, matrix.mean(axis=1).tolist()), matrix)


def _with_values(entry: Entry, values: list[float]) -> Entry:
    changed = {
        "seeds": tuple(range(len(values))),
        "values": tuple(values),
        "mean": float(np.mean(values)),
    }
    return entry.model_copy(update=changed)


@dataclass
class _Count:
    worse: int = 0
    better: int = 0
    detected: dict[Key, int] = field(default_factory=dict)


def measure(
    baseline: Path,
    results: Path,
    suite: str | None = None,
    *,
    margins: Mapping[str, float] | None = None,
    n_seeds: int = 5,
    trials: int = 1000,
    loss: float = 1.0,
) -> list[Rate]:
    """Calibrate the gate on the results of many seeds, with the margins of a baseline.

    Raises:
        BaselineError: The baseline is missing or damaged.
        ConfigError: There are too few seeds, or a number that must be positive is not.
        StorageError: The results are missing, damaged or still being written.
    """
    if min(n_seeds, trials) < 1 or not 0 < loss < math.inf:
        raise ConfigError("calibrate: seeds, trials and loss must be positive")
    expected = read_baseline(baseline)
    pool = read_results(results, suite or expected.suite)
    known = {entry.key: entry.margin for entry in expected.metrics}
    entries = [
        with_margin(
            entry.model_copy(update={"margin": known.get(entry.key, entry.margin)}), margins
        )
        for entry in entries_of(pool.suite.frame, pool.suite.metrics)
    ]
    metric = _loosest_bound(pool.suite.metrics)
    return calibrate(entries, pool.values, metric, n_seeds=n_seeds, trials=trials, loss=loss)


def _loosest_bound(metrics: Metrics) -> str:
    """Return the lower bound that every model with a likelihood has: the ELBO, among our own."""
    bounds = {name: metric.tightness for name, metric in metrics.items() if metric.tightness}
    return min(bounds, key=bounds.__getitem__, default="")


def calibrate(
    entries: Sequence[Entry],
    values: Lookup,
    metric: str,
    *,
    n_seeds: int,
    trials: int,
    loss: float,
) -> list[Rate]:
    """Measure false alarms, and how often a loss in one metric is detected.

    Args:
        entries: Numbers of a pool of runs, all with the same seeds.
        values: Per-datum values of an entry.
        metric: The metric that is made worse, in one model at a time.
        n_seeds: Seeds of each side of a comparison.
        trials: Number of comparisons of whole tables.
        loss: Mean loss over the data, in nats.

    Returns:
        Three kinds of rate for each test.

    Raises:
        ConfigError: The pool is too small, or its models have different numbers of seeds.
    """
    sizes = {len(entry.seeds) for entry in entries}
    n_pool = min(sizes, default=0)
    if len(sizes) != 1 or n_pool < 2 * n_seeds:
        raise ConfigError(
            f"calibrate: two groups of {n_seeds} need {2 * n_seeds} seeds of each model, the "
            f"results have {n_pool}; `python -m genbench run --seeds {2 * n_seeds}` makes them"
        )
    pools = [Pool(entry, values(entry)) for entry in entries]
    counts = {test: _Count() for test in TESTS}
    for trial in range(trials):
        for test, count in counts.items():
            _one_trial(pools, test, trial, n_seeds, metric, loss, count)
    return [rate for test, count in counts.items() for rate in _rates(pools, test, count, trials)]


def _one_trial(
    pools: Sequence[Pool],
    test: str,
    trial: int,
    n_seeds: int,
    metric: str,
    loss: float,
    count: _Count,
) -> None:
    drawn = numpy_generator(0, "gate", trial)
    order = drawn.permutation(len(pools[0].entry.seeds)).tolist()
    then, now = order[:n_seeds], order[n_seeds : 2 * n_seeds]
    sizes = sorted({pool.entry.n for pool in pools})
    data = {n: drawn.integers(n, size=n) for n in sizes}
    comparisons = {pool.entry.key: _compared(pool, then, now, data, test) for pool in pools}
    words = {verdict.word for verdict in decide(comparisons).values()}
    count.worse += "worse" in words
    count.better += "better" in words
    for pool in pools:
        if pool.entry.metric == metric and pool.matrix is not None:
            hurt = loss * drawn.exponential(size=pool.entry.n)
            key = pool.entry.key
            with_loss = comparisons | {key: _compared(pool, then, now, data, test, hurt)}
            is_detected = decide(with_loss)[key].word == "worse"
            count.detected[key] = count.detected.get(key, 0) + is_detected


def _compared(
    pool: Pool,
    then: Sequence[int],
    now: Sequence[int],
    data: Mapping[int, Any],
    test: str,
    loss: Matrix | None = None,
) -> EntryComparison:
    one, other = pool.group(then, data, None), pool.group(now, data, loss)
    if test == "welch":
        return compare_entries(one.entry, other.entry, lambda _: None, lambda _: None)
    return compare_entries(one.entry, other.entry, lambda _: one.matrix, lambda _: other.matrix)


def _rates(pools: Sequence[Pool], test: str, count: _Count, trials: int) -> list[Rate]:
    entries = {pool.entry.key: pool.entry for pool in pools}
    return [
        Rate(test, "false worse", count.worse, trials),
        Rate(test, "false better", count.better, trials),
        *(
            Rate(test, "loss found", detected, trials, entries[key].name, entries[key].margin)
            for key, detected in count.detected.items()
        ),
    ]
