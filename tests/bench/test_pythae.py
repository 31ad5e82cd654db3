"""The rival does what its row says; only where it is installed."""

import math

import pytest
import torch

from genbench.bench import pythae_beside

CPU = torch.device("cpu")


@pytest.fixture
def network():
    pytest.importorskip("pythae")
    from genbench.bench import pythae_network

    return pythae_network


def test_its_network_has_the_parameters_of_ours(network, make_context):
    context = make_context()
    (case,) = make_context(models=("vae",), tasks=("train",)).cases()
    ours = sum(p.numel() for p in context.build(case).model.parameters())
    theirs = network.vae((1, 28, 28), case.hidden, case.latent_dim)
    assert sum(p.numel() for p in theirs.parameters()) == ours


def test_its_training_moves_every_parameter(network, monkeypatch, capsys):
    made, plain = [], network.vae
    monkeypatch.setattr(network, "vae", lambda *sizes: made.append(plain(*sizes)) or made[-1])
    contender = pythae_beside.training((8,), 2, 4, torch.rand(16, 1, 28, 28), CPU)
    before = [p.detach().clone() for p in made[0].parameters()]
    contender.call()
    assert contender.samples == 16
    after = list(made[0].parameters())
    assert all(not torch.equal(a, b) for a, b in zip(after, before, strict=True))
    assert capsys.readouterr() == ("", "")


def test_its_bound_is_a_log_likelihood(network):
    contender = pythae_beside.bound((8,), 2, 100, torch.rand(3, 1, 28, 28).round(), CPU)
    assert contender.samples == 300
    assert float(contender.call()) == pytest.approx(-784 * math.log(2), rel=0.1)  # untrained


def test_a_number_of_draws_that_it_would_round_has_no_row():
    assert pythae_beside.bound((8,), 2, 150, torch.rand(3, 1, 28, 28), CPU) is None


def test_nothing_is_imported_to_find_out_whether_it_is_there(monkeypatch):
    monkeypatch.setattr(pythae_beside, "find_spec", lambda name: None)
    assert not pythae_beside.installed()
