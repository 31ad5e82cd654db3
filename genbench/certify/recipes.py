"""Certifies registered recipes: the checks of each level, on each recipe."""

from collections.abc import Callable, Sequence

from genbench.certify.verdict import Verdict
from genbench.core.registry import Registry
from genbench.recipes import recipes

CheckRecipe = Callable[[str], list[Verdict]]
"""From the name of a recipe to its verdicts; none where the recipe makes no such claim."""
ALL = "all"
LEVELS: Registry[CheckRecipe] = Registry("level", {})
"""What ``--level`` chooses from, besides ``all``."""


def certify_recipes(names: Sequence[str], level: str = ALL) -> list[Verdict]:
    """Check every likelihood that recipes claim.

    Args:
        names: Recipes; those that claim no likelihood give no verdict.
        level: One of :data:`LEVELS`, or all of them.

    Raises:
        ConfigError: Unknown recipe or level; names the nearest.
    """
    known = [recipes[name].name for name in names]
    checks = [LEVELS[each] for each in (LEVELS if level == ALL else [level])]
    return [verdict for name in known for check in checks for verdict in check(name)]
