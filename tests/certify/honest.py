"""Counts false alarms: every recipe that claims a likelihood, with other seeds of everything.

``python -m tests.certify.honest --runs 200`` certifies each recipe with each of its observation
models, one after the other, with the seeds 1, 2, and so on, until that many were trained. A run is
one training; each of its verdicts that fails is printed.
"""

import argparse
import itertools
import sys
import time

import torch

from genbench.certify.convergence import doublings_of_model
from genbench.certify.model_sums import sums_of_model
from genbench.certify.trained import cases_of, trained
from genbench.recipes import recipes


def cases(first_seed):
    """Yield every case that claims a likelihood, seed after seed."""
    for seed in itertools.count(first_seed):
        for recipe in recipes:
            yield from (case for case in cases_of(recipe, seed) if case.claims_likelihood())


def verdicts_on(case):
    """Return all verdicts on one training."""
    model, named = trained(case), (case.recipe, case.observation, case.seed)
    sums = [v for world in case.worlds for v in sums_of_model(model, world, *named)]
    return [*sums, *doublings_of_model(model, case.worlds[0], *named)]


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--part", default="1/1", help="of the runs: 1/2 is every second one")
    chosen = parser.parse_args(arguments)
    part, parts = map(int, chosen.part.split("/"))
    torch.set_num_threads(1)
    runs = list(itertools.islice(cases(chosen.seed), part - 1, chosen.runs, parts))
    started, n_checks, alarms = time.monotonic(), 0, []
    for case in runs:
        found = verdicts_on(case)
        n_checks += len(found)
        alarms += [(case, verdict) for verdict in found if not verdict.passed]
    n, seconds = len({case.recipe for case in runs}), time.monotonic() - started
    lines = [*map(str, alarms), f"{len(runs)} runs of {n} recipes, {n_checks} checks:"]
    sys.stdout.write("\n".join(lines) + f" {len(alarms)} alarms, {seconds:.0f} s\n")
    return alarms


if __name__ == "__main__":
    raise SystemExit(bool(main()))
