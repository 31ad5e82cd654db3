"""The network behind feature spaces: its size, and what weights it takes."""

import pytest
import torch

from genbench.core.tensors import count_parameters
from genbench.features.classifier import Classifier


def weights(**changed):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = Classifier((1, 8, 8), 3, 5).state_dict()
    return {name: t for name, t in (found | changed).items() if t is not None}


def test_the_network_for_mnist_has_the_parameters_of_its_layers():
    convolutions = (25 + 1) * 16 + (16 * 25 + 1) * 32
    dense = (32 * 7 * 7 + 1) * 64 + (64 + 1) * 10
    assert count_parameters(Classifier((1, 28, 28), 64, 10)) == convolutions + dense == 114_314


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 7, 5), (1, 1, 9), (1, 28, 20)])
def test_images_of_any_size_have_features_between_minus_one_and_one(shape):
    network = Classifier(shape, 4, 2)
    x = torch.rand(6, *shape, generator=torch.Generator().manual_seed(0))
    features = network(x)
    assert features.shape == (6, 4)
    assert features.abs().max() < 1
    assert network.head(features).shape == (6, 2)


def test_a_network_of_weights_answers_as_the_one_they_are_of():
    first = Classifier((1, 8, 8), 3, 5)
    again = Classifier.of_weights(first.state_dict(), (1, 8, 8))
    x = torch.rand(4, 1, 8, 8)
    assert (again.dim, again.n_classes) == (3, 5)
    assert torch.equal(again(x), first(x))


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"head.weight": None}, r"there is no head.weight \(n_classes, dim\)"),
        ({"head.bias": None}, r"head.bias: expected \(5,\) torch.float32, found nothing"),
        ({"head.weight": torch.zeros(5)}, "there is no head.weight"),
        ({"maps.0.weight": torch.zeros(16, 3, 5, 5)}, r"maps.0.weight: expected \(16, 1, 5, 5\)"),
        ({"head.bias": torch.zeros(5, dtype=torch.float64)}, r"found \(5,\) torch.float64"),
        ({"head.bias": torch.full((5,), torch.nan)}, "head.bias is not finite"),
        ({"conv1": torch.zeros(1)}, "unknown tensor conv1"),
    ],
)
def test_weights_of_another_network_are_refused(changed, problem):
    with pytest.raises(ValueError, match=problem):
        Classifier.of_weights(weights(**changed), (1, 8, 8))


def test_weights_for_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"dense.0.weight: expected \(3, 1568\)"):
        Classifier.of_weights(weights(), (1, 28, 28))
