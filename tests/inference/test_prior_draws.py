"""Draws of the prior that all data share."""

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal

from genbench.core.seeding import Stream
from genbench.distributions.pixels import BernoulliPixels, GaussianPixels
from genbench.inference.prior_draws import PriorDraws
from tests.draws import randn

WEIGHTS = randn(3, 12, seed=4)
X = randn(7, 1, 3, 4, seed=5)
HEADS = {
    "Bernoulli of ours": lambda image: BernoulliPixels(image),
    "Gaussian of ours": lambda image: GaussianPixels(image, torch.tensor(0.3).double()),
    "Bernoulli of torch": lambda image: Independent(
        Bernoulli(logits=image, validate_args=False), 3
    ),
    "Gaussian of torch": lambda image: Independent(Normal(image, 0.2 + image.sigmoid()), 3),
    "no Independent": lambda image: Normal(image, 0.3),
}


class Model:
    def __init__(self, head):
        self.head = head

    def prior(self):
        return Independent(Normal(torch.zeros(3).double(), 1.0), 1)

    def observation_model(self, z):
        return self.head((z @ WEIGHTS).reshape(*z.shape[:-1], 1, 3, 4))


def draws(head, n_samples, chunk_size=4):
    return PriorDraws(Model(HEADS[head]), n_samples, chunk_size, Stream(0)).log_px_given_z(X)


@pytest.mark.parametrize("head", HEADS)
def test_each_draw_meets_each_datum(head):
    with Stream(0).child(0).seeded():
        z = Model(HEADS[head]).prior().sample((100,))[:9]
    p = HEADS[head]((z @ WEIGHTS).reshape(9, 1, 1, 3, 4).expand(9, 7, 1, 3, 4))
    log_px = p.log_prob(X)
    expected = log_px.flatten(2).sum(2) if log_px.ndim > 2 else log_px
    assert torch.allclose(draws(head, 9), expected, rtol=1e-12)


@pytest.mark.parametrize("head", HEADS)
def test_a_draw_depends_on_neither_their_number_nor_the_chunk(head):
    many = draws(head, 230)
    assert many.shape == (230, 7)
    assert torch.allclose(draws(head, 130, chunk_size=99), many[:130], rtol=1e-12)
    assert len({round(v, 9) for v in many[:, 0].tolist()}) == 230
