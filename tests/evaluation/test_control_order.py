"""The controls of a table of samples stand in the order that they must, on real digits."""

import pytest

from genbench.data import DataConfig, load
from genbench.data.loaders import load_images
from genbench.evaluation.on_dataset import context_on
from genbench.evaluation.runner import evaluate_model, make_task
from genbench.models.controls import (
    BlurredImages,
    FixedImages,
    MeanImage,
    NearestImage,
    WithoutClass,
)
from tests.evaluation.helpers import only

NAMES = ("fd_infinity", "fd", "coverage", "recall", "class_coverage", "authenticity",
         "memorisation_z", "sliced_wasserstein")  # fmt: skip
N = 500
VIEWS = ({"binarisation": "dynamic"}, {"dequantisation": "uniform"})


@pytest.fixture(scope="module")
def found():
    """The numbers of each control, by metric: ``found["copier"]["fd"]``."""
    data = load(DataConfig(name="digits"))
    shape, train, held_out = data.image_shape, data.held_out("train"), data.held_out("validation")
    models = {
        "data": FixedImages(N, shape),
        "copier": NearestImage(N, shape),
        "blur": BlurredImages(N, shape, 1.0),
        "missing_class": WithoutClass(N, shape, 0),
        "mean_image": MeanImage(shape),
    }
    for name, model in models.items():
        known = train if name in ("copier", "mean_image") else held_out
        model.fit(*known) if name == "missing_class" else model.fit(known.x)
    tasks = [make_task(name) for name in NAMES]
    x = data.held_out("test").x
    rows = {name: evaluate_model(x, None, tasks, context_on(data, model, 0))
            for name, model in models.items()}  # fmt: skip
    return {name: dict(zip(NAMES, map(only, each), strict=True)) for name, each in rows.items()}


def values(found, metric):
    return {name: rows[metric].value for name, rows in found.items()}


def test_a_distance_puts_copies_before_real_images_and_these_before_all_others(found):
    distance = values(found, "fd")
    assert sorted(distance, key=distance.get)[:2] == ["copier", "data"]
    assert max(distance, key=distance.get) == "mean_image"
    unbiased = found["data"]["fd_infinity"]
    assert abs(unbiased.value) < 4 * unbiased.stderr
    for name in ("blur", "missing_class", "mean_image"):
        other = found[name]["fd_infinity"]
        assert other.value > unbiased.value + 2 * other.stderr


def test_real_images_that_were_dequantised_have_the_numbers_of_real_images(found):
    data = load(DataConfig(name="digits", dequantisation="uniform"))
    model = FixedImages(N, data.image_shape)
    model.fit(data.held_out("validation").x)
    names = ("fd_infinity", "sliced_wasserstein", "recall")
    tasks = [make_task(name) for name in names]
    rows = evaluate_model(data.held_out("test").x, None, tasks, context_on(data, model, 0))
    for name, row in zip(names, map(only, rows), strict=True):
        grey = found["data"][name]
        assert abs(row.value - grey.value) < 0.1 * grey.stderr, name


def test_only_copies_are_nearer_to_the_training_images_than_real_ones(found):
    z = values(found, "memorisation_z")
    assert z["copier"] < -5
    assert abs(z["data"]) < 3
    assert all(z[name] > -3 for name in z if name != "copier")
    authentic = values(found, "authenticity")
    assert authentic["copier"] < 0.05 < authentic["data"]


def test_what_is_missing_is_counted_and_lowers_coverage(found):
    classes = values(found, "class_coverage")
    assert classes["data"] == classes["copier"] == 10
    assert classes["missing_class"] == 9
    assert classes["mean_image"] == 1
    coverage = values(found, "coverage")
    assert coverage["mean_image"] < 0.1 < coverage["missing_class"] < coverage["copier"]


def test_principal_components_see_blur(found):
    distance = values(found, "sliced_wasserstein")
    assert distance["blur"] > 2 * distance["data"]


def test_stored_images_are_drawn_once_and_their_number_is_said(found):
    real = found["data"]["fd"]
    assert real.n == 200
    assert real.reason == "there are only 200 images, each drawn once"
    assert found["copier"]["fd"].n == N


def test_all_views_of_the_images_are_compared_with_one_reference():
    images = load_images(DataConfig(name="digits"))
    views = [images.under(DataConfig(name="digits", **view)) for view in ({}, *VIEWS)]
    references = [context_on(view, MeanImage(view.image_shape), 0).reference for view in views]
    assert len({id(reference("auto")) for reference in references}) == 1
