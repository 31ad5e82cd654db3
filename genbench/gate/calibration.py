"""How often the gate errs, measured on comparisons of runs that differ only in their seeds.

Two disjoint groups of seeds are drawn from a pool of runs of the same models; the test data are
resampled with replacement, identically for both groups. Each pair of groups is judged as a whole
table by the gate's own code: whatever it calls worse is a false alarm. Then a lower bound of one
model (the ELBO if there is one) is made worse in one group by a loss spread unevenly over the data,
and the tables that call this number worse are counted.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genbench.core.addressed import numpy_generator
from genbench.core.errors import ConfigError
from genbench.core.metric import Metrics
from genbench.gate.baseline import read_baseline
from genbench.gate.entries import Entry, Key
from genbench.gate.margins import with_margins
from genbench.gate.statistics import Matrix
from genbench.gate.suite_results import read_results
from genbench.gate.verdicts import EntryComparison, Lookup, compare_entries, decide

TESTS = ("welch", "paired")
ERRORS = ("false worse", "false better")
Event = tuple[str, str | Key]
"""A test, with the error it made or the number whose loss it found."""


@dataclass(frozen=True)
class Rate:
    """How often an outcome occurred.

    Attributes:
        test: ``welch``: the baseline file alone; ``paired``: with the runs behind it.
        what: ``false worse`` or ``false better`` in any line of a table, or ``loss found``.
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
    """One number of several runs, with its per-datum values (S, n) if they are stored."""

    entry: Entry
    matrix: Matrix | None

    def group(self, seeds: Sequence[int], rows: Any, loss: Matrix | float = 0.0) -> "Pool":
        """Return some of the seeds on resampled data, with a loss on each, as one side."""
        if self.matrix is None:
            values, matrix = [self.entry.values[seed] for seed in seeds], None
        else:
            matrix = self.matrix[np.ix_(seeds, rows)] - self.entry.sign * loss
            values = matrix.mean(axis=1).tolist()
        changed = {
            "seeds": tuple(range(len(values))),
            "values": tuple(values),
            "mean": float(np.mean(values)),
        }
        return Pool(self.entry.model_copy(update=changed), matrix)

    def compare(self, now: "Pool", test: str) -> EntryComparison:
        """Compare it with a later one, by per-datum values if the test is paired."""
        paired = test == "paired"
        values = (self.matrix, now.matrix) if paired else (None, None)
        return compare_entries(self.entry, now.entry, *values)


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
        ConfigError: Too few seeds, an argument that is not positive, or a margin of no number.
        StorageError: The results are missing, damaged or still being written.
    """
    if min(n_seeds, trials) < 1 or not 0 < loss < math.inf:
        raise ConfigError("calibrate: seeds, trials and loss must be positive")
    expected = read_baseline(baseline)
    pool = read_results(results, suite or expected.suite)
    entries = with_margins(pool.entries, margins, expected.metrics)
    metric = _loosest_bound(pool.metrics)
    return calibrate(entries, pool.values, metric, n_seeds=n_seeds, trials=trials, loss=loss)


def _loosest_bound(metrics: Metrics) -> str:
    """Return the lower bound that every model with a likelihood has; for our own, the ELBO."""
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
        metric: The metric to make worse, in one model at a time.
        n_seeds: Seeds on each side of a comparison.
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
            f"calibrate: two groups of {n_seeds} need {2 * n_seeds} seeds of each model, but the "
            f"results have {n_pool}; run the suite again with --seeds {2 * n_seeds}"
        )
    pools = [Pool(entry, values(entry)) for entry in entries]
    hurt = {p.entry.key: p for p in pools if p.entry.metric == metric and p.matrix is not None}
    counts: Counter[Event] = Counter()
    for trial in range(trials):
        counts.update(_events(pools, hurt, trial, n_seeds, loss))
    rates = []
    for test in TESTS:
        rates += [Rate(test, what, counts[test, what], trials) for what in ERRORS]
        for key, pool in hurt.items():
            named = (pool.entry.name, pool.entry.margin)
            rates.append(Rate(test, "loss found", counts[test, key], trials, *named))
    return rates


def _events(
    pools: Sequence[Pool], hurt: Mapping[Key, Pool], trial: int, n_seeds: int, loss: float
) -> Iterator[Event]:
    """Yield the outcomes of one trial: errors of either test, and numbers with a detected loss."""
    drawn = numpy_generator(0, "gate", trial)
    order = drawn.permutation(len(pools[0].entry.seeds)).tolist()
    rows = {n: drawn.integers(n, size=n) for n in sorted({pool.entry.n for pool in pools})}
    then, now = (
        {pool.entry.key: pool.group(seeds, rows[pool.entry.n]) for pool in pools}
        for seeds in (order[:n_seeds], order[n_seeds : 2 * n_seeds])
    )
    losing = {}
    for key, pool in hurt.items():
        data = rows[pool.entry.n]
        spread = loss * drawn.exponential(size=pool.entry.n)
        losing[key] = pool.group(order[n_seeds : 2 * n_seeds], data, spread[data])
    for test in TESTS:
        comparisons = {key: pool.compare(now[key], test) for key, pool in then.items()}
        words = {verdict.word for verdict in decide(comparisons).values()}
        yield from ((test, what) for what in ERRORS if what.removeprefix("false ") in words)
        for key, pool in losing.items():
            with_loss = comparisons | {key: then[key].compare(pool, test)}
            if decide(with_loss)[key].word == "worse":
                yield test, key
