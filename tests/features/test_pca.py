"""Principal components against those of scikit-learn."""

from dataclasses import replace

import pytest
import torch
from sklearn.decomposition import PCA

from genbench.features import pca
from genbench.features.pca import Projection, principal_components


@pytest.fixture(scope="module")
def images(digits):
    return digits.unprocessed.held_out("train").x.flatten(1).double()


@pytest.fixture(scope="module", params=["covariance", "images"])
def found(request, digits):
    """Components from the covariance of pixels, and as of images with too many of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pca, "MOST_PIXELS", 2048 if request.param == "covariance" else 10)
        return principal_components(digits, 12)


def test_components_are_those_of_another_program_up_to_their_sign(found, images):
    oracle = PCA(12, svd_solver="full").fit(images.numpy())
    expected = torch.as_tensor(oracle.components_)
    assert torch.allclose(found.mean, torch.as_tensor(oracle.mean_), atol=1e-12)
    assert torch.allclose((found.components * expected).sum(dim=1).abs(), torch.ones(12).double())
    coordinates = Projection((1, 8, 8), found.mean, found.components)(images.view(-1, 1, 8, 8))
    variance = torch.as_tensor(oracle.explained_variance_)
    assert torch.allclose(coordinates.var(dim=0), variance, rtol=1e-9)


def test_the_largest_entry_of_a_component_is_positive(found):
    largest = found.components.abs().argmax(dim=1, keepdim=True)
    assert bool((found.components.gather(1, largest) > 0).all())


def test_the_rank_is_that_of_the_centred_images(found, images):
    assert int(found.rank) == torch.linalg.matrix_rank(images - images.mean(dim=0))


def test_images_that_are_all_equal_have_no_component_of_any_variance(digits):
    same = replace(digits, levels=torch.full_like(digits.levels, 3))
    assert principal_components(same, 2).rank == 0


def test_some_of_many_large_images_are_evenly_spread(digits, monkeypatch):
    monkeypatch.setattr(pca, "MOST_PIXELS", 10)
    monkeypatch.setattr(pca, "MOST_IMAGES", 150)
    x = digits.unprocessed.held_out("train").x[::3].flatten(1).double()
    assert torch.allclose(principal_components(digits, 2).mean, x.mean(dim=0))
