"""What to measure, from the command line. Imports no torch."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from genbench.core.errors import ConfigError, require_known
from genbench.core.memory import require_memory
from genbench.training.config import Precision

TASKS = {
    "train": "images",
    "iw": "image-samples",
    "ais": "image-chain-transitions",
    "sample": "images",
}
"""Each task with the unit of its rates."""

STUDIES = {
    "batch_size": (8, 16, 32, 64, 128, 256, 512),
    "latent_dim": (2, 4, 8, 16, 32, 64, 128),
    "n_samples": (1, 4, 16, 64, 256, 1024),
    "seeds": (1, 2, 4, 8, 16),
}
"""What a study varies, and its default values."""

STUDY_TASKS = {"batch_size": "train", "latent_dim": "train", "n_samples": "iw", "seeds": "train"}

PEAKS = {
    "float32": "peak_flops_per_s",
    "tf32": "peak_tf32_flops_per_s",
    "bf16": "peak_bf16_flops_per_s",
}
"""The precisions of products in training, each with the ceiling that it has in a row."""

MOST = 10**6
"""The largest size that is measured."""
_N_PIXELS = 784
N_LEAPFROG = 10
"""Leapfrog steps of a transition of the task ``ais``."""


@dataclass(frozen=True)
class Settings:
    """A measurement: every recipe with every batch size and every task it supports.

    Attributes:
        models: Recipes; empty for all that train.
        batch_sizes: Images per training step, or per call of a bound.
        tasks: Keys of ``TASKS``; None for all, or for the one of the study.
        device: ``auto``, ``cpu``, ``cuda``, or ``cuda:1`` and so on.
        seconds: Approximate time for each row.
        hidden: Sizes of the dense layers.
        latent_dim: Dimensions of the latent.
        n_samples: K of the importance-weighted bound.
        n_chains: Chains of annealed importance sampling for each image.
        n_temperatures: Its transitions, each of 10 leapfrog steps.
        precision: Of products in training, as ``train.precision`` of a suite file.
        study: What to vary, a key of ``STUDIES``, or None.
        values: The values it takes; empty for the default ones.
        data_dir: Folder of the data sets.
        plugins: Files with recipes of others.
    """

    models: tuple[str, ...] = ()
    batch_sizes: tuple[int, ...] = (20, 128)
    tasks: tuple[str, ...] | None = None
    device: str = "auto"
    seconds: float = 1.0
    hidden: tuple[int, ...] = (400,)
    latent_dim: int = 20
    n_samples: int = 100
    n_chains: int = 4
    n_temperatures: int = 4
    precision: Precision = "float32"
    study: str | None = None
    values: tuple[int, ...] = ()
    data_dir: Path | None = None
    plugins: Sequence[Path] = ()

    def __post_init__(self) -> None:
        for task in self.tasks or ():
            require_known(task, TASKS, "--tasks: unknown task")
        require_known(self.precision, PEAKS, "--precision: unknown precision")
        if self.study is not None:
            require_known(self.study, STUDIES, "--study: unknown study")
        if not (math.isfinite(self.seconds) and self.seconds > 0):
            raise ConfigError(f"--seconds: must be above 0, not {self.seconds:g}")
        if self.values and self.study is None:
            raise ConfigError("--values: needs --study")
        if len(self.values) == 1:
            raise ConfigError("--values: expected two or more values")
        if not self.batch_sizes:
            raise ConfigError("--batch-sizes: expected at least one value")
        self._require_sizes()
        self._require_room()

    def _require_sizes(self) -> None:
        numbers = {
            "--batch-sizes": self.batch_sizes,
            "--hidden": self.hidden,
            "--latent-dim": (self.latent_dim,),
            "--n-samples": (self.n_samples,),
            "--n-chains": (self.n_chains,),
            "--n-temperatures": (self.n_temperatures,),
            "--values": self.values,
        }
        for option, values in numbers.items():
            if any(value < 1 for value in values):
                raise ConfigError(f"{option}: must be 1 or more, not {min(values)}")
            if any(value > MOST for value in values):
                raise ConfigError(f"{option}: at most {MOST}")
            if len(set(values)) < len(values) and option != "--hidden":
                raise ConfigError(f"{option}: duplicate value")

    def _require_room(self) -> None:
        """Refuse networks and images that fit into no memory."""
        sizes = (_N_PIXELS, *self.hidden, self.latent_dim)
        n_weights = 2 * sum(a * b for a, b in pairwise(sizes))
        require_memory(4 * 4 * n_weights, f"--hidden, --latent-dim: training {n_weights:,} weights")
        n_images = max(self.batch_sizes) * self.n_chains
        what = f"--batch-sizes, --n-chains: {n_images:,} images at a time"
        require_memory(4 * n_images * _N_PIXELS, what)

    def asked_tasks(self) -> tuple[str, ...]:
        """Return the tasks to measure."""
        if self.tasks is not None:
            return tuple(dict.fromkeys(self.tasks))
        return (STUDY_TASKS[self.study],) if self.study else tuple(TASKS)


@dataclass(frozen=True)
class Case:
    """One row to measure: everything that determines its speed, except the machine."""

    recipe: str
    task: str
    batch_size: int
    hidden: tuple[int, ...] = (400,)
    latent_dim: int = 20
    n_samples: int = 100
    n_chains: int = 4
    n_temperatures: int = 4
    precision: Precision = "float32"
    n_seeds: int = 1
    studied: tuple[str, int] | None = field(default=None, compare=False)

    def options(self) -> dict[str, Any]:
        """Return what the row lists besides recipe, task, batch size and network."""
        options: dict[str, Any] = {}
        if self.precision != "float32":
            options["precision"] = self.precision
        if self.task == "iw":
            options["n_samples"] = self.n_samples
        if self.task == "ais":
            options |= {"n_chains": self.n_chains, "n_temperatures": self.n_temperatures}
            options["n_leapfrog"] = N_LEAPFROG
        if self.n_seeds > 1 or (self.studied and self.studied[0] == "seeds"):
            options["n_seeds"] = self.n_seeds
        return options
