import copy

import pytest
import torch
from torch import Tensor, nn

from genbench.training.divided_adam import FUSED_TENSORS, DividedAdam, piece_size


def network() -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 8, 3), nn.Flatten(), nn.Linear(8 * 26 * 26, 60), nn.Linear(60, 3)]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def train(optimizer_class: type, model: nn.Module, flags: list[float]) -> list[Tensor]:
    rate = torch.tensor(1e-2, dtype=torch.float64)
    optimizer = optimizer_class(
        model.parameters(), lr=rate, betas=(0.8, 0.95), weight_decay=0.1, fused=True
    )
    optimizer.found_inf = torch.zeros(())
    x = torch.randn(5, 1, 28, 28, generator=torch.Generator().manual_seed(1))
    for flag in flags:
        optimizer.zero_grad()
        model(x).square().sum().backward()
        for parameter in model.parameters():
            parameter.grad = torch.empty_like(parameter).copy_(parameter.grad)
        optimizer.found_inf.fill_(flag)
        optimizer.step()
    states = [value for state in optimizer.state.values() for value in state.values()]
    return [*model.parameters(), *states]


@pytest.mark.parametrize("flags", [[0.0] * 4, [0.0, 1.0, 0.0, 1.0]])
def test_pieces_step_bit_for_bit_as_whole_parameters(flags):
    model = network()
    whole = train(torch.optim.Adam, copy.deepcopy(model), flags)
    divided = train(DividedAdam, copy.deepcopy(model), flags)
    assert all(torch.equal(a, b) for a, b in zip(whole, divided, strict=True))


@pytest.mark.parametrize("sizes", [[7], [313_600, 400, 16_000, 40], [65_536] * 20, [10**7, 5]])
def test_pieces_of_a_small_model_fit_one_launch(sizes):
    size = piece_size(sizes)
    n_pieces = sum(-(-n // size) for n in sizes)
    assert size % 64 == 0
    assert n_pieces <= FUSED_TENSORS or size == 65_536
