"""Runs a suite with one training seed more after another, until its headline pairs are decided."""

from collections.abc import Iterator
from dataclasses import replace

from genbench.core.errors import ConfigError
from genbench.core.progress import Say
from genbench.core.statistics import ENOUGH_SEEDS
from genbench.core.texts import noun
from genbench.results.suite import StoredSuite
from genbench.runs.run_options import RunOptions
from genbench.suites.prepare import prepare
from genbench.suites.run import run_suite
from genbench.suites.suite_run import SuiteRun

_REFUSED = {
    "seeds": "it chooses the number of seeds",
    "shard": "a shard does not see what the others find; run them with --seeds N before",
    "models": "it compares all models of the suite",
    "studies": "it compares all models of the suite",
    "fresh": "it goes on from what is stored; run --fresh without it before",
}


def run_until_decided(options: RunOptions, say: Say = lambda _: None) -> SuiteRun:
    """Run a suite with more and more seeds, one at a time for all models.

    It begins with the seeds of its file or with those that are stored, but with at least three, and
    ends when no headline pair of any protocol is left undecided, or with the most seeds allowed.
    After each seed the tables are written, so that nothing is lost when it is stopped.

    Raises:
        ConfigError: The options do not go together, or the suite has no models of its own.
    """
    _require_alone(options)
    executed: set[str] = set()
    for looked_at in looks(options):
        outcome = run_suite(looked_at, say)
        executed |= {record.spec.label for record in outcome.records if not record.cached}
        boards = StoredSuite.open(options.results, outcome.suite).leaderboards
        left = [pair for board in boards for pair in board.undecided]
        say(_state(looked_at, left))
        if not left:
            break
    for record in outcome.records:
        record.cached = record.spec.label not in executed
    return outcome


def looks(options: RunOptions) -> Iterator[RunOptions]:
    """Yield the options of each run of the suite: with as many seeds as there are, then one more.

    Raises:
        ConfigError: The options do not go together, or the suite has no models of its own.
    """
    most = _require_alone(options)
    for n in range(_n_first(options, most), most + 1):
        yield replace(options, seeds=n)


def _require_alone(options: RunOptions) -> int:
    """Return the most seeds that are allowed; refuse what does not go with the rule."""
    most = options.most_seeds
    if most < ENOUGH_SEEDS:
        raise ConfigError(f"--until-decided: expected at least {ENOUGH_SEEDS} seeds, found {most}")
    for name, why in _REFUSED.items():
        if getattr(options, name):
            raise ConfigError(f"--{name}: does not go with --until-decided: {why}")
    return most


def _n_first(options: RunOptions, most: int) -> int:
    """The number of seeds to begin with: those of the suite file, or of any model stored."""
    own = prepare(options)
    if own.members or not own.suite.model:
        raise ConfigError(f"--until-decided: suite '{own.suite.name}' has no models to compare")
    context = prepare(replace(options, seeds=most)).context
    stored = (s.seed + 1 for s in context.plan.specs if context.run(s).folder.is_sealed)
    return min(max(ENOUGH_SEEDS, len(own.suite.seeds), *stored), most)


def _state(options: RunOptions, left: list[tuple[str, str]]) -> str:
    """What a look at the tables found."""
    if not left:
        return f"{options.seeds} seeds: every pair of models is decided"
    first, second = left[0]
    n = len(left) - 1
    more = f", and {n} more {noun(n, 'pair')}," if n else ""
    found = f"{options.seeds} seeds: {first} and {second}{more} are not decided"
    return found if options.seeds != options.most_seeds else f"{found}; that is the maximum"
