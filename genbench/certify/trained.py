"""Registered recipes on small worlds: their options, and models trained in a second."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, get_args, get_origin

from torch import nn

from genbench.certify.claims import tasks_in
from genbench.certify.worlds import World, worlds_of
from genbench.core.capabilities import bind, missing
from genbench.core.options import Options
from genbench.core.seeding import Stream, seeded
from genbench.data import Dataset
from genbench.distributions.observation import Domain
from genbench.recipes import Built, recipes
from genbench.runs.build import build, facts_of, initialised
from genbench.runs.spec import RunSpec
from genbench.training.config import TrainConfig
from genbench.training.loop import Loop
from genbench.training.threads import flushed_denormals, threads

SMALL: dict[str, Any] = {
    "hidden": (16,),
    "n_categories": 4,
    "n_components": 3,
    "n_clusters": 4,
    "n_levels": 4,
    "n_steps": 10,
}
"""Options of recipes on small worlds, where they have them."""
LATENT_DIM: dict[Domain, int] = {"binary": 2, "grey_levels": 2, "unit_interval": 1}
OBSERVATIONS: dict[str, Domain] = {
    "bernoulli": "binary",
    "discretised_logistic": "grey_levels",
    "categorical": "grey_levels",
    "learned_gaussian": "unit_interval",
    "pixel_gaussian": "unit_interval",
    "gaussian": "unit_interval",
}
"""Observation models that are tried, and the data that they are for."""
OF_EVERY_DECODER = ("bernoulli", "discretised_logistic", "learned_gaussian", "pixel_gaussian")
TRAIN = TrainConfig(epochs=30, batch_size=50, learning_rate=5e-3, select="last")


@dataclass(frozen=True)
class Case:
    """A recipe with one of its observation models, or with none to choose.

    Attributes:
        recipe: Its name.
        domain: The data that it is trained on.
        observation: The name of the observation model; empty where there is no choice.
        seed: Of data, weights and training.
    """

    recipe: str
    domain: Domain
    observation: str = ""
    seed: int = 0

    @property
    def worlds(self) -> tuple[World, ...]:
        """The worlds of its data."""
        return worlds_of(self.domain, self.seed)

    @property
    def dataset(self) -> Dataset:
        """The data set of these worlds."""
        return self.worlds[0].dataset

    @cached_property
    def spec(self) -> RunSpec:
        """The run that trains it."""
        keys = recipes[self.recipe].options.model_fields
        stated = {k: v for k, v in self._stated().items() if k in keys}
        options = recipes[self.recipe].options.read(stated, f"model.{self.recipe}")
        config = self.dataset.config
        return RunSpec(self.recipe, self.recipe, options, config, TRAIN, self.seed)

    def _stated(self) -> dict[str, Any]:
        stated = SMALL | {"latent_dim": LATENT_DIM[self.domain]}
        if self.observation == "discretised_logistic":
            table = {"kind": self.observation, "n_levels": SMALL["n_levels"]}
            return stated | {"observation": table}
        return stated | ({"observation": self.observation} if self.observation else {})

    def untrained(self) -> Built:
        """Return the recipe with its first weights."""
        return initialised(self.spec, facts_of(self.dataset))

    def claims_likelihood(self) -> bool:
        """Return whether any claim about log p(x) applies to the model."""
        x, y = self.dataset.held_out("test")
        built = self.untrained()
        needs = [need for task in tasks_in(self.worlds[0]) for need in task.evaluator.needs]
        views = (built.model, bind(built.model, y, x))
        return any(not missing(view, need) for view in views for need in needs)


@lru_cache(maxsize=8)
def trained(case: Case) -> nn.Module:
    """Return the model of a case, trained on the tiny data set and in eval mode.

    It is kept for the next check of the same recipe.
    """
    built, stream = build(case.spec, case.dataset), Stream(case.seed, ("train",))
    if built.closed_form:
        with seeded(case.seed, "closed_form"):
            built.fit(case.dataset)
        return built.model.eval()
    loop = Loop(built.model, built.updates, case.dataset, TRAIN, stream)
    with threads(1), flushed_denormals():
        for epoch in range(TRAIN.epochs):
            loop.run_epoch(epoch)
    return built.model.eval()


def cases_of(recipe: str, seed: int = 0) -> Iterator[Case]:
    """Yield a recipe with each of its observation models, on the data that each is for."""
    options = recipes[recipe].options
    if names := observations_of(options):
        for name in names:
            yield Case(recipe, OBSERVATIONS[name], name, seed)
        return
    head = Case(recipe, "binary").untrained().observation
    yield Case(recipe, head.domain if head else "binary", "", seed)


def observations_of(options: type[Options]) -> list[str]:
    """Return the observation models that a recipe offers; none if it has no such option."""
    if "observation" not in options.model_fields:
        return []
    kind = options.model_fields["observation"].annotation
    offered = get_args(kind) if get_origin(kind) is Literal else OF_EVERY_DECODER
    return [name for name in offered if name in OBSERVATIONS]
