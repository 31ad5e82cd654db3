"""Convolutional networks: sizes, conditions, leading dimensions."""

import pytest
import torch
from torch import nn

from genbench.core.seeding import seeded
from genbench.nets.conv import ConvDecoder, ConvEncoder
from tests.draws import randn


@pytest.mark.parametrize(("shape", "channels"), [((1, 8, 8), (3, 5)), ((2, 12, 8), (4,))])
def test_encoder_and_decoder_mirror_each_other(shape, channels):
    with seeded(0, "init"):
        encoder = ConvEncoder(shape, channels, 6, "relu").double()
        decoder = ConvDecoder(6, channels[::-1], shape, "relu").double()
    x = randn(5, *shape)
    shrink = 2 ** len(channels)
    coarse = (channels[-1], shape[1] // shrink, shape[2] // shrink)
    assert encoder.maps(x).shape == (5, *coarse)
    assert decoder.start_shape == coarse
    assert decoder(encoder(x)).shape == x.shape
    single = encoder(x[3:4])
    assert torch.allclose(encoder(x)[3:4], single, rtol=1e-12)


def test_the_condition_joins_before_the_dense_layer():
    with seeded(0, "init"):
        encoder = ConvEncoder((1, 8, 8), (3,), 6, "tanh", n_condition=2).double()
    x, condition = randn(5, 1, 8, 8), randn(5, 2)
    joined = torch.cat((encoder.maps(x).flatten(1), condition), 1)
    assert torch.equal(encoder(x, condition), encoder.dense(joined))
    assert not torch.allclose(encoder(x, condition), encoder(x, -condition))


def test_the_decoder_takes_any_leading_dimensions():
    with seeded(0, "init"):
        decoder = ConvDecoder(3, (4, 2), (1, 8, 8), "relu").double()
    z = randn(6, 2, 3)
    whole = decoder(z)
    assert whole.shape == (6, 2, 1, 8, 8)
    assert torch.allclose(whole.flatten(0, 1), decoder(z.flatten(0, 1)), rtol=1e-13)
    assert torch.allclose(whole[4, 1], decoder(z[4, 1]), rtol=1e-12)


def test_each_pixel_of_the_picture_is_reached_by_the_code():
    with seeded(0, "init"):
        decoder = ConvDecoder(3, (4, 2), (1, 8, 8), "silu").double()
    a, b = decoder(randn(1, 3)), decoder(-randn(1, 3))
    assert bool((a != b).all())


def test_batch_norm_and_dropout_are_there_where_asked():
    plain, normal = (
        ConvDecoder(3, (4, 2), (1, 8, 8), "relu", batch_norm=flag) for flag in (False, True)
    )
    count = [sum(isinstance(m, nn.BatchNorm2d) for m in net.modules()) for net in (plain, normal)]
    assert count == [0, 2]
    dropping = ConvEncoder((1, 8, 8), (3, 5), 6, "relu", dropout=0.3)
    assert [m.p for m in dropping.maps if isinstance(m, nn.Dropout)] == [0.3, 0.3]


def test_start_at_sets_the_mean_of_each_channel():
    with seeded(0, "init"):
        decoder = ConvDecoder(3, (4,), (2, 4, 4), "relu").double()
    nn.init.zeros_(decoder.output.weight)
    image = randn(2, 4, 4)
    decoder.start_at(image)
    decoded = decoder(randn(1, 3))[0]
    expected = image.mean(dim=(1, 2)).reshape(2, 1, 1).expand(2, 4, 4)
    assert torch.allclose(decoded, expected, rtol=1e-14)


@pytest.mark.parametrize("make", [ConvEncoder, ConvDecoder], ids=["encoder", "decoder"])
def test_weights_have_their_channels_last_on_a_processor_and_first_elsewhere(make):
    sizes = ((3, 8, 8), (4, 5), 6) if make is ConvEncoder else (6, (5, 4), (3, 8, 8))
    model = nn.Sequential(make(*sizes, "relu"))

    def layouts(model):
        weights = [p for p in model.parameters() if p.ndim == 4]
        formats = (torch.channels_last, torch.contiguous_format)
        return [{p.is_contiguous(memory_format=f) for p in weights} for f in formats]

    assert layouts(model) == [{True}, {False}]
    kept = [p.detach().clone() for p in model.parameters()]
    assert layouts(model.double()) == [{True}, {False}]
    assert all(torch.equal(p, k) for p, k in zip(model.parameters(), kept, strict=True))
    assert layouts(model.to("meta")) == [{False}, {True}]
