"""What a run is asked to be, and the identity that follows from it."""

from typing import Any

from pydantic import ValidationError

from genbench.core.errors import ConfigError
from genbench.core.files import canonical_json, sha256_bytes
from genbench.core.options import Options, explain
from genbench.data import DataConfig
from genbench.recipes import recipes
from genbench.runs.assume import Assume
from genbench.training.config import TrainConfig

SCHEMA = 1


class RunSpec(Options):
    """One run. ``name`` is its row in tables; everything else is its identity."""

    name: str
    recipe: str
    options: dict[str, Any]
    data: DataConfig
    train: TrainConfig
    seed: int
    assume: Assume | None = None

    @property
    def base(self) -> "RunSpec":
        """The run without what is assumed: its training is the same."""
        return self.model_copy(update={"assume": None})

    def recipe_options(self) -> Options:
        """Return the options as the recipe's own class.

        Raises:
            ConfigError: A key or value does not fit.
        """
        found = recipes[self.recipe]
        try:
            return found.options.model_validate(self.options)
        except ValidationError as error:
            raise ConfigError(explain(error, f"model.{self.name}", found.options)) from error

    def identity(self, data_digest: str) -> dict[str, Any]:
        """Return what was asked for, complete and canonical: defaults are written out.

        Options that came after the first stored runs are left out at their defaults, so that those
        runs are found again.
        """
        assumed = {"assume": self.assume.model_dump(mode="json")} if self.assume else {}
        return {
            "schema": SCHEMA,
            "recipe": self.recipe,
            "recipe_version": recipes[self.recipe].version,
            "options": self.recipe_options().canonical(),
            "data": self.data.model_dump(mode="json") | {"digest": data_digest},
            "train": self.train.canonical(),
            "seed": self.seed,
            **assumed,
        }

    def train_id(self, data_digest: str) -> str:
        """Return the first 12 hexadecimal digits of the identity's SHA-256."""
        return sha256_bytes(canonical_json(self.identity(data_digest)).encode())[:12]
