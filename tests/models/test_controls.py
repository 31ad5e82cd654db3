"""Controls: what they keep, show and find."""

import pytest
import torch

from genbench.core import capabilities as caps
from genbench.core.seeding import seeded
from genbench.models import controls
from genbench.models.controls import (
    BlurredImages,
    FixedImages,
    KMeans,
    MeanImage,
    NearestImage,
    WithoutClass,
)
from genbench.training.checkpoint import read_weights, weights_of, write_weights

SHAPE = (1, 3, 4)


def images(n=30, seed=0):
    """8-bit images: kept exactly."""
    generator = torch.Generator().manual_seed(seed)
    levels = torch.randint(256, (n, *SHAPE), generator=generator)
    return (levels.double() / 255).float()


def copier(n_images=20, n=30):
    model = NearestImage(n_images, SHAPE)
    model.fit(images(n))
    return model


def test_the_mean_image_answers_everything_with_the_mean():
    model, x = MeanImage(SHAPE), images()
    model.fit(x)
    mean = x.double().mean(0).float()
    code = model.encode(x)
    assert code.shape == (30, 0)
    assert torch.equal(model.decode(code), mean.expand_as(x))
    assert torch.equal(model.sample(4), mean.expand(4, *SHAPE))
    error = (model.decode(code).double() - x.double()).square().mean()
    assert float(error) == pytest.approx(float(x.double().var(0, correction=0).mean()), rel=1e-5)


def test_a_copier_finds_the_nearest_training_image(monkeypatch):
    x = images(50, seed=1)
    kept = images()[torch.linspace(0, 29, 20, dtype=torch.float64).round().long()]
    expected = (x.flatten(1)[:, None] - kept.flatten(1)).square().sum(2).argmin(1)
    for n_pairs in (2**21, 150, 1):  # at once, in pieces of three, and one after the other
        monkeypatch.setattr(controls, "_PAIRS", n_pairs)
        code = copier().encode(x)
        assert torch.equal(code[:, 0], expected.float())
        assert torch.equal(copier().decode(code), kept[expected])


def test_a_copier_reconstructs_what_it_has_seen_without_error():
    model, x = copier(30), images()
    assert torch.equal(model.decode(model.encode(x)), x)


@pytest.mark.parametrize("x", [images(), images().round()])
def test_grey_levels_and_binary_pixels_are_kept_exactly_in_bytes(x):
    model = NearestImage(30, SHAPE)
    model.fit(x)
    assert model.levels.dtype is torch.uint8
    assert torch.equal(model.images(torch.arange(30)), x)


@pytest.mark.parametrize("kind", [FixedImages, NearestImage])
def test_each_image_is_drawn_at_most_once(kind):
    model = kind(30, SHAPE)
    model.fit(images())
    assert model.n_images == 30
    with seeded(0, "s"):
        some, all_of_them, again = model.sample(9), model.sample(75), model.sample(30)
    assert len(some) == 9
    assert sorted(x.tolist() for x in all_of_them) == sorted(x.tolist() for x in images())
    assert not torch.equal(all_of_them, again)


def test_centroids_are_drawn_again_once_all_have_been():
    model = KMeans(12, SHAPE, seed=0)
    model.fit(images())
    with seeded(0, "s"):
        drawn = model.encode(model.sample(30))[:, 0].long()
    assert drawn[:12].sort().values.tolist() == list(range(12))
    assert drawn[12:24].sort().values.tolist() == list(range(12))
    assert len(set(drawn[24:].tolist())) == 6


def test_blurred_images_are_those_of_a_gaussian_kernel():
    x = torch.zeros(1, 1, 21, 21)
    x[0, 0, 10, 10] = 1
    model = BlurredImages(1, (1, 21, 21), sd=1.5)
    model.fit(x)
    distance = torch.arange(21) - 10.0
    kernel = (-distance.square() / (2 * 1.5**2)).exp()
    kernel /= kernel.sum()
    assert torch.allclose(
        model.images(torch.tensor(0)), torch.outer(kernel, kernel), atol=0.5 / 255
    )
    assert float(model.images(torch.tensor(0)).max()) > 0.06


def test_a_blur_keeps_flat_images_and_colours_apart():
    x = torch.tensor([0.2, 0.6, 1.0]).view(1, 3, 1, 1).expand(2, 3, 5, 4)
    model = BlurredImages(2, (3, 5, 4), sd=3.0)
    model.fit(x)
    assert torch.allclose(model.images(torch.arange(2)), x, atol=0.5 / 255)


def test_a_missing_class_is_missing_and_the_others_are_all_there():
    x, y = images(), torch.arange(30) % 3
    model = WithoutClass(100, SHAPE, missing=1)
    model.fit(x, y)
    assert model.n_images == 20
    assert torch.equal(model.images(torch.arange(20)), x[y != 1])
    with pytest.raises(ValueError, match="all 10 images are of class 1"):
        WithoutClass(100, SHAPE, missing=1).fit(x[y == 1], y[y == 1])


def test_fewer_images_than_there_is_room_for_are_stored_and_read(tmp_path):
    model, other = copier(100), NearestImage(100, SHAPE)
    assert model.levels.shape == (30, *SHAPE)
    write_weights(tmp_path / "w.safetensors", weights_of(model))
    other.load_state_dict(read_weights(tmp_path / "w.safetensors"))
    assert torch.equal(other.levels, model.levels)


def test_real_data_are_the_validation_images_and_reconstruct_nothing():
    model, x = FixedImages(100, SHAPE), images(5)
    model.fit(x)
    with seeded(0, "s"):
        drawn = model.sample(5)
    assert torch.equal(drawn.flatten(1).sort(0).values, x.flatten(1).sort(0).values)
    assert not isinstance(model, (caps.Encodes, caps.Decodes, caps.HasPrior))


def test_nothing_to_draw_from_is_an_error():
    with pytest.raises(ValueError, match=r"no images to draw from: call fit\(x\) first"):
        FixedImages(0, SHAPE).sample(1)


def test_centroids_are_the_means_of_separate_clouds():
    centres = images(3, seed=9)
    noise = 0.02 * torch.randn(300, *SHAPE, generator=torch.Generator().manual_seed(0))
    x = (centres.repeat(100, 1, 1, 1) + noise).clamp(0, 1)
    model = KMeans(12, SHAPE, seed=0)
    model.fit(x)
    assert torch.equal(model.decode(model.encode(x)), model.images(model.encode(x)[:, 0].long()))
    error = (model.decode(model.encode(x)) - x).square().mean().sqrt()
    assert float(error) < 0.025
    again = KMeans(12, SHAPE, seed=0)
    again.fit(x)
    assert torch.equal(again.levels, model.levels)


def test_more_clusters_than_images_are_refused():
    with pytest.raises(ValueError, match="5 images are too few for 6 clusters"):
        KMeans(6, SHAPE).fit(images(5))
