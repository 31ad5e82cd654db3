"""What a run should do, the identity that follows from it, and where it is stored."""

from dataclasses import dataclass, replace
from typing import Any

from genbench.core.files import sha256_json
from genbench.core.options import Options
from genbench.data import DataConfig, Dataset
from genbench.recipes import recipes
from genbench.results.run_folder import RunFolder
from genbench.runs.assume import Assume
from genbench.training.config import TrainConfig

SCHEMA = 2
"""Raised where equal requests can give other numbers; older runs stay readable."""


@dataclass(frozen=True)
class RunSpec:
    """One run with validated options. ``name`` is its row in tables; the rest is its identity."""

    name: str
    recipe: str
    options: Options
    data: DataConfig
    train: TrainConfig
    seed: int
    assume: Assume | None = None

    @property
    def label(self) -> str:
        """Its name for people: ``vae (seed 0)``."""
        return f"{self.name} (seed {self.seed})"

    @property
    def base(self) -> "RunSpec":
        """The same run without the assumption; its training is the same."""
        return replace(self, assume=None)

    def identity(self, data_digest: str) -> dict[str, Any]:
        """Return what was asked for, complete and canonical: defaults are written out."""
        return {
            "schema": SCHEMA,
            "recipe": self.recipe,
            "recipe_version": recipes[self.recipe].version,
            "options": self.options.canonical(),
            "data": self.data.canonical() | {"digest": data_digest},
            "train": self.train.canonical(),
            "seed": self.seed,
            "assume": self.assume.canonical() if self.assume else None,
        }

    def train_id(self, data_digest: str) -> str:
        """Return the first 12 hexadecimal digits of the identity's SHA-256."""
        return sha256_json(self.identity(data_digest))[:12]


@dataclass(frozen=True)
class Run:
    """A run with its data and the folder where it is stored."""

    spec: RunSpec
    dataset: Dataset
    folder: RunFolder
