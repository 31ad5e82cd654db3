"""The options of ``run``, the same on the command line and in Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DEFAULT = ("digits", "standard")
"""The suites to run if none is named: without images of the user's, and with them."""


MOST_SEEDS = 10
"""Seeds at which ``--until-decided`` stops, unless another number is given."""


@dataclass(frozen=True)
class RunOptions:
    """What to run, where and how; :func:`genbench.run` describes each of them."""

    suite: str | None = None
    settings: Sequence[str] = ()
    models: Sequence[str] = ()
    studies: Sequence[str] = ()
    plugins: Sequence[Path] = ()
    seeds: int | None = None
    until_decided: int | bool = False
    limit: int | None = None
    data: str | Path | None = None
    device: str = "auto"
    data_dir: Path | None = None
    results: Path = Path("results")
    reports: Path = Path("reports")
    executor: str = "local"
    jobs: int | Literal["auto"] = "auto"
    shard: str | None = None
    cpus_per_run: int = 1
    gpus_per_run: float | None = None
    ray_address: str | None = None
    together: bool = False
    fresh: bool = False
    report: bool = True

    @property
    def most_seeds(self) -> int:
        """Seeds at which ``until_decided`` stops."""
        return MOST_SEEDS if self.until_decided is True else int(self.until_decided)

    @property
    def own_device(self) -> str:
        """Device of this process; with Ray, ``device`` is that of the workers."""
        return "cpu" if self.executor == "ray" else self.device

    @property
    def changes(self) -> list[str]:
        """All changes of the suite file, as ``key=value``."""
        stated = {"seeds": self.seeds, "data.limit": self.limit}
        return [*self.settings, *(f"{k}={v}" for k, v in stated.items() if v is not None)]

    @property
    def chosen_suite(self) -> str:
        """Name or file of the suite; where none is given it depends on whether there are data."""
        default = DEFAULT[self.data is not None]
        return default if self.suite is None else self.suite
