"""Training a classifier: repeatable, by name, on images as they are."""

import pytest
import torch

from genbench.data import DataConfig, load
from genbench.features.classifier import Autoencoder
from genbench.features.space import FeatureSpace
from genbench.features.spaces import space_of
from genbench.features.training import (
    WITHOUT_LABELS,
    budget_of,
    confusion_counts,
    confusion_of,
    explained,
    trained_autoencoder,
    trained_classifier,
)


def digest(dataset, name="a"):
    return FeatureSpace(name, trained_classifier(dataset, 2, name)).digest


def test_the_same_images_and_name_give_the_same_network(labelled):
    first = digest(labelled)
    torch.rand(9)
    with torch.no_grad():
        assert digest(labelled) == first
    assert digest(labelled, "b") != first


def test_a_network_is_trained_on_images_as_they_are_whatever_models_see(labelled):
    config = labelled.config.model_copy(update={"dequantisation": "uniform"})
    assert digest(load(config)) == digest(labelled)


def test_training_leaves_torch_as_it_was(labelled):
    state, n = torch.get_rng_state(), torch.get_num_threads()
    trained_classifier(labelled, 2, "a")
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == n


def test_a_network_learns_classes_that_can_be_told_apart(labelled):
    x, y = labelled.held_out("validation")
    found = FeatureSpace("a", trained_classifier(labelled, 4, "a"), True).predicted(x)
    assert (found == y).double().mean() > 0.95


def test_a_code_keeps_more_of_new_images_than_as_many_principal_components(kept_folder):
    digits = load(DataConfig(name="digits"))
    x = digits.held_out("test").x
    pca = space_of(digits, "pca8", kept_folder)
    left = x.flatten(1) - pca.network.mean - pca.features(x) @ pca.network.components
    of_lines = 1 - float(left.square().sum() / (x - x.mean(dim=0)).square().sum())
    assert explained(trained_autoencoder(digits, 8, "a"), x) > of_lines + 0.1


def test_what_a_constant_reconstructs_explains_nothing():
    network = Autoencoder((1, 6, 5), 2)
    with torch.no_grad():
        network.output.weight.zero_()
    x = torch.rand(20, 1, 6, 5, generator=torch.Generator().manual_seed(0))
    network.start_at(x.mean(dim=0))
    with torch.no_grad():
        assert explained(network, x) == pytest.approx(0, abs=1e-5)
        assert explained(network, 0.1 * x) == 0


def test_the_budget_is_a_number_of_steps():
    assert budget_of(55_000).epochs == 2
    assert budget_of(60).epochs == 400
    assert budget_of(1097).epochs * (1097 // 256) == 400
    assert budget_of(1097, **WITHOUT_LABELS).epochs * (1097 // 64) == 816


def test_confusion_is_the_share_of_each_class_by_predicted_class():
    true, predicted = torch.tensor([0, 0, 0, 1, 2]), torch.tensor([0, 0, 2, 1, 1])
    counts = confusion_counts(predicted, true, 3)
    assert counts.tolist() == [[2, 0, 1], [0, 1, 0], [0, 1, 0]]
    shares = confusion_of(counts)
    assert torch.allclose(shares, torch.tensor([[2, 0, 1], [0, 3, 0], [0, 3, 0]]).double() / 3)
    assert confusion_of(counts[[0, 1]] * torch.tensor([[1], [0]])) is None
