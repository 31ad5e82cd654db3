"""Images of which a part is known: nothing is lost, and the law is that of the rest."""

import itertools

import pytest
import torch
from torch.distributions import Bernoulli, Independent

from genbench.core.seeding import seeded
from genbench.distributions.completion import Completion, ImageParts
from genbench.distributions.observation import BernoulliHead
from tests.draws import randn

SHOWN = torch.tensor([[1, 0, 0], [0, 1, 0]]).bool()
X = randn(5, 3, 2, 3)


@pytest.mark.parametrize("n_channels", [1, 3])
def test_the_parts_put_together_are_the_image(n_channels):
    parts, x = ImageParts(SHOWN, n_channels), X[:, :n_channels]
    blank = torch.where(parts.mask(), torch.full_like(x, 9.0), x)
    assert torch.equal(parts.fill(blank, parts.hidden(x)), x)
    assert parts.shown(x).shape == (5, parts.n_shown) == (5, 2 * n_channels)
    assert parts.hidden(x).shape[1:] == parts.hidden_shape == (n_channels, 1, 4)
    assert torch.equal(parts.shown(x), x[:, :, SHOWN].flatten(1))
    assert torch.equal(parts.hidden(x).squeeze(2), x[:, :, ~SHOWN])
    assert torch.equal(parts.mask(), (~SHOWN).expand(n_channels, 2, 3))


def test_flat_images_are_split_as_images_are():
    parts = ImageParts(SHOWN, 3)
    assert torch.equal(parts.shown(X.flatten(1)), parts.shown(X))


def test_the_masses_of_all_completions_of_an_image_add_up_to_one():
    parts = ImageParts(SHOWN, 1)
    logits = randn(2, 1, 1, 4, seed=1)
    x = torch.tensor([[[[1, 0, 0], [0, 0, 0]]], [[[0, 1, 1], [1, 1, 1]]]]).double()
    p = Completion(BernoulliHead()(logits), parts, x)
    total = torch.zeros(2).double()
    for pixels in itertools.product((0.0, 1.0), repeat=4):
        hidden = torch.tensor(pixels).double().reshape(1, 1, 4).expand(2, 1, 1, 4)
        total += p.log_prob(parts.fill(x, hidden)).exp()
    assert torch.allclose(total, torch.ones(2).double())


def test_the_hidden_pixels_have_the_distribution_that_was_given():
    pixels = BernoulliHead()(randn(2, 1, 1, 4, seed=1))
    p = Completion(pixels, ImageParts(SHOWN, 1), torch.ones(2, 1, 2, 3).double())
    assert p.hidden is pixels


def test_mean_and_draws_hold_the_shown_pixels():
    parts = ImageParts(SHOWN, 1)
    logits = randn(6, 2, 1, 1, 4, seed=1)
    x = torch.ones(2, 1, 2, 3).double()
    p = Completion(Independent(Bernoulli(logits=logits), 3), parts, x)
    assert (p.batch_shape, p.event_shape) == ((6, 2), (1, 2, 3))
    assert torch.equal(p.mean[..., SHOWN], torch.ones(6, 2, 1, 2).double())
    assert torch.allclose(p.mean[..., ~SHOWN], logits.sigmoid().squeeze(-2))
    with seeded(0, "draws"):
        draws = p.sample((900,))
    assert draws.shape == (900, 6, 2, 1, 2, 3)
    assert torch.equal(draws[..., SHOWN], torch.ones(900, 6, 2, 1, 2).double())
    stderr = (p.mean * (1 - p.mean) / 900).sqrt()
    assert ((draws.mean(0) - p.mean).abs() <= 4 * stderr).all()
    assert p.support.check(draws).all()
