import pytest
import torch

from genbench.certify.trained import OBSERVATIONS, Case, cases_of, observations_of, trained
from genbench.certify.worlds import LAWS
from genbench.recipes import recipes


def test_each_recipe_is_tried_with_each_observation_model_that_it_offers():
    assert [case.observation for case in cases_of("vae")] == [
        "bernoulli",
        "discretised_logistic",
        "learned_gaussian",
        "pixel_gaussian",
    ]
    assert observations_of(recipes["independent_pixels"].options) == [
        "bernoulli",
        "gaussian",
        "categorical",
    ]
    for recipe in ("linear_gaussian", "real_nvp", "diffusion", "flow_matching"):
        assert [case.domain for case in cases_of(recipe)] == ["unit_interval"]
    for recipe in recipes:
        for case in cases_of(recipe):
            assert not case.observation or OBSERVATIONS[case.observation] == case.domain


def test_recipes_that_claim_no_likelihood_are_not_trained():
    claiming = {name for name in recipes if any(c.claims_likelihood() for c in cases_of(name))}
    silent = {"archive", "copier", "data", "gan", "kmeans", "mean_image", "ae"}
    assert not silent & claiming
    assert {"vae", "cvae", "cvae_pixels", "nn_pixels", "linear_gaussian"} <= claiming
    assert {"gaussian_mixture", "variational_em", "discrete_vae", "iwae"} <= claiming
    assert {"made", "real_nvp", "diffusion", "flow_matching"} <= claiming


@pytest.mark.parametrize("recipe", ["discrete_vae", "independent_pixels", "made"])
def test_a_model_is_trained_repeatably_towards_the_law(recipe):
    case = Case(recipe, "binary", "bernoulli")
    first, second = (trained.__wrapped__(case) for _ in range(2))
    (world,) = case.worlds
    x = world.axis[world.index].reshape(-1, 1, 3, 3)
    with torch.no_grad():
        log_px, again = first.log_prob(x).double(), second.log_prob(x).double()
    assert torch.equal(log_px, again)
    p = LAWS["binary"].joint.sum(dim=1)
    divergence = float((p * (p.log() - log_px)).sum())
    uniform = float((p * (p * 512).log()).sum())
    assert 0 < divergence < 0.9 * uniform
