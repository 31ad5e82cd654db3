"""The arguments of ``run``, for Python and the command line alike."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from genbench.suites.load import load_suite, suite_files
from genbench.suites.spec import SuiteSpec


@dataclass(frozen=True)
class Request:
    """What to run, how and where."""

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
    fresh: bool = False
    together: bool = False
    report: bool = True
    command: str = field(default="", compare=False)

    def load(self) -> SuiteSpec:
        """Read the suite with the settings that the arguments stand for."""
        settings = list(self.settings)
        if self.seeds is not None:
            settings.append(f"seeds={self.seeds}")
        if self.limit is not None:
            settings.append(f"data.limit={self.limit}")
        return load_suite(self.suite, settings)

    def of(self, suite: Path) -> "Request":
        """Return the same request for another suite."""
        other = replace(self, suite=str(suite))
        return replace(other, command=other.scientific_command())

    def scientific_command(self) -> str:
        """Return the command that leads to the same numbers, without this machine's folders."""
        shown = Path(self.suite).stem if self._shipped() else Path(self.suite).name
        parts = ["python", "-m", "genbench", "run", "--suite", shown]
        for setting in self.settings:
            parts += ["--set", setting]
        for option, value in (("--seeds", self.seeds), ("--limit", self.limit)):
            parts += [option, str(value)] if value is not None else []
        parts += ["--together"] if self.together else []
        return shlex.join(parts)

    def _shipped(self) -> bool:
        return Path(self.suite) in suite_files().values()
