"""What a process and its workers say to each other over their socket."""

from dataclasses import dataclass

from genbench.core import errors
from genbench.core.errors import GenbenchError
from genbench.core.processes import Script
from genbench.runs.packed import Packed
from genbench.runs.run_context import Group, RunPlan


@dataclass(frozen=True)
class Start:
    """What a worker needs once.

    Attributes:
        plan: What all runs share.
        threads: Threads of torch.
        modules: To import, for what they register.
        script: The script that was started, if that registers something.
    """

    plan: Packed[RunPlan]
    threads: int
    modules: tuple[str, ...] = ()
    script: Script | None = None


@dataclass(frozen=True)
class Order:
    """A group to execute; ``wait`` for runs that other commands hold."""

    group: Packed[Group]
    wait: bool


@dataclass(frozen=True)
class Step:
    """What a worker is doing: ``vae (seed 0) 31/50``."""

    text: str


@dataclass(frozen=True)
class Failure:
    """An error that concerns the whole suite: the name of one of genbench's, and its text."""

    kind: str
    text: str

    @classmethod
    def of(cls, error: GenbenchError) -> "Failure":
        """Return the failure for an error; its nearest class that every process knows."""
        known = next(kind for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
        return cls(known.__name__, str(error))

    def error(self) -> GenbenchError:
        """Return the error."""
        kind: type[GenbenchError] = getattr(errors, self.kind)
        return kind(self.text)
