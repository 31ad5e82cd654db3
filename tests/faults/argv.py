"""Random command lines of all commands, with hostile values."""

import os
import signal
import time
from argparse import ArgumentParser, _SubParsersAction

from genbench import cli
from tests.faults.command import Finished
from tests.faults.kills import RUN
from tests.faults.trial import Trial

SECONDS = 2.0
"""A command that is still at work then is terminated."""
ENDS = 5.0
ODD = (
    "", " ", "-", "--", "-1", "0", "1", "2", "1e9", "10000000000", "9" * 400, "nan", "inf", "-inf",
    "0.1", "1/2", "0/1", "3/2", "a/b", "x" * 300, "x" * 5000, "a\nb", "\r", "\u2028", "\udcff",
    "::error::", "=1+1", "<b>", "$(true)", "tiny", "tiny.toml", "tiny:vae", "tiny:", ":", "vae",
    "vae,gan", ",", "elbo", "elbo=0.1", "elbo=", "=", "train.epochs=1", "train.epochs=-1", "a.b=1",
    "train.batch_size=10000000000", "evaluate.metrics=[[1]]", "seeds=[9223372036854775808]", "auto",
    "cpu", "cuda", "cuda:9", "mps", "ray", "local", "text", "json", "junit", "github", "results",
    "results/tiny", "no/such", "baseline.json", "digits", "mnist", "frey_faces", "standard", "bf16",
)  # fmt: skip
LAST = {
    "run": ((*RUN[1:], "--limit", "40", "--seeds", "1"), ("--dry-run",), ("--dry-run",)),
    "bench": (("--quick",), ("--seconds", "0.01")),
}
"""What keeps a command short."""


def try_one(trial: Trial) -> str | None:
    """Run a random command line in a folder with a small stored suite."""
    trial.store(trial.calm(*RUN))
    argv = command_line(trial)
    beside = sorted(os.listdir(trial.folder.parent))
    command = trial.start(*argv, first=no_network)
    while not command.over() and time.monotonic() < command.began + SECONDS:
        time.sleep(0.01)
    terminated = not command.over()
    command.send(signal.SIGTERM)
    answer = command.wait()
    trial.tried = 1
    problem = _misbehaved(answer, terminated)
    if not problem and answer.code == 2 and len(answer.err.splitlines()) > 12:
        problem = f"{len(answer.err.splitlines())} lines: {answer.err[:600]}"
    if not problem and answer.seconds > SECONDS + ENDS:
        problem = f"ended after {answer.seconds:.1f} s"
    if not problem and sorted(os.listdir(trial.folder.parent)) != beside:
        problem = "wrote outside its folder"
    return f"{argv}: {problem}" if problem else None


def _misbehaved(answer: Finished, terminated: bool) -> str | None:
    """Return what is wrong; a command that was at its end when the signal came ends by itself."""
    if not terminated:
        return answer.misbehaved(0, 1, 2, 3, 4, 5, 6)
    if answer.code == -signal.SIGTERM and not answer.err:
        return None  # before or after the command: the shell says 143, too
    return answer.misbehaved(143, 0, 1, 2, 3, 4, 5, 6)


def no_network() -> None:
    """Send what would be downloaded to a port where nobody listens."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        os.environ[name] = "http://127.0.0.1:9"
    os.environ["GENBENCH_DATA_DIR"] = "data"


def command_line(trial: Trial) -> list[str]:
    """Return a random command line, from the parsers themselves."""
    draw, words, parser = trial.random, [], cli._parser()
    while below := _commands(parser):
        word = draw.choice(list(below))
        words.append(word)
        parser = below[word]
    actions = [a for a in parser._actions if a.dest not in ("help", "debug")]
    options = [a for a in actions if a.option_strings]
    for action in draw.sample(options, k=min(len(options), draw.randint(0, 4))):
        words.append(draw.choice(action.option_strings))
        if action.nargs != 0 and draw.random() < 0.95:
            words.append(_value(action, draw))
    given = [a for a in actions if not a.option_strings and draw.random() < 0.9]
    words += [_value(action, draw) for action in given]
    last = draw.choice(LAST.get(words[0], ((),)))
    return [*words, *last]


def _value(action, draw) -> str:
    known = [str(choice) for choice in action.choices or ()]
    return draw.choice(known if known and draw.random() < 0.6 else ODD)


def _commands(parser: ArgumentParser) -> dict[str, ArgumentParser]:
    found = [a.choices for a in parser._actions if isinstance(a, _SubParsersAction)]
    return dict(found[0]) if found else {}
