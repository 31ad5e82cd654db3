"""The rival does what its row says; only where it is installed."""

import math
from dataclasses import replace

import pytest
import torch

from genbench.bench import pythae_beside
from genbench.bench.settings import Case

CPU = torch.device("cpu")


CASE = Case("vae", "train", 4, (8,), 2)
needs_pythae = pytest.mark.skipif(not pythae_beside.installed(), reason="pythae is not installed")


@needs_pythae
def test_its_network_has_the_parameters_of_ours(make_context):
    context = make_context()
    (case,) = make_context(models=("vae",), tasks=("train",)).cases()
    ours = sum(p.numel() for p in context.build(case).model.parameters())
    theirs = pythae_beside.vae((1, 28, 28), case.hidden, case.latent_dim)
    assert sum(p.numel() for p in theirs.parameters()) == ours


@needs_pythae
def test_its_training_moves_every_parameter(monkeypatch, capsys):
    made, plain = [], pythae_beside.vae
    monkeypatch.setattr(pythae_beside, "vae", lambda *sizes: made.append(plain(*sizes)) or made[-1])
    contender = pythae_beside.train(CASE, torch.rand(16, 1, 28, 28), CPU)
    before = [p.detach().clone() for p in made[0].parameters()]
    contender.call()
    assert contender.samples == 16
    after = list(made[0].parameters())
    assert all(not torch.equal(a, b) for a, b in zip(after, before, strict=True))
    assert capsys.readouterr() == ("", "")


@needs_pythae
def test_its_bound_is_a_log_likelihood():
    contender = pythae_beside.bound(CASE, torch.rand(3, 1, 28, 28).round(), CPU)
    assert contender.samples == 300
    assert float(contender.call()) == pytest.approx(-784 * math.log(2), rel=0.1)  # untrained


def test_a_number_of_draws_that_it_would_round_has_no_row():
    case = replace(CASE, n_samples=150)
    assert pythae_beside.bound(case, torch.rand(3, 1, 28, 28), CPU) is None


def test_nothing_is_imported_to_find_out_whether_it_is_there(monkeypatch):
    monkeypatch.setattr(pythae_beside, "find_spec", lambda name: None)
    assert not pythae_beside.installed()
