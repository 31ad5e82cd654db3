import pytest

from genbench.certify.recipes import certify_recipes
from genbench.core.errors import ConfigError
from genbench.training.guard import DivergedError


def test_an_unknown_recipe_or_level_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'vae'"):
        certify_recipes(["vea"])
    with pytest.raises(ConfigError, match="did you mean 'worlds'"):
        certify_recipes(["vae"], "wrlds")


def test_recipes_without_a_likelihood_give_no_verdict():
    assert certify_recipes(["mean_image", "gan"], "worlds") == []


@pytest.mark.parametrize(
    "recipe", ["linear_gaussian", "independent_pixels", "real_nvp", "diffusion", "flow_matching"]
)
def test_every_claim_of_a_recipe_is_summed_and_honest(recipe):
    verdicts = certify_recipes([recipe], "worlds")
    assert verdicts
    assert [v for v in verdicts if not v.passed] == []
    exact = [v for v in verdicts if v.expected == "1" and v.subject.endswith(": log_likelihood")]
    assert all(v.found == pytest.approx(1, abs=2e-3) for v in exact)
    worlds = {v.check.partition(",")[0] for v in verdicts}
    assert {"sum over the 1x2 density world", "sum over the 1x2 with noise world"} <= worlds


def test_a_recipe_that_diverges_is_told(monkeypatch):
    def diverges(case):
        raise DivergedError("vae: the loss is not finite at step 3")

    monkeypatch.setattr("genbench.certify.recipes.trained", diverges)
    verdicts = certify_recipes(["linear_vae"], "worlds")
    assert [(v.subject, v.verdict) for v in verdicts] == [("linear_vae: training", "fail")]
    assert verdicts[0].reason == "vae: the loss is not finite at step 3"


def test_the_same_seed_gives_the_same_verdicts():
    first, second = (certify_recipes(["independent_pixels"], "all", seed) for seed in (3, 3))
    assert first == second
    assert {v.check.partition(" ")[0] for v in first} >= {"sum", "largest", "mean"}
