"""Processes of runs that die: by their own recipe, or killed from outside."""

import os
import signal
import time

from tests.faults.descendants import descendants
from tests.faults.kills import RUN
from tests.faults.state import different
from tests.faults.trial import Trial

JOBS = ("--jobs", "2")
SEEDS = ("--seeds", "2")


def try_one(trial: Trial) -> str | None:
    """Let workers die with a probability at each run, or kill two of them at any time."""
    if trial.number % 2 == 0:
        return killed_from_outside(trial)
    return killed_by_their_recipe(trial, n=20, jobs=2)


def killed_by_their_recipe(trial: Trial, n: int, **options) -> str | None:
    """Execute runs that kill their process with a probability, in all but the third try."""
    from tests.runs.executors.killer import run_with_killer

    p = trial.random.uniform(0.4, 0.9)
    outcome = run_with_killer(trial.folder, n, p, **options)
    trial.tried += outcome.deaths
    if outcome.ok != n:
        return f"{outcome.ok} of {n} runs succeeded, with {outcome.deaths} deaths"
    return None if outcome.killed == outcome.calm else "another table than without the deaths"


def killed_from_outside(trial: Trial) -> str | None:
    """Kill two workers at random times: no run dies three times, so all must succeed."""
    argv = (*RUN, *SEEDS)
    calm = trial.calm(*argv)
    command = trial.start(*argv, *JOBS)
    for _ in range(2):
        time.sleep(trial.random.uniform(0.0, 5.0))
        workers = [] if command.over() else descendants(command.pid)
        if workers:
            trial.tried += 1
            os.kill(trial.random.choice(workers), signal.SIGKILL)
    answer = command.wait()
    return answer.misbehaved(0) or different(trial.results, calm.files)
