"""Many commands in one folder at the same time."""

from collections import Counter

from tests.faults.kills import RUN
from tests.faults.state import different
from tests.faults.trial import Trial

NUMBERS = (4, 2, 8, 16, 32)
SEEDS = ("--seeds", "2")
PARTS = ((), ("--models", "vae,gan"), ("--models", "gan,linear_gaussian"), ("--models", "vae"))


def try_one(trial: Trial) -> str | None:
    """Start up to 32 commands: identical ones, or ones that share a part of their runs."""
    argv = (*RUN, *SEEDS)
    calm = trial.calm(*argv)
    n = NUMBERS[trial.number % len(NUMBERS)]
    parts = PARTS if trial.random.random() < 0.5 else PARTS[:1]
    chosen = [(), *(trial.random.choice(parts) for _ in range(n - 1))]
    commands = [trial.start(*argv, *part) for part in chosen]
    answers = [command.wait() for command in commands]
    trial.tried = n
    if wrong := [problem for answer in answers if (problem := answer.misbehaved(0))]:
        return f"{len(wrong)} of {n} commands: {wrong[0]}"
    done = Counter(line for answer in answers for line in answer.err.splitlines() if "done" in line)
    if again := {line: times for line, times in done.items() if times > 1}:
        return f"trained more than once: {again}"
    last = trial.run(*argv)
    return last.misbehaved(0) or different(trial.results, calm.files)
