"""Controls: what they keep, show and find."""

import pytest
import torch

from genbench.core import capabilities as caps
from genbench.core.seeding import seeded
from genbench.models import controls
from genbench.models.controls import FixedImages, KMeans, MeanImage, NearestImage
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


def test_no_image_is_shown_twice_before_all_have_been():
    model = copier(30)
    with seeded(0, "s"):
        drawn = model.encode(model.sample(75))[:, 0].long()
    assert drawn[:30].sort().values.tolist() == list(range(30))
    assert drawn[30:60].sort().values.tolist() == list(range(30))
    assert len(set(drawn[60:].tolist())) == 15
    assert drawn[:30].tolist() != drawn[30:60].tolist()


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
