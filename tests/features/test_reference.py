"""The features of real images: of which, computed once, and never of test images."""

from dataclasses import replace

import pytest
import torch

from genbench.data import DataConfig, load
from genbench.features import reference as module
from genbench.features.reference import reference_of


def test_it_has_the_features_of_training_and_validation_images_as_they_are(digits):
    found = reference_of(digits)
    grey = load(DataConfig(name="digits", limit=400))
    for features, split in ((found.training, "train"), (found.held_out, "validation")):
        x = grey.held_out(split).x
        assert torch.allclose(features, found.space.features(x), atol=1e-6)
        assert features.shape == (len(x), 16)
    assert torch.equal(found.labels, grey.labels_of("train"))


def test_images_without_labels_have_none(unlabelled, kept_folder):
    assert reference_of(unlabelled, folder=kept_folder).labels is None


def test_test_images_are_never_read(digits, labelled, tmp_path):
    for data in (digits, labelled):
        first = reference_of(data, "pca", tmp_path)
        n = data.sizes["train"] + data.sizes["validation"]
        blank = data.levels.clone()
        blank[n:] = 0
        again = reference_of(replace(data, levels=blank), "pca")
        assert torch.equal(first.training, again.training)
        assert torch.equal(first.held_out, again.held_out)
        without = load(data.config, with_test=False)
        assert torch.equal(reference_of(without, "pca").training, first.training)


def test_features_are_computed_once(digits, tmp_path, monkeypatch):
    first = reference_of(digits, folder=tmp_path)
    monkeypatch.setattr(module, "_features", lambda *_: pytest.fail("they were computed again"))
    again = reference_of(load(DataConfig(name="digits", limit=400)), folder=tmp_path)
    assert torch.equal(first.training, again.training)
    assert torch.equal(first.held_out, again.held_out)


def test_a_damaged_file_is_computed_anew(digits, tmp_path):
    first = reference_of(digits, folder=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-8])
    assert torch.equal(reference_of(digits, folder=tmp_path).training, first.training)


def test_features_of_other_spaces_and_images_are_kept_apart(digits, tmp_path):
    reference_of(digits, folder=tmp_path)
    reference_of(load(DataConfig(name="digits", limit=300)), folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    assert reference_of(digits, "pca4", tmp_path).training.shape == (400, 4)


def test_a_space_does_not_depend_on_gradients_or_the_default_type(labelled):
    first = reference_of(labelled, "own")
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            assert reference_of(labelled, "own").space.digest == first.space.digest
    finally:
        torch.set_default_dtype(torch.float32)
