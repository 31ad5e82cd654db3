"""SIGINT, SIGTERM and SIGHUP at random moments of a run, then the same command."""

import signal
import time

from tests.faults.kills import FORMS, RUN, often
from tests.faults.state import different, half_done
from tests.faults.trial import Trial, nothing

EXIT = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
SECONDS = 2.0


def try_one(trial: Trial) -> str | None:
    """Interrupt a command up to three times, then let it end."""
    argv = (*RUN, *trial.random.choice(FORMS))
    calm = trial.calm(*argv, first=often)
    first = trial.random.choice((often, nothing))
    limit = SECONDS + 2 * calm.answer.seconds  # on a busy machine a calm run takes long, too
    for _ in range(trial.random.choice((1, 1, 2, 3))):
        number = trial.random.choice(list(EXIT))
        command = trial.start(*argv, first=first)
        time.sleep(trial.random.uniform(0.05, calm.answer.seconds))
        command.send(number)
        sent = time.monotonic()
        stopped = command.wait()
        trial.tried += 1
        took = time.monotonic() - sent
        name = f"{signal.Signals(number).name}: "
        if took > limit:
            return f"{name}ended {took:.1f} s later"
        code = 128 - stopped.code if stopped.code < 0 else stopped.code  # as a shell shows it
        if code not in (0, EXIT[number]) or "Traceback" in stopped.err:
            return f"{name}exit {code}: {stopped.err[-500:]}"
        if problem := half_done(trial.results, calm.files):
            return name + problem
    again = trial.run(*argv)
    return again.misbehaved(0) or different(trial.results, calm.files)
