import itertools
import math

import numpy as np
import pytest
import torch

from genbench.certify.worlds import LAWS, SIZES, VIEWS, tiny_dataset, worlds_of
from genbench.core.seeding import Stream


@pytest.mark.parametrize(("domain", "n"), [("binary", 512), ("grey_levels", 256)])
def test_a_world_of_levels_is_all_images_once(domain, n):
    (world,) = worlds_of(domain)
    law, images = LAWS[domain], world.axis[world.index].mul(LAWS[domain].n_levels - 1)
    expected = itertools.product(range(law.n_levels), repeat=math.prod(law.shape))
    assert sorted(map(tuple, images.round().int().tolist())) == sorted(expected)
    assert len(images) == n
    assert torch.equal(images, images.round())
    assert not world.is_grid


def test_the_plane_integrates_gaussians_of_any_width_to_one():
    plane, _ = worlds_of("unit_interval")
    log_volume = plane.log_volume[plane.index].sum(dim=1)
    x = plane.axis[plane.index].double()
    for mean, scale in ((0.5, 0.1), (0.0, 0.2), (1.0, 1.0)):
        normal = torch.distributions.Normal(mean, scale)
        total = (normal.log_prob(x).sum(dim=1) + log_volume).exp().sum()
        assert abs(float(total) - 1) < 1e-6, (mean, scale)
    assert plane.is_grid


def test_the_noise_of_each_level_lies_between_it_and_the_next():
    _, noisy = worlds_of("unit_interval")
    n = LAWS["unit_interval"].n_levels
    levels = (noisy.axis * n).floor().reshape(n, noisy.n_noise)
    assert levels.tolist() == [[float(level)] * noisy.n_noise for level in range(n)]


@pytest.mark.parametrize("domain", LAWS)
def test_the_law_is_a_distribution_with_equal_labels(domain):
    p = np.asarray(LAWS[domain].joint)
    assert p.sum() == pytest.approx(1, abs=1e-12)
    assert p.sum(axis=0).tolist() == pytest.approx([0.5, 0.5], abs=1e-12)
    assert (p > 0).all()


def test_images_are_drawn_from_the_law_with_their_labels():
    law = LAWS["unit_interval"]
    images, labels = zip(*(law.drawn(Stream(seed, ("drawn",))) for seed in range(30)), strict=True)
    flat, y = torch.cat(images).flatten(1).long(), torch.cat(labels)
    place = (flat[:, 0] * law.n_levels + flat[:, 1]) * 2 + y
    counts = torch.bincount(place, minlength=32).double()
    expected = law.joint.flatten() * len(y)
    chi2 = float(((counts - expected).square() / expected).sum())
    assert 10 < chi2 < 66  # 31 degrees of freedom: quantiles of 1e-4 and 1 - 2.5e-4


@pytest.mark.parametrize("domain", LAWS)
def test_a_tiny_data_set_is_one_like_any_other(domain):
    dataset = tiny_dataset(domain)
    assert dataset.domain == domain
    assert {split: dataset.size(split) for split in SIZES} == SIZES
    x, y = dataset.held_out("test")
    assert x.shape == (100, *LAWS[domain].shape)
    assert set(y.tolist()) == {0, 1}
    assert float(x.min()) >= 0
    assert float(x.max()) <= 1
    assert VIEWS[domain].keys() <= {"binarisation", "dequantisation"}
    other = tiny_dataset(domain, seed=1)
    assert other.digest != dataset.digest
    assert not torch.equal(other.levels, dataset.levels)
    assert torch.equal(tiny_dataset(domain).levels, dataset.levels)
