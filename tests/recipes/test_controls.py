"""Recipes of controls and closed-form densities: measures, splits, seeds."""

import pytest
import torch

from genbench.core.errors import ConfigError
from genbench.core.seeding import seeded
from genbench.data import DataConfig, load
from genbench.recipes import DataFacts, recipes
from genbench.results import suite
from genbench.runs.build import facts_of
from genbench.training.config import TrainConfig
from tests.contracts.written import archive_of

FACTS = DataFacts((1, 3, 4), 10, torch.full((1, 3, 4), 0.5))
CONTROLS = ("mean_image", "copier", "kmeans", "data", "blur", "missing_class")
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


@pytest.mark.parametrize("name", CONTROLS)
def test_controls_without_a_density_take_any_data(name):
    assert build(name).observation is None


def test_real_data_come_from_the_validation_split_and_the_rest_from_training():
    for name in ("independent_pixels", "gaussian_mixture", "mean_image", "copier", "kmeans"):
        assert build(name).closed_form_split == "train"
        assert not build(name).updates
    for name in ("data", "blur", "missing_class"):
        assert build(name).closed_form_split == "validation"


def fitted(name, seed, **options):
    """The state of a model that is built with a seed and fitted to X."""
    built = build(name, seed, **options)
    labels = (torch.arange(len(X)) % 10,) if built.closed_form_labels else ()
    with seeded(seed, "closed_form"):
        built.closed_form(X.round() if name == "independent_pixels" else X, *labels)
    return built.model.state_dict()


def depends_on_the_seed(name, **options):
    one, other = (fitted(name, seed, **options) for seed in (0, 1))
    return not all(torch.equal(one[key], other[key]) for key in one.keys() | other.keys())


OPTIONS = {
    "linear_gaussian": [{"latent_dim": 2}],
    "independent_pixels": [
        {"observation": kind} for kind in ("bernoulli", "gaussian", "categorical")
    ],
    "archive": [{"path": archive_of((1, 3, 4), 0)}],
}
SEEDLESS = [name for name in recipes if recipes[name].seedless]


@pytest.mark.parametrize(
    ("name", "options"),
    [(name, options) for name in SEEDLESS for options in OPTIONS.get(name, [{}])],
)
def test_what_is_seedless_is_the_same_for_every_seed(name, options):
    assert not depends_on_the_seed(name, **options)


def test_what_draws_is_not_seedless():
    assert depends_on_the_seed("kmeans", n_clusters=9)
    assert not recipes["kmeans"].seedless


def stored(name, data, **options):
    """The images that a control of a data set has, as a sorted list."""
    chosen = recipes[name]
    built = chosen.build(facts_of(data), chosen.options(**options), TrainConfig())
    built.fit(data)
    return sorted(x.flatten().tolist() for x in built.model.sample(10_000))


@pytest.mark.parametrize("view", [{"binarisation": "dynamic"}, {"dequantisation": "uniform"}])
def test_controls_of_samples_are_images_as_people_look_at_them(view):
    grey, seen = (load(DataConfig(name="digits", limit=80, **v)) for v in ({}, view))
    assert grey.domain == "grey_levels" != seen.domain
    for name in ("data", "copier", "blur", "missing_class"):
        assert stored(name, seen) == stored(name, grey), name
    x, y = grey.held_out("validation")
    eight_bits = (x * 255).round() / 255
    assert stored("data", seen) == sorted(eight_bits.flatten(1).tolist())
    assert stored("missing_class", seen, missing=3) == sorted(
        eight_bits[y != 3].flatten(1).tolist()
    )


def test_a_class_that_the_data_do_not_have_cannot_be_missing():
    with pytest.raises(ConfigError, match="missing: there is no class 10; the last one is 9"):
        build("missing_class", missing=10)
    facts = DataFacts((1, 3, 4), 1, torch.full((1, 3, 4), 0.5))
    known = recipes["missing_class"]
    with pytest.raises(ConfigError, match="missing: the data have no labels"):
        known.build(facts, known.options(), TrainConfig())


@pytest.mark.parametrize("sd", [0, -1, 101, float("nan")])
def test_a_blur_has_a_width(sd):
    with pytest.raises(ValueError, match="sd"):
        recipes["blur"].options(sd=sd)


def test_controls_are_known_as_such():
    assert {*CONTROLS, "independent_pixels"} == set(suite.CONTROLS)


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
