"""Controls are real images of the data, each at most once, or made of them."""

import pytest
import torch

from genbench.core.seeding import Stream
from genbench.data import DataConfig, load
from genbench.evaluation.external.controls import NOISE, controls

STREAM = Stream(0, ("score",))


@pytest.fixture(scope="module")
def digits():
    return load(DataConfig(name="digits", binarisation="dynamic")).unprocessed


@pytest.fixture(scope="module")
def sets(digits):
    return {control.name: control for control in controls(digits, 200, STREAM)}


def rows(images):
    return {tuple(image.flatten().tolist()) for image in images}


def test_each_control_has_as_many_images_as_asked(sets):
    assert {len(control.images) for control in sets.values()} == {200}
    assert next(iter(sets)) == "real images"


def test_real_images_are_test_images_each_once(sets, digits):
    real = rows(sets["real images"].images)
    assert len(real) == 200
    assert real <= rows(digits.held_out("test").x)


def test_copies_are_training_images_and_compared_with_themselves(sets, digits):
    assert rows(sets["copies"].images) <= rows(digits.held_out("train").x)
    assert torch.equal(sets["itself"].images, sets["copies"].images)
    assert [control.name for control in sets.values() if control.is_reference] == ["itself"]


def test_the_most_frequent_class_is_missing(sets, digits):
    x, y = digits.held_out("test")
    missing = y.bincount().argmax()
    without = rows(sets["class missing"].images)
    assert without <= rows(x[y != missing])
    assert not without & rows(x[y == missing])


def test_noise_has_its_standard_deviation_and_stays_in_range(sets):
    real, noisy = sets["real images"].images, sets["noise"].images
    inside = (real > 0.4) & (real < 0.6)
    assert (noisy - real)[inside].std().item() == pytest.approx(NOISE, rel=0.05)
    assert noisy.min() >= 0
    assert noisy.max() <= 1


def test_blur_keeps_the_mean_and_takes_contrast(sets):
    real, blurred = sets["real images"].images, sets["blur"].images
    assert blurred.mean().item() == pytest.approx(real.mean().item(), rel=0.05)
    assert blurred.std() < 0.8 * real.std()


def test_the_first_images_do_not_depend_on_how_many_there_are(sets, digits):
    for fewer in controls(digits, 50, STREAM):
        assert torch.equal(fewer.images, sets[fewer.name].images[:50]), fewer.name


def test_data_without_labels_have_no_class_that_is_missing():
    digits = load(DataConfig(name="digits")).unprocessed
    object.__setattr__(digits, "n_classes", 1)
    names = [control.name for control in controls(digits, 20, STREAM)]
    assert "class missing" not in names
    assert "itself" in names
