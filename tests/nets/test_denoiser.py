"""The network that is told a step."""

import pytest
import torch
from torch import nn

from genbench.core.seeding import seeded
from genbench.nets.denoiser import MlpDenoiser, sinusoids


def test_sinusoids_tell_every_step_from_every_other():
    table = sinusoids(1_000)
    assert table.shape == (1_000, 32)
    assert float(table.abs().max()) <= 1
    assert table[4, 0] == pytest.approx(float(torch.tensor(5.0).sin()))
    assert table[4, -1] == pytest.approx(float(torch.tensor(5e-4).cos()))
    apart = torch.cdist(table, table) + 9 * torch.eye(1_000)
    assert float(apart.min()) > 0.1


@pytest.mark.parametrize("hidden", [(), (7,), (7, 5)])
def test_one_step_for_all_is_that_step_for_each(hidden):
    with seeded(0, "init"):
        network, z = MlpDenoiser(4, 10, hidden, "silu"), torch.randn(6, 4)
    nn.init.normal_(network.output.weight)
    each = network(z, torch.full((6,), 3))
    assert each.shape == (6, 4)
    assert torch.allclose(network(z, 3), each)
    assert not torch.allclose(network(z, 4), each)


def test_it_starts_as_nearly_zero():
    network = MlpDenoiser(4, 10, (50,), "silu")
    found = network(torch.randn(100, 4), 1).detach()
    assert 0 < float(found.abs().max()) < 0.02
