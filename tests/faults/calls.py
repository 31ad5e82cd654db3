"""The n-th system call of a kind fails in the results folder."""

import os

from tests.faults import preload
from tests.faults.kills import FORMS, RUN, often
from tests.faults.state import different, half_done
from tests.faults.trial import Trial


def try_one(trial: Trial) -> str | None:
    """Let one call fail, or all from it on, in an empty or a finished results folder."""
    argv = (*RUN, *trial.random.choice(FORMS))
    calm = trial.calm(*argv, first=often)
    again = trial.random.random() < 0.3
    if again:
        trial.store(calm)
    call = trial.random.choice([name for name in preload.ERRORS if calm.answer.calls[name]])
    error = trial.random.choice(preload.ERRORS[call])
    at, on = trial.random.randint(1, calm.answer.calls[call]), trial.random.random() < 0.3
    fault = f"{call} number {at} gives {os.strerror(error)}{' from there on' if on else ''}: "

    def first() -> None:
        often()
        preload.arm(trial.results, call, at, error, on=on)

    failed = trial.run(*argv, *(["--fresh"] if again else []), first=first)
    trial.tried = int(failed.calls[call] >= at)
    if problem := failed.misbehaved(0, 5) or half_done(trial.results, calm.files):
        return fault + problem
    mended = trial.run(*argv)
    problem = mended.misbehaved(0) or different(trial.results, calm.files)
    return fault + problem if problem else None
