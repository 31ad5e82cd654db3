"""The long form: ``python -m tests.faults`` makes all trials and writes their table.

``python -m tests.faults kills --trial 17`` repeats one.
"""

import argparse
import sys
from collections import Counter, defaultdict
from pathlib import Path

from tests.faults.kinds import KINDS
from tests.faults.pool import Outcome, make_all, scratch
from tests.faults.table import write_table


def main() -> int:
    """Make the trials; return 1 if one failed."""
    options = _options()
    chosen = [KINDS[name] for name in options.kinds or KINDS]
    trials = [
        (kind.name, number)
        for kind in chosen
        for number in options.trial or range(max(1, round(kind.long * options.scale)))
    ]
    outcomes, wanted = defaultdict(list), Counter(name for name, _ in trials)
    with scratch() as shared:
        for done, outcome in enumerate(make_all(trials, Path(shared), options.jobs), 1):
            outcomes[outcome.kind].append(outcome)
            _say(outcome, f"{done:,} of {len(trials):,}")
            if options.write and len(outcomes[outcome.kind]) == wanted[outcome.kind]:
                write_table({outcome.kind: outcomes[outcome.kind]})
    return any(outcome.problem for each in outcomes.values() for outcome in each)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("kinds", nargs="*", help=f"of {', '.join(KINDS)}; all by default")
    parser.add_argument("--trial", type=int, action="append", help="only these numbers; repeatable")
    parser.add_argument("--scale", type=float, default=1.0, help="so many times the trials")
    parser.add_argument("--jobs", type=int, default=2, help="trials at the same time")
    parser.add_argument("--write", action="store_true", help="write the table in docs/")
    return parser.parse_args()


def _say(outcome: Outcome, where: str) -> None:
    at = f"{where}, {outcome.kind} {outcome.number}, {outcome.seconds:.1f} s"
    print(at, end="  \r" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)  # noqa: T201
    if outcome.problem:
        print(f"{outcome.kind} {outcome.number}: {outcome.problem}", flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
