"""Maxout layers against their definition."""

import torch

from genbench.core.seeding import seeded
from genbench.nets.maxout import Maxout, MaxoutEncoder


def test_each_output_is_the_largest_of_its_pieces():
    with seeded(0, "init"):
        layer = Maxout(3, 4, 5)
    h = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0))
    weight, bias = layer.linear.weight.reshape(4, 5, 3), layer.linear.bias.reshape(4, 5)
    expected = torch.stack(
        [(h @ weight[j].T + bias[j]).max(dim=-1).values for j in range(4)], dim=-1
    )
    assert torch.allclose(layer(h), expected, rtol=1e-6)


def test_it_is_convex_in_its_input():
    with seeded(0, "init"):
        layer = Maxout(3, 4, 5)
    a, b = torch.randn(2, 50, 3, generator=torch.Generator().manual_seed(0))
    assert bool((layer((a + b) / 2) <= (layer(a) + layer(b)) / 2 + 1e-6).all())


def test_the_encoder_drops_inputs_in_training_only():
    with seeded(0, "init"):
        net = MaxoutEncoder(12, (7, 5), 2, input_dropout=0.2, dropout=0.5)
    x = torch.rand(40, 1, 3, 4, generator=torch.Generator().manual_seed(0))
    assert net.n_features == 5
    net.eval()
    assert torch.equal(net(x), net(x))
    net.train()
    with seeded(0, "a"):
        dropped = net(x)
    assert 0.4 < float((dropped == 0).float().mean()) < 0.6
