"""The plain loop computes what it should: a slow rival must still be a right one."""

import multiprocessing
import sys

import pytest
import torch
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from genbench.bench.data import synthetic
from genbench.bench.settings import Case
from genbench.bench.textbook import (
    TextbookImages,
    TextbookVae,
    _forever,
    _loader,
    _step_of,
    textbook,
)

CPU = torch.device("cpu")


def test_images_are_served_one_by_one_as_grey_values():
    pytest.importorskip("torchvision")
    data = synthetic(3, CPU)
    images = TextbookImages(data)
    assert len(images) == 3
    x, y = images[2]
    assert torch.equal(x, data.levels[2].float() / 255)
    assert y == data.labels[2]


def test_the_loss_of_the_plain_vae_is_the_negative_elbo():
    torch.manual_seed(0)
    model, x = TextbookVae(6, (5,), 2), torch.rand(4, 1, 2, 3).round()
    mean, log_variance = model.encoder(x.flatten(1)).chunk(2, dim=1)
    q = Independent(Normal(mean, (0.5 * log_variance).exp()), 1)
    p = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
    torch.manual_seed(1)
    z = mean + (0.5 * log_variance).exp() * torch.randn(4, 2)
    log_px = Bernoulli(logits=model.decoder(z)).log_prob(x.flatten(1)).sum(dim=1)
    expected = (kl_divergence(q, p) - log_px).mean()
    torch.manual_seed(1)
    assert torch.allclose(model.loss(x, torch.zeros(4, dtype=torch.int64)), expected)


@pytest.mark.parametrize("recipe", ["ae", "vae", "cvae"])
def test_the_plain_loop_learns(recipe):
    torch.manual_seed(0)
    step = _step_of(recipe, 784, (32,), 4, CPU)
    x = (torch.rand(1, 1, 28, 28) < 0.3).float().expand(16, -1, -1, -1)
    losses = [step(x, torch.zeros(16, dtype=torch.int64)) for _ in range(60)]
    assert losses[-1] < 0.5 * losses[0]


def test_the_plain_generator_learns_to_fool_a_critic_that_stands_still():
    torch.manual_seed(0)
    step = _step_of("gan", 784, (32,), 4, CPU)
    x = torch.full((16, 1, 28, 28), 0.9)
    first, *_, last = (step(x, torch.zeros(16)) for _ in range(20))
    assert last < first  # at the start the images are grey, and the critic learns at once


@pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_the_worker_that_loads_for_a_gpu_ends_with_the_loop():
    pytest.importorskip("torchvision")
    images = TextbookImages(synthetic(20, CPU))
    batches = _forever(_loader(images, 4, torch.device("cuda")))
    before = multiprocessing.active_children()
    shapes = [tuple(next(batches)[0].shape) for _ in range(12)]  # more than two passes
    assert shapes == [(4, 1, 28, 28)] * 12
    (worker,) = set(multiprocessing.active_children()) - set(before)
    del batches
    assert not worker.is_alive()


def test_without_torchvision_there_is_no_rival(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    assert textbook(Case("vae", "train", 4, (8,), 2), synthetic(8, CPU), CPU) is None


def test_a_recipe_without_a_tutorial_has_no_rival():
    assert textbook(Case("iwae", "train", 4, (8,), 2), synthetic(8, CPU), CPU) is None
