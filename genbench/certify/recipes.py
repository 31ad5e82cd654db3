"""Certifies registered recipes: the checks of each level, on each recipe."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from genbench.certify.claims import Likelihood, claims_of, tasks_in
from genbench.certify.diagnosis import reference_of
from genbench.certify.points import points_of
from genbench.certify.sums import N_REPEATS, judge_sum
from genbench.certify.trained import Case, cases_of
from genbench.certify.verdict import Verdict, fault
from genbench.certify.worlds import World
from genbench.core.progress import progress
from genbench.core.registry import Registry
from genbench.core.seeding import Stream
from genbench.recipes import recipes
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
    return [verdict for case in cases_of(recipe, seed) for verdict in _sums_of_case(case)]


def _sums_of_case(case: Case) -> Iterator[Verdict]:
    if not case.claims_likelihood():
        return
    model = case.trained()
    for world in case.worlds:
        yield from sums_of_model(model, world, case.recipe, case.observation, case.seed)


def sums_of_model(
    model: Any, world: World, name: str, note: str = "", seed: int = 0
) -> Iterator[Verdict]:
    """Yield the verdict on the sum of each claim of a model over a world."""
    points, stream = points_of(world, model), Stream(seed, ("certify", world.title))
    check = f"sum over the {world.title} world" + (f", {note}" if note else "")
    known = partial(reference_of, model, points, stream)
    for claim in claims_of(model, world, points, tasks_in(world), N_REPEATS, stream):
        if isinstance(claim, Likelihood):
            yield judge_sum(
                f"{name}: {claim.name}", check, claim, points, world.dataset.n_levels, known
            )
        else:
            yield fault(f"{name}: {claim.metric}", check, "a number", claim.reason)


LEVELS: Registry[CheckRecipe] = Registry("level", {"worlds": sums_of_recipe})
"""What ``--level`` chooses from, besides ``all``."""
