"""kill -9 at a random moment of a run, then the same command."""

import signal
import time

from genbench.training import loop
from tests.faults import preload
from tests.faults.state import different, half_done
from tests.faults.trial import Trial

RUN = ("run", "--suite", "tiny.toml", "--no-report", "--device", "cpu", "--jobs", "1")
FORMS = ((), ("--seeds", "2"))


def often() -> None:
    """Write a checkpoint after each epoch."""
    loop.CHECKPOINT_SECONDS = -1.0


def try_one(trial: Trial) -> str | None:
    """Kill a command up to three times, at a system call or at a time, then let it end."""
    argv = (*RUN, *trial.random.choice(FORMS))
    calm = trial.calm(*argv, first=often)
    for _ in range(trial.random.choice((1, 1, 2, 3))):
        if trial.random.random() < 0.5:
            at = trial.random.randint(1, calm.answer.calls["any"])
            killed = trial.run(
                *argv, first=lambda at=at: (often(), preload.arm(trial.results, at=at))
            )
        else:
            command = trial.start(*argv, first=often)
            time.sleep(trial.random.uniform(0, calm.answer.seconds))
            command.send(signal.SIGKILL)
            killed = command.wait()
        trial.tried += killed.code != 0
        if killed.code not in (-signal.SIGKILL, 0):
            return f"before the kill: {killed.misbehaved(0)}"
        if problem := half_done(trial.results, calm.files):
            return f"after the kill: {problem}"
    again = trial.run(*argv)
    return again.misbehaved(0) or different(trial.results, calm.files)
