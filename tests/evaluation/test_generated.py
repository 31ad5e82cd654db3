"""Images of a model and what is computed from them: once, and the same whatever else is asked."""

import math

import pytest
import torch

from genbench.core.estimate import NonFiniteError, NotApplicableError
from genbench.core.seeding import Stream
from genbench.data.noise import dequantise
from genbench.evaluation.external.fixed import FixedSamples
from genbench.evaluation.generated import Generated, generated_of, shown
from genbench.evaluation.runner import make_task
from genbench.evaluation.spec import Context
from genbench.models.controls import FixedImages
from genbench.samples import screening
from genbench.samples.neighbours import Neighbourhoods
from tests.evaluation.feature_spaces import Uniform, reference, uniform

SHAPE = (1, 1, 4)


def generated(n, model=None, seed=0, **context):
    """Samples of a model, compared with uniform images."""
    _, look_up = reference()
    known = Context(model or Uniform(), Stream(seed), **{"reference": look_up, **context})
    return Generated(known, n, "auto", SHAPE)


@pytest.mark.parametrize("n", [1, 999, 1000, 1001, 2500])
def test_an_image_does_not_depend_on_how_many_are_drawn(n):
    most = generated(3000).images
    assert torch.equal(generated(n).images, most[:n])
    assert len(most.flatten(1).unique(dim=0)) == 3000


def test_what_is_stored_is_drawn_once_each_and_is_as_many_as_there_are():
    stored = FixedImages(1200, SHAPE)
    stored.fit(uniform(1200, seed=5))
    few, all_ = (generated(n, stored) for n in (700, 2000))
    assert (few.n, all_.n, few.remark) == (700, 1200, "")
    assert all_.remark == "there are only 1200 images, each drawn once"
    assert torch.equal(few.images, all_.images[:700])
    drawn, kept = (
        t.flatten(1).sort(dim=0).values for t in (all_.images, stored.images(slice(None)))
    )
    assert torch.equal(drawn, kept)
    assert len(all_.features) == all_.n


def test_images_are_cut_off_where_a_screen_does_and_have_the_shape_of_the_data():
    flat = torch.tensor([[-0.2, 0.5, 1.0, 1.3]])
    assert torch.equal(shown(flat, SHAPE), torch.tensor([0.0, 0.5, 1.0, 1.0]).reshape(1, *SHAPE))


def test_samples_of_a_model_of_dequantised_data_lose_the_noise():
    levels = torch.arange(17, dtype=torch.uint8)[:16].reshape(4, *SHAPE)
    stored = FixedSamples(dequantise(levels, 17, uniform(4, 0, high=1.0)))
    images = generated(4, stored, n_levels=17).images
    assert torch.equal(images.flatten().sort().values, levels.flatten() / 16)
    assert not torch.equal(generated(4, stored).images, images)


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (2 * uniform(9, 0, high=1.0) - 1, r"lie in \[-0\.\d+, 0\.\d+\], not in \[0, 1\]"),
        (255 * uniform(9, 0, high=1.0), r"lie in \[[\d.]+, 2\d\d\], not in \[0, 1\]"),
        (torch.zeros(9, 3, 4), "have 3 × 4 numbers, the data 1 × 1 × 4"),
    ],
)
def test_images_of_another_range_or_size_are_refused(images, reason):
    with pytest.raises(NotApplicableError, match=reason):
        shown(images, SHAPE)


def test_a_few_bright_pixels_are_no_other_range():
    images = uniform(500, 0, high=1.0)
    images[:3, ..., 0] = 40.0
    assert shown(images, SHAPE).max() == 1


def test_images_that_are_not_finite_are_refused():
    images = uniform(9, 0)
    images[4, 0, 0, 0] = math.nan
    with pytest.raises(NonFiniteError, match=r"1 of 9 data .* datum 4"):
        shown(images, SHAPE)


def test_as_many_training_images_are_compared_the_same_for_every_model():
    one, other = generated(100), generated(100, Uniform(0.1, 0.3), seed=7)
    assert torch.equal(one.compared, other.compared)
    assert torch.equal(generated(60).compared, one.compared[:60])
    rows = (one.compared[:, None] == one.training[None]).all(dim=2).nonzero()[:, 1]
    assert len(rows.unique()) == 100
    assert not torch.equal(rows, rows.sort().values)
    assert len(generated(10**4).compared) == 600


def test_features_are_computed_once_for_all_that_ask_for_the_same():
    known, look_up = reference()
    context, x = Context(Uniform(), Stream(0), reference=look_up), torch.zeros(200, *SHAPE)
    asked = [make_task(name).options for name in ("fd", "coverage", "c2st")]
    found = {id(generated_of(context, options, x)) for options in asked}
    assert len(found) == 1
    for options in asked:
        assert len(generated_of(context, options, x).features) == 200
    assert known.space.seen == 200
    fewer = generated_of(context, make_task("fd", {"n_samples": 50}).options, x)
    assert fewer.n == 50
    assert generated_of(context, make_task("fd", {"n_samples": 10**6}).options, x).n == 200


def test_what_models_share_of_the_reference_is_computed_once():
    _, look_up = reference()
    one, other = (generated(50, model, reference=look_up) for model in (None, Uniform(0.2, 0.3)))
    assert one.shared is other.shared
    assert one.shared.held_out is other.shared.held_out
    assert one.compared is other.compared
    assert generated(50).shared is not one.shared


def test_the_neighbours_among_compared_images_are_found_once_for_all_models(monkeypatch):
    _, look_up = reference()
    passes, real = [], screening.Screen.__init__

    def count(screen, queries, points, *group):
        passes.append((len(queries), len(points)))
        real(screen, queries, points, *group)

    monkeypatch.setattr(screening.Screen, "__init__", count)
    models = [Uniform(), Uniform(0.1, 0.3), Uniform(0.2, 0.4)]
    asked = [generated(50, model, seed, reference=look_up) for seed, model in enumerate(models)]
    found = [each.near(5).of_reference for each in asked]
    assert passes == [(50, 50)]
    alone = Neighbourhoods(asked[0].features, asked[0].compared.clone()).of_reference
    assert all(torch.equal(each.distances, alone.distances) for each in found)
    assert all(torch.equal(each.rows, alone.rows) for each in found)
    assert generated(60, reference=look_up).near(5).of_reference.rows.shape == (60, 6)
    assert generated(50, reference=look_up).near(9).of_reference.rows.shape == (50, 10)
    assert passes[2:] == [(60, 60), (50, 50)]


def test_without_training_images_the_reason_is_said():
    with pytest.raises(NotApplicableError, match="training images are not known"):
        generated(50, reference=None).features  # noqa: B018
