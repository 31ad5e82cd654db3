"""From names to feature spaces: which suits the data, what is refused, what is kept."""

import pytest
import torch

from genbench.core.errors import ConfigError
from genbench.data import DataConfig, load
from genbench.features import spaces
from genbench.features.spaces import space_of, width_for


def test_digits_have_a_network_of_their_own(digits):
    found = space_of(digits)
    assert (found.name, found.dim, found.n_classes) == ("digits-cnn16-v1", 16, 10)
    assert space_of(digits, "digits-cnn16-v1").digest == found.digest


def test_labelled_images_get_a_network_trained_on_their_labels(labelled, kept_folder):
    found = space_of(labelled, folder=kept_folder)
    assert found.name.startswith("own-cnn8-")
    assert (found.dim, found.n_classes) == (8, 2)
    x, y = labelled.held_out("validation")
    assert (found.predicted(x) == y).double().mean() > 0.95
    assert found.confusion.diag().mean() > 0.95
    assert "trained on the labels" in found.remark
    for name in ("own", found.name):
        assert space_of(labelled, name, kept_folder).digest == found.digest


def test_images_without_labels_get_principal_components_and_it_is_said(unlabelled, kept_folder):
    found = space_of(unlabelled, folder=kept_folder)
    assert found.name == f"pca{found.dim}"
    assert found.n_classes is None
    assert found.remark == ("principal components; the data have no labels to train a network on")


def test_the_number_of_features_is_one_that_the_images_bear():
    assert width_for(load(DataConfig(name="digits"))) == 16
    assert width_for(load(DataConfig(name="shapes"))) == 4
    assert width_for(load(DataConfig(name="digits", limit=100))) == 4


def test_so_many_components_as_are_asked_for(digits, kept_folder):
    found = space_of(digits, "pca12", kept_folder)
    assert (found.name, found.dim) == ("pca12", 12)
    assert found.remark == "principal components"


def test_there_are_no_more_components_than_images_vary_in():
    lines = load(DataConfig(name="digits", limit=400))
    lines.levels[:, :, 1:] = 0
    x = lines.held_out("train").x.flatten(1).double()
    found = space_of(lines, "pca")
    assert found.dim == torch.linalg.matrix_rank(x - x.mean(dim=0)) < width_for(lines)
    assert found.name == f"pca{found.dim}"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("fid", "unknown name 'fid'; known: auto, digits-cnn16-v1, mnist-cnn64-v1, own, pca"),
        ("mnist-cnn64", "did you mean 'mnist-cnn64-v1'"),
        ("mnist-cnn64-v1", "is a network of 'mnist', and says little about 'digits'"),
        ("pca21", "'pca21' needs 1 to 20 components of these images"),
        ("pca0", "'pca0' needs 1 to 20 components"),
        ("custom:01234567", r"needs the file that \[features\] weights names"),
        ("own-cnn8-01234567", "is of other images; these have 'own-cnn"),
    ],
)
def test_other_names_are_refused_in_one_sentence(digits, name, problem):
    with pytest.raises(ConfigError, match=f"^features: .*{problem}"):
        space_of(digits, name)


def test_images_without_labels_have_the_code_of_an_autoencoder(unlabelled, kept_folder):
    found = space_of(unlabelled, "own", kept_folder)
    assert found.name.startswith("own-ae8-")
    assert (found.dim, found.n_classes) == (8, None)
    assert "the code of an autoencoder" in found.remark
    assert "the data have no labels" in found.remark
    again = space_of(unlabelled, found.name, kept_folder)
    assert again.digest == found.digest
    x = unlabelled.held_out("test").x
    assert torch.equal(again.features(x), found.features(x))
    with pytest.raises(ConfigError, match="is of other images; these have 'own-ae8-"):
        space_of(unlabelled, "own-ae8-01234567")


def test_a_space_is_kept_and_is_the_same_under_every_protocol(
    labelled, unlabelled, tmp_path, monkeypatch
):
    first = space_of(labelled, folder=tmp_path), space_of(labelled, "pca", tmp_path)
    without = space_of(unlabelled, "own", tmp_path).digest
    for name in ("trained_classifier", "principal_components", "trained_autoencoder"):
        monkeypatch.setattr(spaces, name, lambda *_: pytest.fail("it was fitted again"))
    view = labelled.config.model_copy(update={"dequantisation": "uniform"})
    again = space_of(load(view), folder=tmp_path), space_of(load(view), "pca", tmp_path)
    assert [s.digest for s in first] == [s.digest for s in again]
    assert torch.equal(first[0].confusion, again[0].confusion)
    assert space_of(unlabelled, "own", tmp_path).digest == without


def test_a_space_is_not_that_of_other_images(labelled, tmp_path):
    from tests.features.conftest import own

    other = own(tmp_path, seed=1)
    assert spaces.key_of(labelled, "x") != spaces.key_of(other, "x")
    fewer = load(labelled.config.model_copy(update={"limit": 50}))
    assert spaces.key_of(labelled, "x") != spaces.key_of(fewer, "x")
