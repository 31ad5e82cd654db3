"""Certifies registered recipes: the checks of each level, on each recipe."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from genbench.certify.convergence import doublings_of_model
from genbench.certify.model_sums import sums_of_model
from genbench.certify.trained import Case, cases_of, trained
from genbench.certify.verdict import Verdict, fault
from genbench.core.progress import progress
from genbench.core.registry import Registry
from genbench.recipes import recipes
from genbench.training.guard import DivergedError
from genbench.training.threads import threads

CheckRecipe = Callable[[str, int], list[Verdict]]
"""From the name of a recipe and a seed to its verdicts; none where it claims no likelihood."""
ALL = "all"


def certify_recipes(names: Sequence[str], level: str = ALL, seed: int = 0) -> list[Verdict]:
    """Check every likelihood that recipes claim, in one thread.

    Args:
        names: Recipes; those that claim no likelihood give no verdict.
        level: One of :data:`LEVELS`, or all of them.
        seed: Of the small worlds' data, of training and of the claims' noise.

    Raises:
        ConfigError: Unknown recipe or level; names the nearest.
    """
    known = [recipes[name].name for name in names]
    checks = [LEVELS[each] for each in (LEVELS if level == ALL else [level])]
    with threads(1):
        return [
            verdict
            for name in progress(known, "certify", "recipe")
            for check in checks
            for verdict in check(name, seed)
        ]


def sums_of_recipe(recipe: str, seed: int = 0) -> list[Verdict]:
    """Train a recipe on small worlds and sum each of its claims over them."""

    def sums(case: Case, model: Any) -> Iterator[Verdict]:
        for world in case.worlds:
            yield from sums_of_model(model, world, recipe, case.observation, seed)

    return list(_trained_and(sums, recipe, seed))


def doublings_of_recipe(recipe: str, seed: int = 0) -> list[Verdict]:
    """Train a recipe on small worlds and double the draws and steps behind each of its claims."""

    def doublings(case: Case, model: Any) -> Iterator[Verdict]:
        return doublings_of_model(model, case.worlds[0], recipe, case.observation, seed)

    return list(_trained_and(doublings, recipe, seed))


def _trained_and(
    check: Callable[[Case, Any], Iterator[Verdict]], recipe: str, seed: int
) -> Iterator[Verdict]:
    """Yield the verdicts on each case of a recipe that claims a likelihood."""
    for case in cases_of(recipe, seed):
        if not case.claims_likelihood():
            continue
        try:
            model = trained(case)
        except DivergedError as error:
            world = case.worlds[0].title
            yield fault(f"{recipe}: training", f"the {world} world", "finite losses", str(error))
        else:
            yield from check(case, model)


LEVELS: Registry[CheckRecipe] = Registry(
    "level", {"worlds": sums_of_recipe, "convergence": doublings_of_recipe}
)
"""What ``--level`` chooses from, besides ``all``."""
