"""Colour images against three grey ones: channels are pixels like any others, and all count."""

import math

import pytest
import torch

from genbench.core.seeding import Stream
from genbench.evaluation.runner import evaluate_model, make_task
from genbench.evaluation.spec import Context
from genbench.models.controls import KMeans, MeanImage
from genbench.models.densities import IndependentBernoulli, IndependentGaussian
from genbench.models.linear_gaussian import LinearGaussian
from genbench.models.mixtures import MixtureDensity
from genbench.recipes import DataFacts, recipes
from genbench.training.config import TrainConfig

GREY, COLOUR = (1, 4, 5), (3, 4, 5)
PERMUTED = [2, 0, 1]


def channels(n, seed, *, binary=False):
    """Three sets of grey images, correlated over pixels and with each other, in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    like = {"dtype": torch.float64, "generator": generator}
    codes, noise = torch.rand(n, 1, 1, 4, **like), torch.rand(n, 3, 4, 5, **like)
    mix = torch.rand(3, 4, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(9))
    x = 0.2 * (codes.unsqueeze(-2) @ mix).squeeze(-2) + 0.2 * noise
    return list(((x > 0.5).double() if binary else x).split(1, dim=1))


def fitted(model, x):
    model.fit(x)
    return model


def number(model, x, metric, n_levels=None, **options):
    context = Context(model, Stream(0), n_levels=n_levels)
    (row,) = evaluate_model(x, None, [make_task(metric, options)], context)[0].rows
    assert row.status == "ok", row.reason
    return row.value


@pytest.mark.parametrize("kind", [IndependentBernoulli, IndependentGaussian])
def test_independent_pixels_of_colour_are_three_grey_models(kind):
    binary = kind is IndependentBernoulli
    train, test = (channels(n, n, binary=binary) for n in (50, 30))
    whole = fitted(kind(COLOUR), torch.cat(train, dim=1))
    parts = [fitted(kind(GREY), a).log_prob(b) for a, b in zip(train, test, strict=True)]
    log_px = whole.log_prob(torch.cat(test, dim=1))
    assert torch.allclose(log_px, torch.stack(parts).sum(dim=0), rtol=1e-13)


@pytest.mark.parametrize(
    "make",
    [
        lambda: IndependentGaussian(COLOUR),
        lambda: LinearGaussian(4, COLOUR),
        lambda: MixtureDensity(1, COLOUR, "full"),
    ],
    ids=["independent pixels", "linear Gaussian", "full Gaussian"],
)
def test_the_order_of_the_channels_changes_no_density(make):
    train, test = (torch.cat(channels(n, n), dim=1) for n in (90, 30))
    log_px = fitted(make(), train).log_prob(test)
    permuted = fitted(make(), train[:, PERMUTED]).log_prob(test[:, PERMUTED])
    assert torch.allclose(permuted, log_px, rtol=1e-9)


def test_bits_are_per_channel_of_each_pixel():
    train, test = (torch.cat(channels(n, n), dim=1) for n in (50, 30))
    model = fitted(IndependentGaussian(COLOUR), train)
    nats = -float(model.log_prob(test).mean())
    expected = nats / (3 * 4 * 5 * math.log(2)) + 8
    assert number(model, test, "bits_per_dim", n_levels=256) == pytest.approx(expected, rel=1e-12)


def test_the_squared_error_is_the_mean_over_channels():
    train, test = channels(50, 50), channels(30, 30)
    whole = fitted(MeanImage(COLOUR), torch.cat(train, dim=1))
    errors = [
        number(fitted(MeanImage(GREY), a), b, "reconstruction_mse")
        for a, b in zip(train, test, strict=True)
    ]
    found = number(whole, torch.cat(test, dim=1), "reconstruction_mse")
    assert found == pytest.approx(sum(errors) / 3, rel=1e-6)


def test_centroids_keep_their_channels_apart():
    colours = torch.zeros(30, *COLOUR)
    for i in range(30):
        colours[i, i % 3] = 1
    centroids = fitted(KMeans(3, COLOUR), colours).sample(3)
    assert {tuple(c.mean(dim=(1, 2)).round().tolist()) for c in centroids} == {
        (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
    }  # fmt: skip


def test_a_shown_quadrant_has_all_its_channels_and_bits_count_the_hidden_ones():
    facts = DataFacts(COLOUR, 1, torch.full(COLOUR, 0.5))
    options = recipes["cvae_pixels"].options(hidden=(4,), latent_dim=2)
    model = recipes["cvae_pixels"].build(facts, options, TrainConfig()).model.double()
    assert int((~model.hidden()).sum()) == 3 * 2 * 2  # bottom left: rows 2, 3 and columns 0, 1
    x = torch.cat(channels(20, 1, binary=True), dim=1)
    elbo = number(model, x, "elbo")
    bits = number(model, x, "bits_per_dim")
    assert bits == pytest.approx(-elbo / (3 * 16 * math.log(2)), rel=1e-9)
    whole = model.given_pixels(x).sample(20)
    assert torch.equal(whole[:, :, 2:, :2], x[:, :, 2:, :2])
