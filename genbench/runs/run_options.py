"""The options of ``run``, the same on the command line and in Python."""

import multiprocessing
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

NO_MAIN_GUARD = 78
"""Exit code of a process that found itself running the script that started it."""


def leave_if_spawned(jobs: int) -> None:
    """End a process that a call with several jobs started, if it has come to that call again.

    It imports its caller's script, which has no main guard. It says nothing: its parent explains.
    """
    if jobs > 1 and getattr(multiprocessing.current_process(), "_inheriting", False):
        sys.exit(NO_MAIN_GUARD)


@dataclass(frozen=True)
class RunOptions:
    """What to run, where and how; :func:`genbench.run` describes each of them."""

    suite: str = "digits"
    settings: Sequence[str] = ()
    models: Sequence[str] = ()
    studies: Sequence[str] = ()
    seeds: int | None = None
    limit: int | None = None
    device: str = "auto"
    data_dir: Path | None = None
    results: Path = Path("results")
    reports: Path = Path("reports")
    executor: str = "local"
    jobs: int = 1
    together: bool = False
    fresh: bool = False
    report: bool = True

    @property
    def changes(self) -> list[str]:
        """All changes of the suite file, as ``key=value``."""
        stated = {"seeds": self.seeds, "data.limit": self.limit}
        return [*self.settings, *(f"{k}={v}" for k, v in stated.items() if v is not None)]
