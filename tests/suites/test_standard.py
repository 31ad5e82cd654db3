"""Sizes that follow from the images: every model builds, on any shape, with equal budgets."""

from itertools import product

import pytest
import torch

from genbench.core.errors import ConfigError
from genbench.core.seeding import seeded
from genbench.evaluation.spec import evaluators
from genbench.recipes import DataFacts, recipes
from genbench.suites.spec import SuiteSpec, expand, load_suite, tasks_of
from genbench.suites.standard import (
    DECODED,
    FEWEST_DRAWS,
    FEWEST_IMAGES,
    MOST_EIGENVALUES,
    MOST_EPOCHS,
    STEPS,
    Images,
    fill,
    power_of_two,
    said,
    sizes_of,
    training_of,
    why_left_out,
)
from genbench.training.config import TrainConfig

SHAPES = [(1, 1, 1), (1, 1, 2), (1, 1, 5), (3, 1, 1), (1, 7, 3), (1, 8, 8), (3, 16, 16)]
OTHER_SHAPES = [(1, 28, 28), (3, 32, 32), (3, 100, 100), (1, 1, 50_000)]
COUNTS = [1, 2, 3, 24, 100, 1_000, 10_000, 60_000, 10_000_000]
CASES = [
    Images(shape, levels, classes, n, max(1, n // 4))
    for shape, levels, classes, n in product(
        SHAPES + OTHER_SHAPES, (2, 256), (1, 10, 1_000), COUNTS
    )
]
FACES = Images((1, 28, 20), 256, 1, 1_565, 200)


def filled(images, *settings):
    """Return the content of the suite for some images, as it is before it is checked."""
    raw = load_suite("standard", settings).model_dump(exclude={"max_runs"})
    fill(raw, images)
    return raw


def model(raw, name):
    return next(entry for entry in raw["model"] if entry["name"] == name)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("n_train", [1, 3, 24, 1_000])
def test_every_model_that_is_not_left_out_builds(shape, n_train):
    for levels, classes in ((2, 1), (17, 10), (256, 1_000)):
        facts = DataFacts(shape, classes, torch.full(shape, 0.5), n_train)
        for entry in filled(Images(shape, levels, classes, n_train, 5))["model"]:
            recipe = recipes[entry["recipe"]]
            options = recipe.options.read(entry["options"], entry["name"])
            with seeded(0, "init"):
                recipe.build(facts, options, TrainConfig())


def test_every_model_has_the_same_budget():
    suite = SuiteSpec.read(filled(FACES, "data.name=frey_faces"), "")
    budgets = {(s.train.epochs, s.train.batch_size) for s in expand(suite)}
    assert budgets == {tuple(training_of(FACES).values())}


def test_a_budget_is_a_number_of_steps_whatever_the_number_of_images():
    for images in CASES:
        epochs, batch_size = training_of(images).values()
        assert 1 <= batch_size <= min(images.n_train, 128)
        assert 1 <= epochs <= MOST_EPOCHS
        n_batches = images.n_train // batch_size
        if n_batches * MOST_EPOCHS > STEPS > n_batches and images.n_pixels <= 4_096:
            assert abs(epochs * n_batches - STEPS) <= n_batches / 2


def test_components_of_probabilistic_pca_are_fewer_than_pixels_and_images():
    kept = [images for images in CASES if not why_left_out("linear_gaussian", images)]
    assert 0 < len(kept) < len(CASES)
    for images in kept:
        assert sizes_of(images)["latent_dim"] < min(images.n_pixels, images.n_train - 1)
        assert min(images.n_pixels, images.n_train) <= MOST_EIGENVALUES


def test_bounds_decode_no_more_than_a_machine_can_in_seconds():
    for images in CASES:
        for task in tasks_of(SuiteSpec.read(filled(images, "data.name=shapes"), "")):
            n_samples = getattr(task.options, "n_samples", 1)
            n_each = images.n_pixels * (images.n_classes if task.evaluator.is_marginal else 1)
            n = task.n_of(images.n_test)
            least = n_samples <= FEWEST_DRAWS and n <= FEWEST_IMAGES
            if hasattr(task.options, "n_data"):
                assert least or n_samples * n * n_each <= DECODED


def test_a_bound_of_a_conditional_model_is_over_as_many_images_as_those_of_the_others():
    evaluate = filled(Images((1, 28, 28), 256, 10, 8_000, 2_000))["evaluate"]
    assert evaluate["iw_log_likelihood"] == {"n_samples": DECODED // 784 // 2_000}
    assert evaluate["label_marginal_log_likelihood"] == {"n_samples": DECODED // 7840 // 2_000}


def test_few_small_images_get_the_draws_that_a_metric_takes_by_itself():
    evaluate = filled(Images((1, 8, 8), 17, 10, 1_000, 300))["evaluate"]
    assert evaluate.keys() == {"metrics"}
    assert {"elbo", "iw_log_likelihood"} <= set(evaluate["metrics"]) & set(evaluators)


def test_the_likelihood_is_that_of_the_pixels_as_they_are_served():
    grey, binary = filled(FACES), filled(Images((1, 20, 20), 2, 1, 500, 50))
    logistic = {"kind": "discretised_logistic", "n_levels": 256, "per_pixel": True}
    assert model(grey, "vae")["options"]["observation"] == logistic
    assert model(grey, "independent_pixels")["options"]["observation"] == "categorical"
    assert model(grey, "independent_pixels")["options"]["n_levels"] == 256
    assert "binarisation" not in grey["data"]
    assert model(binary, "vae")["options"]["observation"] == "bernoulli"
    assert model(binary, "independent_pixels")["options"]["observation"] == "bernoulli"
    assert binary["data"]["binarisation"] == "threshold"


@pytest.mark.parametrize(
    ("shape", "channels"),
    [((1, 28, 20), [32, 64]), ((3, 18, 16), [32]), ((1, 17, 28), None), ((1, 8, 8), None)],
)
def test_a_gan_has_convolutions_where_the_sides_of_an_image_can_be_halved(shape, channels):
    options = model(filled(Images(shape, 256, 1, 100, 20)), "gan")["options"]
    assert options.get("channels") == channels
    assert bool(options["hidden"]) == (channels is None)


def test_grey_images_may_be_thresholded_or_made_continuous():
    thresholded = filled(FACES, "data.name=frey_faces", "data.binarisation=threshold")
    assert model(thresholded, "vae")["options"]["observation"] == "bernoulli"
    expand(SuiteSpec.read(thresholded, ""))
    assert not {"linear_gaussian", "gaussian_mixture"} & {m["name"] for m in thresholded["model"]}
    assert "gaussian_mixture is left out: it needs grey levels" in thresholded["description"]
    continuous = filled(FACES, "data.dequantisation=uniform")
    assert model(continuous, "vae")["options"]["observation"]["kind"] == "pixel_gaussian"
    assert model(continuous, "independent_pixels")["options"]["observation"] == "gaussian"


def test_what_is_stated_stays():
    raw = filled(FACES, "train.epochs=3", "model.vae.latent_dim=5", "model.ae.hidden=[7]")
    assert raw["train"]["epochs"] == 3
    assert raw["train"]["batch_size"] == training_of(FACES)["batch_size"]
    assert model(raw, "vae")["options"]["latent_dim"] == 5
    assert model(raw, "vae")["options"]["hidden"] == sizes_of(FACES)["hidden"]
    assert model(raw, "ae")["options"]["hidden"] == [7]


def test_the_description_states_what_the_rule_chose_and_nothing_else():
    text = filled(FACES)["description"]
    assert "Sizes follow from 1,565 training images of 1x28x20 pixels with 256 levels: " in text
    epochs, batch_size = training_of(FACES).values()
    for number in (f"{epochs} epochs", f"batches of {batch_size} images", "32 latent dimensions"):
        assert number in text
    assert "cvae is left out: the images have no labels." in text
    assert "epochs" not in filled(FACES, "train.epochs=3")["description"]


def test_one_of_a_kind_is_said_in_the_singular():
    text = said(
        Images((1, 8, 8), 256, 0, 1, 1),
        {"latent_dim": 1, "n_components": 1, "batch_size": 1, "epochs": 1, "n_data": 1},
    )
    assert text == (
        "Sizes follow from 1 training image of 1x8x8 pixels with 256 levels: 1 latent dimension, a"
        " mixture of 1 component, batches of 1 image, 1 epoch, slow metrics on 1 test image."
    )


@pytest.mark.parametrize(
    ("name", "images", "reason"),
    [
        ("cvae", FACES, "no labels"),
        ("cvae", Images((1, 8, 8), 256, 1_000, 5_000, 500), "1,000 labels"),
        ("linear_gaussian", Images((1, 1, 1), 256, 1, 100, 20), "too little"),
        ("linear_gaussian", Images((1, 8, 8), 256, 1, 2, 1), "too little"),
        ("linear_gaussian", Images((3, 100, 100), 256, 1, 10_000, 100), "too long"),
        ("gaussian_mixture", Images((1, 8, 8), 256, 1, 2, 1), "too few images"),
    ],
)
def test_a_model_that_cannot_be_compared_is_left_out_with_the_reason(name, images, reason):
    raw = filled(images)
    assert name not in {entry["name"] for entry in raw["model"]}
    assert f"{name} is left out: " in raw["description"]
    assert reason in raw["description"]


def test_without_images_the_suite_can_be_read_but_not_run():
    from genbench.runs.run_options import RunOptions
    from genbench.suites.prepare import prepare

    assert {"vae", "independent_pixels"} <= {m.name for m in load_suite("standard").model}
    with pytest.raises(ConfigError, match=r"suite 'standard' needs images: --data PATH"):
        prepare(RunOptions("standard"))


def test_powers_of_two_are_the_nearest_within_their_limits():
    assert [power_of_two(v, 2, 48) for v in (0, 1, 3, 5.5, 6, 40, 1e9)] == [2, 2, 4, 4, 8, 32, 32]
