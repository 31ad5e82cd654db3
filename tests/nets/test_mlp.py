"""Multilayer perceptrons: values by hand, conditions, leading dimensions."""

import math

import pytest
import torch
from torch import nn

from genbench.core.seeding import seeded
from genbench.nets.mlp import ACTIVATIONS, MlpDecoder, MlpEncoder, layers
from tests.draws import randn


def test_layers_are_linear_maps_each_followed_by_the_activation():
    with seeded(0, "init"):
        stack = layers((3, 4, 2), "tanh").double()
    first, second = (m for m in stack if isinstance(m, nn.Linear))
    x = randn(5, 3)
    hidden = torch.tanh(x @ first.weight.T + first.bias)
    expected = torch.tanh(hidden @ second.weight.T + second.bias)
    assert torch.allclose(stack(x), expected, rtol=1e-14)
    assert len(stack) == 4


@pytest.mark.parametrize(
    ("name", "at_minus_one"),
    [
        ("relu", 0.0),
        ("tanh", -0.7615942),
        ("elu", math.exp(-1) - 1),
        ("silu", -0.2689414),
        ("leaky_relu", -0.2),
    ],
)
def test_every_activation_is_used_by_its_name(name, at_minus_one):
    assert set(ACTIVATIONS) == {"relu", "tanh", "elu", "silu", "leaky_relu"}
    activation = layers((2, 2), name)[1]
    assert activation(torch.tensor([-1.0])).item() == pytest.approx(at_minus_one, abs=1e-6)
    assert activation(torch.tensor([0.0])).item() == 0


def test_dropout_is_there_where_asked_and_silent_in_evaluation():
    stack = layers((3, 50), "relu", dropout=0.5)
    assert [m.p for m in stack if isinstance(m, nn.Dropout)] == [0.5]
    stack.eval()
    x = torch.ones(2, 3)
    assert torch.equal(stack(x), stack(x))
    assert not [m for m in layers((3, 4), "relu") if isinstance(m, nn.Dropout)]


def test_the_encoder_reads_pixels_and_condition_side_by_side():
    with seeded(0, "init"):
        encoder = MlpEncoder(4, (3,), "tanh", n_condition=2).double()
    x, condition = randn(5, 1, 2, 2), randn(5, 2)
    assert torch.equal(encoder(x, condition), encoder.body(torch.cat((x.flatten(1), condition), 1)))
    assert encoder.n_features == 3


def test_without_hidden_layers_the_encoder_is_the_identity():
    encoder = MlpEncoder(4, (), "relu")
    x = randn(5, 1, 2, 2)
    assert encoder.n_features == 4
    assert torch.equal(encoder(x), x.flatten(1))


def test_the_decoder_takes_any_leading_dimensions():
    with seeded(0, "init"):
        decoder = MlpDecoder(3, (7,), (2, 4, 5), "relu").double()
    z = randn(6, 2, 3)
    whole = decoder(z)
    assert whole.shape == (6, 2, 2, 4, 5)
    assert torch.allclose(whole.flatten(0, 1), decoder(z.flatten(0, 1)), rtol=1e-14)
    assert torch.allclose(whole[4, 1], decoder(z[4, 1]), rtol=1e-13)


def test_start_at_sets_what_an_input_of_no_effect_decodes_to():
    decoder = MlpDecoder(3, (), (1, 4, 5), "relu").double()
    image = randn(1, 4, 5)
    decoder.start_at(image)
    zero = torch.zeros(2, 3, dtype=torch.float64)
    assert torch.equal(decoder(zero), image.expand(2, 1, 4, 5))
    assert decoder.output.bias.requires_grad
