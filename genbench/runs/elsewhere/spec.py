"""The identity of a run whose model was trained elsewhere."""

from dataclasses import dataclass
from typing import Any

from genbench.core.options import Options
from genbench.data import DataConfig
from genbench.results.records import ELSEWHERE
from genbench.runs.spec import SCHEMA, RunSpec
from genbench.training.config import TrainConfig


@dataclass(frozen=True)
class ElsewhereSpec(RunSpec):
    """A run without a recipe.

    ``digest`` is that of the model's weights, or of its numbers where it holds no weights.
    """

    digest: str = ""

    @classmethod
    def of(cls, name: str, data: DataConfig, seed: int, digest: str = "") -> "ElsewhereSpec":
        """Return the run of a model of this name."""
        return cls(name, ELSEWHERE, Options(), data, TrainConfig(), seed, None, digest)

    def identity(self, data_digest: str) -> dict[str, Any]:
        """Return what the run is: its name, its model, its data and its seed."""
        return {
            "schema": SCHEMA,
            "recipe": ELSEWHERE,
            "name": self.name,
            "model": self.digest,
            "data": self.data.canonical() | {"digest": data_digest},
            "seed": self.seed,
        }
