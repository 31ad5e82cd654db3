import math

import pytest
import torch

from genbench.certify.model_sums import sums_of_model
from genbench.certify.recipes import certify_recipes
from genbench.certify.trained import Case, trained
from genbench.certify.worlds import worlds_of
from genbench.core.errors import ConfigError
from genbench.training.guard import DivergedError


class Uniform:
    """A model that says that all images are equally likely, with one fault."""

    def __init__(self, factor=1.0):
        self.factor = factor

    def log_prob(self, x):
        return torch.full((len(x),), math.log(self.factor) - 9 * math.log(2))


def test_an_unknown_recipe_or_level_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'vae'"):
        certify_recipes(["vea"])
    with pytest.raises(ConfigError, match="did you mean 'worlds'"):
        certify_recipes(["vae"], "wrlds")


def test_a_claim_of_too_much_or_too_little_fails_by_its_sum():
    (world,) = worlds_of("binary")
    for factor, passes in ((1.0, True), (1.21, False), (0.159, False)):
        verdict, *_ = sums_of_model(Uniform(factor), world, "uniform")
        assert verdict.subject == "uniform: log_likelihood"
        assert verdict.check == "sum over the 3x3 binary world"
        assert verdict.expected == "1"
        assert verdict.found == pytest.approx(factor, abs=1e-4)
        assert verdict.passed == passes
        assert passes or verdict.reason


def test_recipes_without_a_likelihood_give_no_verdict():
    assert certify_recipes(["mean_image", "gan"], "worlds") == []


@pytest.mark.parametrize("recipe", ["linear_gaussian", "independent_pixels"])
def test_every_claim_of_a_recipe_is_summed_and_honest(recipe):
    verdicts = certify_recipes([recipe], "worlds")
    assert verdicts
    assert [v for v in verdicts if not v.passed] == []
    exact = [v for v in verdicts if v.expected == "1" and v.subject.endswith(": log_likelihood")]
    assert all(v.found == pytest.approx(1, abs=2e-3) for v in exact)
    worlds = {v.check.partition(",")[0] for v in verdicts}
    assert {"sum over the 1x2 density world", "sum over the 1x2 with noise world"} <= worlds


def test_conditional_claims_and_those_without_labels_are_summed():
    case = Case("cvae", "binary", "bernoulli")
    verdicts = {v.subject: v for v in sums_of_model(trained(case), case.worlds[0], "cvae")}
    assert all(v.passed for v in verdicts.values())
    marginal = verdicts["cvae: label_marginal_log_likelihood"]
    assert marginal.expected == "1"
    assert marginal.found == pytest.approx(1, abs=marginal.tolerance)
    assert verdicts["cvae: elbo"].found < 1


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
