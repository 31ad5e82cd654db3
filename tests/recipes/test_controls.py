"""Recipes of controls and closed-form densities: measures, splits, seeds."""

import pytest
import torch

from genbench.core.seeding import seeded
from genbench.recipes import DataFacts, recipes
from genbench.training.config import TrainConfig

FACTS = DataFacts((1, 3, 4), 10, torch.full((1, 3, 4), 0.5))
X = torch.rand(60, 1, 3, 4, generator=torch.Generator().manual_seed(0))


def build(name, seed=0, **options):
    chosen = recipes[name]
    with seeded(seed, "init"):
        return chosen.build(FACTS, chosen.options(**options), TrainConfig())


@pytest.mark.parametrize(
    ("name", "options", "measure", "domain"),
    [
        ("independent_pixels", {"observation": "bernoulli"}, "mass", "binary"),
        ("independent_pixels", {"observation": "gaussian"}, "density", "unit_interval"),
        ("independent_pixels", {"observation": "categorical"}, "mass", "grey_levels"),
        ("gaussian_mixture", {}, "density", "unit_interval"),
    ],
)
def test_a_density_says_what_it_is_and_which_data_it_takes(name, options, measure, domain):
    built = build(name, **options)
    assert (built.observation.measure, built.observation.domain) == (measure, domain)
    assert built.observation_name != "none"


@pytest.mark.parametrize("name", ["mean_image", "copier", "kmeans", "data"])
def test_controls_without_a_density_take_any_data(name):
    assert build(name).observation is None


def test_real_data_come_from_the_validation_split_and_the_rest_from_training():
    for name in ("independent_pixels", "gaussian_mixture", "mean_image", "copier", "kmeans"):
        assert build(name).closed_form_split == "train"
        assert not build(name).updates
    assert build("data").closed_form_split == "validation"


@pytest.mark.parametrize(
    ("name", "options"), [("gaussian_mixture", {"n_components": 4}), ("kmeans", {"n_clusters": 9})]
)
def test_iterative_fits_start_from_the_seed_of_the_run(name, options):
    states = []
    for seed in (0, 0, 1):
        built = build(name, seed, **options)
        built.closed_form(X)
        states.append(next(b.clone() for b in built.model.buffers() if b.ndim > 1))
    assert torch.equal(states[0], states[1])
    assert not torch.equal(states[0], states[2])


def test_categorical_pixels_of_the_recipe_have_its_levels():
    built = build("independent_pixels", observation="categorical", n_levels=17)
    assert built.observation.n_levels == 17
    built.closed_form((X * 16).round() / 16)
    assert built.model.counts.shape == (12, 17)
    assert built.model.counts.sum() == 60 * 12


def test_gaussian_pixels_of_the_recipe_have_its_smallest_scale():
    built = build("independent_pixels", observation="gaussian", min_scale=0.4)
    built.closed_form(X)
    assert float(built.model.scale.max()) == pytest.approx(0.4)
