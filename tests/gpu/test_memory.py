"""Memory of the GPU: draws that do not fit are divided, and what cannot fit is told in a line."""

from contextlib import contextmanager

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal

from genbench import cli
from genbench.core.seeding import Stream
from genbench.inference import bounds
from genbench.inference.memory import in_pieces

MIB = 2**20
K, B, SIDE = 1500, 40, 28


@contextmanager
def only(mib):
    """Leave this process so many MiB of the GPU's memory besides what it holds."""
    torch.cuda.empty_cache()
    _, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + mib * MIB) / total)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
        torch.cuda.empty_cache()


class Decoder(torch.nn.Module):
    """A VAE of one layer each way, which keeps a digest of every draw that it decodes."""

    def __init__(self):
        super().__init__()
        self.net, self.seen = torch.nn.Linear(2, SIDE * SIDE), []

    def prior(self):
        zeros = torch.zeros(2, device=self.net.weight.device)
        return Independent(Normal(zeros, torch.ones_like(zeros)), 1)

    def posterior(self, x):
        means = x.flatten(1)[:, :2]
        return Independent(Normal(means, torch.full_like(means, 0.7)), 1)

    def observation_model(self, z):
        self.seen.append(z.cpu())
        logits = self.net(z).unflatten(-1, (1, SIDE, SIDE))
        return Independent(Bernoulli(logits=logits, validate_args=False), 3, validate_args=False)


@pytest.fixture
def weigh(cuda):
    """Weight K draws of some images; returns the bound, the draws, and the sizes of pieces."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(B, 1, SIDE, SIDE, generator=generator).round().to(cuda)

    def run():
        torch.manual_seed(0)
        model = Decoder().to(cuda)
        with torch.no_grad():
            bound = bounds.iw_log_likelihood(model, x, K, K, Stream(0))
        whole = [z for z in model.seen if len(z)]
        return bound, whole

    return run


def test_draws_that_do_not_fit_are_halved_and_give_the_same_number(weigh):
    expected, (together,) = weigh()
    with only(mib=160):  # the decoder's output alone is 179 MiB
        found, pieces = weigh()
    assert len(pieces) > 2
    decoded = pieces_that_fitted(pieces)
    assert torch.equal(torch.cat(decoded), together)  # the same draws, to the bit
    assert torch.allclose(found, expected, rtol=1e-6)  # of other products' sizes


def pieces_that_fitted(pieces):
    """Leave out the attempts that ran out of memory: another of their first draw followed."""
    kept = []
    for piece, following in zip(pieces, [*pieces[1:], None], strict=True):
        if following is None or not torch.equal(piece[0], following[0]):
            kept.append(piece)
    return kept


def test_elementwise_results_are_the_same_bits_in_any_pieces(cuda):
    rows = torch.randn(64, MIB, device=cuda)
    expected = torch.cat(list(in_pieces(torch.exp, iter([rows]), 64)))
    kept = expected.cpu()
    del expected
    with only(mib=100):
        found = torch.cat([piece.cpu() for piece in in_pieces(torch.exp, iter([rows]), 64)])
    assert torch.equal(found, kept)


def test_a_single_draw_that_does_not_fit_is_the_allocators_error(cuda):
    rows = torch.zeros(2, 64 * MIB, device=cuda)
    with only(mib=32), pytest.raises(torch.OutOfMemoryError):
        list(in_pieces(torch.exp, iter([rows]), 2))


SUITE = """
title = "Large"
[data]
name = "digits"
binarisation = "dynamic"
limit = 60
[train]
epochs = 1
batch_size = 20
[[model]]
recipe = "vae"
hidden = [{0}, {0}]
latent_dim = 3
[evaluate]
metrics = ["elbo"]
"""


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    """Run a suite whose networks have so many units; returns the exit code and stderr."""
    monkeypatch.chdir(tmp_path)

    def of(units):
        (tmp_path / "large.toml").write_text(SUITE.format(units))
        command = ["run", "--suite", "large.toml", "--no-report", "--device", "cuda"]
        return cli.main(command), capsys.readouterr().err

    return of


def test_a_run_that_does_not_fit_fails_in_a_line_and_the_next_one_goes_on(cuda, run):
    with only(mib=192):  # libraries take up to 64 of them
        code, told = run(8000)
        assert code == 4
        assert "memory" in told
        assert "Traceback" not in told
        assert len(told.strip().splitlines()) <= 10
        assert all(len(line) < 300 for line in told.splitlines())
        assert run(8)[0] == 0
    assert run(16)[0] == 0
