"""What is drawn of models: from fixed addresses, and of a control each image once."""

import pytest
import torch

from genbench.core.seeding import Stream
from genbench.evaluation.drawing import cached_draws, mean_images, n_images_of, sampled
from genbench.evaluation.spec import Context
from genbench.models.controls import FixedImages, KMeans
from tests.evaluation.test_samples import control


class Noise:
    """Uniform images."""

    def sample(self, n):
        return torch.rand(n, 1, 2, 2)


def test_images_do_not_depend_on_how_many_are_drawn_or_on_what_was_drawn_before():
    few, many = Context(Noise(), Stream(0)), Context(Noise(), Stream(0))
    last = cached_draws(few, "samples", mean_images, 2100, 2300)
    drawn = cached_draws(many, "samples", mean_images, 0, 3500)
    assert drawn.shape == (3500, 4)
    assert torch.equal(last, drawn[2100:2300])
    assert torch.equal(cached_draws(few, "samples", mean_images, 0, 10), drawn[:10])
    assert not torch.equal(drawn[:1000], drawn[1000:2000])


def test_images_in_order_are_the_same_and_leave_none_behind():
    context, everything = Context(Noise(), Stream(0)), Context(Noise(), Stream(0))
    drawn = cached_draws(everything, "samples", mean_images, 0, 2500)
    for start in range(0, 2500, 250):
        stop = start + 250
        found = cached_draws(context, "samples", mean_images, start, stop, in_order=True)
        assert torch.equal(found, drawn[start:stop])
        assert list(context.cache["samples"]) == [start // 1000]
    assert torch.equal(cached_draws(context, "samples", mean_images, 0, 10), drawn[:10])


def test_a_control_draws_each_of_its_images_once_however_many_are_asked_for():
    context = Context(control(1200), Stream(0))
    drawn = cached_draws(context, "samples", mean_images, 0, 10_000)
    assert len(drawn) == len({tuple(x.tolist()) for x in drawn}) == 1200
    middle = cached_draws(context, "samples", mean_images, 900, 1100)
    assert torch.equal(middle, drawn[900:1100])
    assert not len(cached_draws(context, "samples", mean_images, 1300, 1400))


def test_only_what_draws_each_image_once_has_a_number_of_images():
    assert n_images_of(FixedImages(7, (1, 2, 2))) == 7
    assert n_images_of(KMeans(7, (1, 2, 2))) is None
    assert n_images_of(Noise()) is None


def test_a_model_that_returns_fewer_images_than_asked_for_is_refused():
    class Lazy:
        def sample(self, n):
            return torch.rand(n - 1, 1, 2, 2)

    with pytest.raises(ValueError, match=r"sample\(5\) returned 4 images"):
        sampled(Lazy(), 5)
    assert len(sampled(control(20), 50)) == 20
