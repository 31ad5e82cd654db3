import pytest

from genbench.certify.recipes import certify_recipes
from genbench.core.errors import ConfigError


def test_an_unknown_recipe_or_level_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'vae'"):
        certify_recipes(["vea"])
    with pytest.raises(ConfigError, match="level"):
        certify_recipes(["vae"], "wrlds")
