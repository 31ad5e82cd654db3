"""The annealed density and its gradients."""

import pytest
import torch
from torch import nn

from genbench.inference import path
from genbench.inference.path import Path, chunk_within_memory
from tests.draws import randn
from tests.inference.annealed import bent, points

BETA = 0.37


def by_hand(z):
    """Gradients of both parts of the bent density, from the formula."""
    sharper = torch.arange(1, z.shape[1] + 1, dtype=z.dtype)
    first, second = z[..., 0], z[..., 1]
    off = second - first.square()
    along = torch.stack((1.2 * first.pow(3) - 2.8 * first * off, 1.4 * off), dim=-1)
    return -z, -sharper.unsqueeze(-1) * along


def test_state_holds_both_densities_and_both_gradients():
    z = points()
    state = Path(bent).at(z)
    log_start, log_ratio = bent(z)
    grad_start, grad_ratio = by_hand(z)
    assert torch.equal(state.log_density(BETA), log_start + BETA * log_ratio)
    assert torch.allclose(state.grad_start, grad_start, rtol=1e-14)
    assert torch.allclose(state.grad_ratio, grad_ratio, rtol=1e-13)
    assert torch.allclose(state.gradient(BETA), Path(bent).gradient(z, BETA), rtol=1e-13)


@pytest.mark.parametrize("chunk", [1, 2, 3, 50])
def test_chunks_change_no_number(chunk):
    z = points()
    whole, pieces = Path(bent).at(z), Path(bent, chunk).at(z)
    for ours, theirs in zip(whole, pieces, strict=True):
        assert torch.equal(ours, theirs)
    assert torch.equal(Path(bent).gradient(z, BETA), Path(bent, chunk).gradient(z, BETA))


def test_a_density_that_ignores_z_has_gradient_zero():
    def flat(z):
        ones = torch.ones(z.shape[:-1], dtype=z.dtype)
        return ones, 2 * ones

    state = Path(flat).at(points())
    assert not state.gradient(BETA).any()
    assert not Path(flat).gradient(points(), BETA).any()


def test_parameters_collect_no_gradient_and_no_grad_mode_is_no_obstacle():
    layer = nn.Linear(2, 1).double()
    path = Path(lambda z: (-z.square().sum(-1), layer(z).squeeze(-1)))
    with torch.no_grad():
        state = path.at(points())
        inner = path.gradient(points(), 1.0)
    assert torch.allclose(state.grad_ratio, layer.weight.detach().expand_as(state.z))
    assert torch.allclose(inner, state.gradient(1.0))
    assert all(parameter.grad is None for parameter in layer.parameters())
    assert not any(tensor.requires_grad for tensor in state)


def test_states_merge_chain_by_chain():
    first, second = Path(bent).at(points(seed=1)), Path(bent).at(points(seed=2))
    accepted = torch.tensor([[True, False, True, False]] * 3)
    for mixed, a, b in zip(first.where(accepted, second), first, second, strict=True):
        assert torch.equal(mixed[:, ::2], a[:, ::2])
        assert torch.equal(mixed[:, 1::2], b[:, 1::2])


def test_chunk_shrinks_with_the_memory_and_is_never_zero():
    weight = randn(2, 5000)

    def wide(z):
        return -z.square().sum(-1), torch.tanh(z @ weight).sum(-1)

    z = points(n_chains=16)
    kept = 4 * 5000 * 8  # the tanh of one chain
    assert chunk_within_memory(wide, z) is None
    chunk = chunk_within_memory(wide, z, limit=20 * kept)
    assert chunk is not None
    assert 5 <= chunk <= 10
    assert chunk_within_memory(wide, z, limit=1) == 1


def test_without_a_limit_the_chunk_is_that_of_the_device(monkeypatch):
    z = points(n_chains=16)
    chunks = [chunk_within_memory(bent, z, limit) for limit in (None, path.MEMORY_LIMIT, 1000)]
    monkeypatch.setattr(path, "MEMORY_LIMIT", 1000)
    assert [*chunks, chunk_within_memory(bent, z)] == [None, None, chunks[2], chunks[2]]
    assert chunks[2] is not None
