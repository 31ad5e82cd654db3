"""``[tune]``: one small search for all models of a suite, with the same draws for each of them."""

import math
from collections.abc import Collection, Iterator
from itertools import islice, product
from typing import Any

from pydantic import PositiveInt, field_validator, model_validator

from genbench.core.errors import ConfigError, require_known
from genbench.core.files import canonical_json
from genbench.core.options import Options, Seed
from genbench.core.seeding import derive
from genbench.suites.budgets import BUDGET
from genbench.training.config import TrainConfig

MOST_DRAWS = 10_000
Draw = dict[str, Any]


class Tune(Options):
    """``[tune]``: trials of every trained model, scored on validation data.

    Draws are combinations of the listed values, without replacement. A trial changes those keys
    that its model has; where it would repeat an earlier one, the next draw takes its place. Data,
    steps, batches and sizes are those of the suite.

    Attributes:
        trials: Of each model.
        seed: Of the draws, and of every training; none of the reported ``seeds``.
        space: Lists of values for keys of ``[train]`` and of recipes, written in ``[tune]`` itself.
    """

    trials: PositiveInt = 8
    seed: Seed = 1000
    space: dict[str, tuple[Any, ...]]

    @model_validator(mode="before")
    @classmethod
    def _gathered(cls, stated: Any) -> Any:
        """Put the keys that are lists of values in ``space``."""
        if not isinstance(stated, dict):
            return stated
        own = {key: value for key, value in stated.items() if key in cls.model_fields}
        space = {key: value for key, value in stated.items() if key not in own}
        if not space and not own.get("space"):
            raise ValueError("state values to try, such as learning_rate = [1e-3, 3e-3]")
        return own | {"space": own.get("space", {}) | space}

    @field_validator("space", mode="before")
    @classmethod
    def _values(cls, space: dict[str, Any]) -> dict[str, Any]:
        for key, values in space.items():
            if key in BUDGET:
                raise ValueError(f"{key}: every trial has the budget of the suite")
            if not isinstance(values, list | tuple) or not values:
                raise ValueError(f"{key}: expected a list of at least one value")
            if len({canonical_json(value) for value in values}) < len(values):
                raise ValueError(f"{key}: a value is listed twice")
        if math.prod(map(len, space.values())) > MOST_DRAWS:
            raise ValueError(f"more than {MOST_DRAWS:,} combinations")
        return space

    def require_keys(self, known: Collection[str]) -> None:
        """Check that each key belongs to ``[train]`` or to a recipe of the suite.

        Raises:
            ConfigError: One does not; names the nearest.
        """
        names = {*TrainConfig.model_fields, *known, "trials", "seed"}
        for key in self.space:
            require_known(key, sorted(names), f"tune.{key}: unknown key")

    def draws(self) -> list[Draw]:
        """Return all combinations, in the order in which they are drawn.

        The place of one is decided by its content and the seed alone.
        """
        each = [dict(zip(self.space, v, strict=True)) for v in product(*self.space.values())]
        return sorted(each, key=lambda draw: derive(self.seed, "draw", canonical_json(draw)))

    def settings(self, keys: Collection[str], model: str) -> list[Draw]:
        """Return what the trials of a model set.

        Args:
            keys: Those that the model has.
            model: Its name, for messages.

        Raises:
            ConfigError: There are fewer different settings than trials.
        """
        found = list(islice(self._distinct(keys), self.trials))
        if len(found) < self.trials:
            has = f"{len(found)} different settings for model '{model}'"
            raise ConfigError(f"tune.trials: {self.trials}, but there are only {has}")
        return found

    def _distinct(self, keys: Collection[str]) -> Iterator[Draw]:
        seen = set()
        for draw in self.draws():
            own = {key: value for key, value in draw.items() if key in keys}
            if (name := canonical_json(own)) not in seen:
                seen.add(name)
                yield own
