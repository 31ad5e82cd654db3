"""One trial: a number, random choices, a folder, and commands that run in it."""

import fcntl
import pickle
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from genbench.core.seeding import derive
from tests.cli.conftest import TINY
from tests.faults import preload
from tests.faults.command import Command, Finished, in_this_process
from tests.faults.state import everything

SUITE = "tiny.toml"


def nothing() -> None:
    """Do nothing before a command."""


@dataclass(frozen=True)
class Calm:
    """What a command that nothing disturbs answers, and the results that it leaves."""

    answer: Finished
    files: dict[str, bytes]


class Trial:
    """Trial ``number`` of a kind: the same everywhere, in a folder of its own.

    Args:
        kind: Name of the kind.
        number: From 0 on.
        folder: An empty folder.
        shared: A folder for what many trials need.
    """

    def __init__(self, kind: str, number: int, folder: Path, shared: Path) -> None:
        self.number, self.folder, self._shared = number, folder, shared
        self.tried = 0  # faults that were made
        self.random = random.Random(derive(0, "faults", kind, number))
        self.results = folder / "results"
        self.write(SUITE, TINY)

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file that commands read."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def start(self, *argv, first: Callable[[], object] = nothing) -> Command:
        """Start a command; ``first`` is called in its process before it."""
        return Command(argv, self.folder, first)

    def run(self, *argv, first: Callable[[], object] = nothing) -> Finished:
        """Run a command to its end."""
        return self.start(*argv, first=first).wait()

    def answer(self, *argv) -> Finished:
        """Run a command in this process, where that is quicker and nothing kills it."""
        return in_this_process(argv, self.folder)

    def calm(self, *argv, first: Callable[[], object] = nothing, suite: str = TINY) -> Calm:
        """Return what a command does that nothing disturbs; it is run once for all trials."""
        name = f"{derive(0, suite, *map(str, argv)):x}"
        answer = self._shared / f"{name}.pickle"
        with open(self._shared / f"{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not answer.exists():
                made = Trial("calm", 0, self._shared / name, self._shared)
                made.write(SUITE, suite)
                answer.write_bytes(pickle.dumps(made.undisturbed(argv, first)))
        return pickle.loads(answer.read_bytes())

    def undisturbed(self, argv: tuple, first: Callable[[], object]) -> Calm:
        """Run a command that must end well, and count its calls."""
        answer = self.run(*argv, first=lambda: (first(), preload.arm(self.results)))
        if answer.code:
            raise RuntimeError(f"undisturbed, {argv} ends with {answer}")
        return Calm(answer, everything(self.results))

    def store(self, calm: Calm) -> None:
        """Put the results of a calm command into this folder."""
        for name, content in calm.files.items():
            self.write(f"results/{name}", content)
