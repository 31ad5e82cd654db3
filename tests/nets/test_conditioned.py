"""The decoder with a condition is the multilayer perceptron of code and condition side by side."""

import pytest
import torch

from genbench.core.seeding import seeded
from genbench.nets.conditioned import ConditionedMlpDecoder
from genbench.nets.mlp import MlpDecoder
from tests.draws import randn

SHAPE = (2, 1, 5)


def both(hidden):
    """The decoder, and the plain one with the same weights."""
    with seeded(0, "init"):
        decoder = ConditionedMlpDecoder(3, 4, hidden, SHAPE, "tanh").double()
        plain = MlpDecoder(7, hidden, SHAPE, "tanh").double()
    first, *rest = [m for m in plain.modules() if isinstance(m, torch.nn.Linear)]
    with torch.no_grad():
        decoder.from_code.weight.copy_(first.weight[:, :3])
        decoder.from_condition.weight.copy_(first.weight[:, 3:])
        decoder.from_condition.bias.copy_(first.bias)
        own = [m for m in decoder.body if isinstance(m, torch.nn.Linear)]
        for mine, theirs in zip(own, rest, strict=True):
            mine.load_state_dict(theirs.state_dict())
    return decoder, plain


@pytest.mark.parametrize("hidden", [(), (6,), (6, 5)])
def test_it_reads_code_and_condition_side_by_side(hidden):
    decoder, plain = both(hidden)
    z, c = randn(8, 9, 3), randn(9, 4, seed=1)
    joined = torch.cat((z, c.expand(8, 9, 4)), dim=-1)
    assert torch.allclose(decoder(z, decoder.read(c)), plain(joined), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("hidden", [(), (6,)])
def test_it_starts_at_the_image_it_is_given(hidden):
    decoder, _ = both(hidden)
    image = randn(*SHAPE, seed=2)
    with torch.no_grad():
        before = decoder(torch.zeros(1, 3).double(), decoder.read(torch.zeros(1, 4).double()))
        decoder.start_at(image)
        after = decoder(torch.zeros(1, 3).double(), decoder.read(torch.zeros(1, 4).double()))
        bias = (decoder.body[-1] if hidden else decoder.from_condition).bias
    assert torch.equal(bias, image.flatten())
    assert not torch.allclose(before, after)
