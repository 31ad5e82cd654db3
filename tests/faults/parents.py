"""kill -9 of a command whose runs have processes of their own."""

import os
import signal
import time

from tests.faults.descendants import descendants
from tests.faults.kills import RUN
from tests.faults.state import different
from tests.faults.trial import Trial
from tests.faults.workers import JOBS, SEEDS

SECONDS = 3.0


def try_one(trial: Trial) -> str | None:
    """Kill a command; its workers must end with it, and the same command finish the work."""
    argv = (*RUN, *SEEDS)
    calm = trial.calm(*argv)
    command = trial.start(*argv, *JOBS)
    while not command.over() and not descendants(command.pid):
        time.sleep(0.01)
    time.sleep(trial.random.uniform(0.0, 6.0))
    trial.tried = int(not command.over())
    command.send(signal.SIGKILL)
    command.wait()
    until = time.monotonic() + SECONDS + calm.answer.seconds  # busy machines take longer
    while descendants(os.getpid()) and time.monotonic() < until:
        time.sleep(0.05)
    if left := descendants(os.getpid()):
        return f"{len(left)} workers live {SECONDS:g} s after their parent"
    again = trial.run(*argv)
    return again.misbehaved(0) or different(trial.results, calm.files)
