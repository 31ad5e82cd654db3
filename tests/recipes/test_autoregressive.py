"""The recipe of masked autoregressive models: its start, and what training finds."""

import itertools

import pytest
import torch

from genbench.core.objective import Batch
from genbench.core.seeding import seeded
from genbench.models.densities import IndependentBernoulli
from genbench.recipes import recipes
from genbench.training.checkpoint import read_weights, weights_of, write_weights
from tests.recipes.helpers import build_recipe

SHAPE = (1, 2, 2)
IMAGES = torch.tensor(list(itertools.product([0.0, 1.0], repeat=4))).reshape(16, *SHAPE)
KEPT = 0.9


def xor():
    """Return p(x): fair coins x1, x2, x3, and x4 = x1 xor x3 with probability 0.9; any two pixels
    are independent."""
    x = IMAGES.flatten(1).long()
    same = x[:, 3] == x[:, 0] ^ x[:, 2]
    return torch.where(same, KEPT, 1 - KEPT).double() / 8


def build(seed=0, mean=0.5, **options):
    return build_recipe("made", torch.full(SHAPE, mean), seed, **options)


def divergence(model):
    """Return KL(p, model) in nats."""
    p = xor()
    with torch.no_grad():
        return float((p * (p.log() - model.log_prob(IMAGES).double())).sum())


def trained(n_steps=400, **options):
    built = build(**options)
    copies = (80 * xor()).round().long()  # 9 or 1 of each image, for 0.9 / 8 and 0.1 / 8
    x = IMAGES.repeat_interleave(copies, dim=0)
    (update,) = built.updates
    optimizer = torch.optim.Adam(update.parameters, lr=0.02)
    for _ in range(n_steps):
        optimizer.zero_grad()
        update.objective(built.model, Batch(x, torch.zeros(len(x)).long())).value.backward()
        optimizer.step()
    return built.model


def test_pixels_that_depend_in_pairs_of_pairs_are_learned():
    pixels = IndependentBernoulli(SHAPE)
    lost = divergence(pixels)
    assert lost > 0.36
    assert abs(divergence(trained(hidden=(32,)))) < 1e-3
    assert divergence(trained(hidden=())) > 0.9 * lost  # no linear model knows exclusive or


def test_an_untrained_model_starts_at_the_mean_image():
    model = build(mean=0.2).model
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.zero_()
        mean = model.conditionals(IMAGES).mean
    assert torch.allclose(mean, torch.tensor(0.2))


def test_its_objective_is_the_negative_log_likelihood_and_it_has_no_latent():
    built = build()
    (update,) = built.updates
    loss = update.objective(built.model, Batch(IMAGES, torch.zeros(16).long()))
    assert loss.value.item() == pytest.approx(-built.model.log_prob(IMAGES).mean().item())
    assert "latent_dim" not in recipes["made"].options.model_fields


def test_a_stored_model_is_the_same_bit_for_bit(tmp_path):
    options = {"hidden": (7, 5), "activation": "elu"}
    model, other = build(**options).model, build(seed=1, **options).model
    write_weights(tmp_path / "model.safetensors", weights_of(model))
    other.load_state_dict(read_weights(tmp_path / "model.safetensors"))
    assert torch.equal(other.log_prob(IMAGES), model.log_prob(IMAGES))
    with seeded(0, "draws"):
        drawn = model.sample(30)
    with seeded(0, "draws"):
        assert torch.equal(other.sample(30), drawn)


def test_without_direct_weights_there_are_fewer():
    with_them, without = (build(direct=direct).model for direct in (True, False))
    assert set(with_them.state_dict()) - set(without.state_dict()) == {"network.direct.weight"}
