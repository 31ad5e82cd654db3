"""What the recipe of several layers of latents builds, and that its two bounds train it."""

from functools import partial

import pytest
import torch
from pydantic import ValidationError

from genbench.core.seeding import Stream
from genbench.data import DataConfig, load
from genbench.inference.bounds import iw_log_likelihood, posterior_of, prior_of
from genbench.objectives.elbo import NegativeElbo
from genbench.objectives.importance import NegativeIwBound
from genbench.recipes import DataFacts, recipes
from genbench.training.config import TrainConfig
from genbench.training.loop import Loop, fit
from tests.recipes.helpers import IMAGE, build_recipe

build = partial(build_recipe, "hierarchical_vae")


def test_networks_between_latents_mirror_each_other():
    model = build(latent_dim=7, upper_latent_dims=(5, 3), upper_hidden=(11, 9)).model
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters()}
    assert shapes["upward.0.0.0.weight"] == (11, 7)
    assert shapes["upward.0.1.linear.weight"] == (10, 9)
    assert shapes["upward.1.1.linear.weight"] == (6, 9)
    assert shapes["downward.0.0.0.weight"] == (9, 3)
    assert shapes["downward.0.1.linear.weight"] == (10, 11)
    assert shapes["downward.1.1.linear.weight"] == (14, 11)
    assert model.prior().event_shape == (15,)


def test_the_bound_and_its_draws_are_those_asked_for():
    (elbo,) = build(n_samples=4).updates
    assert elbo.objective == NegativeElbo(1.0, 0, 4)
    (weighted,) = build(bound="importance_weighted", n_samples=4).updates
    assert weighted.objective == NegativeIwBound(4)
    facts, recipe = DataFacts((1, 4, 5), 10, IMAGE), recipes["hierarchical_vae"]
    slow = recipe.build(facts, recipe.options(), TrainConfig(kl_warmup_epochs=3))
    assert slow.updates[0].objective.warmup_epochs == 3


@pytest.mark.parametrize("bound", ["elbo", "importance_weighted"])
def test_training_passes_independent_pixels_and_uses_both_latents(bound):
    data = load(DataConfig(name="digits", binarisation="dynamic"))
    train, x = data.held_out("train").x, data.held_out("test").x
    config = TrainConfig(epochs=40, batch_size=64, learning_rate=3e-3, schedule="cosine")
    options = {"hidden": (64,), "latent_dim": 8, "upper_latent_dims": (4,), "upper_hidden": (32,)}
    built = build(train.mean(dim=0), bound=bound, n_samples=5, **options)
    fit(Loop(built.model, built.updates, data, config, Stream(0, ("train",))))
    model = built.model.eval()
    with torch.no_grad():
        log_px = iw_log_likelihood(model, x, 50, None, Stream(0))
        q, p = posterior_of(model, x), prior_of(model)
        z = q.sample((50,))
        below, above = z.split((8, 4), dim=-1)
        rate = (q.links[0](below).log_prob(above) - p.first.log_prob(above)).mean(dim=0)
    mean = train.mean(dim=0).clamp(0.01, 0.99)
    pixels = torch.distributions.Bernoulli(mean).log_prob(x).flatten(1).sum(dim=1)
    for found in (log_px - pixels, rate):  # the rate of the upper latent is 0 if it is not used
        assert found.mean() > 4 * found.std() / len(found) ** 0.5


@pytest.mark.parametrize("option", [{"upper_latent_dims": ()}, {"upper_latent_dims": (0,)}])
def test_one_layer_is_a_vae_and_refused(option):
    with pytest.raises(ValidationError):
        build(**option)
