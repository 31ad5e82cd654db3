"""The baseline without a latent: its log density is minus the cross-entropy."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from genbench.core import capabilities as caps
from genbench.core.objective import Batch
from genbench.core.seeding import seeded
from genbench.distributions.completion import ImageParts
from genbench.distributions.observation import BernoulliHead
from genbench.models.pixel_predictor import PixelPredictor
from genbench.nets.mlp import MlpDecoder
from genbench.objectives.likelihood import NegativeLogLikelihood
from tests.draws import randn
from tests.models.pixel_models import HIDDEN, N_SHOWN, SHAPE, SHOWN

X = (randn(30, *SHAPE, seed=3) > 0).double()


def predictor():
    parts = ImageParts(SHOWN, 1)
    with seeded(0, "init"):
        network = MlpDecoder(N_SHOWN, (8,), parts.hidden_shape, "tanh")
        return PixelPredictor(parts, network, BernoulliHead()).double()


def by_hand(model, x):
    flat = x.flatten(1)
    logits = model.network(flat[:, ~HIDDEN]).flatten(1)
    losses = binary_cross_entropy_with_logits(logits, flat[:, HIDDEN], reduction="none")
    return -losses.sum(dim=1), logits


def test_the_log_density_is_the_negative_cross_entropy_of_the_hidden_pixels():
    model = predictor()
    log_px, _ = by_hand(model, X)
    view = caps.bind(model, None, X)
    assert torch.allclose(view.log_prob(X), log_px, rtol=1e-12)
    assert torch.allclose(view.log_prob(X.flatten(1)), log_px, rtol=1e-12)


def test_the_objective_is_its_mean_and_reaches_every_weight():
    model = predictor()
    loss = NegativeLogLikelihood()(model, Batch(X, torch.zeros(30).long()))
    log_px, _ = by_hand(model, X)
    assert float(loss.value.detach()) == pytest.approx(-float(log_px.mean().detach()))
    assert torch.equal(loss.value, -loss.logged["log_px"])
    loss.value.backward()
    expected = torch.autograd.grad(-by_hand(model, X)[0].mean(), list(model.parameters()))
    for parameter, gradient in zip(model.parameters(), expected, strict=True):
        assert torch.allclose(parameter.grad, gradient, rtol=1e-9, atol=1e-12)


def test_it_completes_an_image_with_probabilities_and_draws_nothing():
    model = predictor()
    view = model.given_pixels(X)
    images = view.sample(len(X)).flatten(1)
    assert torch.equal(images[:, ~HIDDEN], X.flatten(1)[:, ~HIDDEN])
    assert torch.allclose(images[:, HIDDEN], by_hand(model, X)[1].sigmoid())
    assert torch.equal(images, view.sample(len(X)).flatten(1))
    with pytest.raises(ValueError, match="cannot complete 2 images: 30 are bound"):
        view.sample(2)
