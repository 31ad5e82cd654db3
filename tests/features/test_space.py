"""Feature spaces: shapes, batches, classes, digests, refusals."""

import pytest
import torch

from genbench.core.estimate import NonFiniteError, NotApplicableError
from genbench.features import space
from genbench.features.classifier import Classifier
from genbench.features.pca import Projection
from genbench.features.space import FeatureSpace

X = torch.rand(7, 1, 4, 4, generator=torch.Generator().manual_seed(0))


def classifier(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return FeatureSpace("net", Classifier((1, 4, 4), 3, 5), True)


def projection(n=2):
    mean = torch.full((16,), 0.5, dtype=torch.float64)
    return FeatureSpace("pca2", Projection((1, 4, 4), mean, torch.eye(16).double()[:n]))


@pytest.mark.parametrize("found", [classifier(), projection()])
def test_features_are_float64_rows_whatever_the_batch(found, monkeypatch):
    features = found.features(X)
    assert features.shape == (7, found.dim)
    assert features.dtype is torch.float64
    assert not features.requires_grad
    monkeypatch.setattr(space, "BATCH", 2)
    assert torch.allclose(found.features(X), features, atol=1e-6)
    assert found.features(X[:0]).shape == (0, found.dim)


def test_coordinates_are_pixels_less_their_mean():
    assert torch.allclose(projection().features(X), X.flatten(1)[:, :2].double() - 0.5)


def test_a_class_is_that_of_the_largest_logit():
    found = classifier()
    network = found.network
    expected = network.head(network(X)).argmax(dim=1)
    assert found.n_classes == 5
    assert torch.equal(found.predicted(X), expected)
    assert torch.equal(found.classes_of(found.features(X)), expected)


@pytest.mark.parametrize("found", [projection(), FeatureSpace("net", classifier().network, False)])
def test_a_space_without_the_classes_of_the_data_tells_none(found):
    assert found.n_classes is None
    with pytest.raises(NotApplicableError, match="tell no classes apart"):
        found.predicted(X)


def test_the_digest_is_that_of_the_weights():
    assert classifier().digest == classifier().digest != classifier(1).digest
    assert projection(2).digest == projection(2).digest != projection(3).digest


@pytest.mark.parametrize("x", [X[:, 0], X.expand(-1, 3, -1, -1), X.permute(0, 2, 3, 1)])
def test_images_of_another_shape_are_refused(x):
    with pytest.raises(NotApplicableError, match="'net' is of 1x4x4 images"):
        classifier().features(x)


def test_images_with_a_pixel_that_is_no_number_are_refused():
    x = X.clone()
    x[3, 0, 0, 0] = torch.nan
    with pytest.raises(NonFiniteError, match="the first is datum 3"):
        classifier().features(x)
