"""The GAN of 2014: its sizes, starting point and losses."""

import pytest
import torch
from torch import nn

from genbench.core.objective import Batch
from genbench.core.seeding import seeded
from genbench.nets.maxout import Maxout
from genbench.recipes import DataFacts, recipes
from genbench.training.config import TrainConfig

IMAGE = 0.1 + 0.8 * torch.rand(1, 28, 28, generator=torch.Generator().manual_seed(0))


def build(**options):
    chosen = recipes["gan_2014"]
    with seeded(0, "init"):
        facts = DataFacts((1, 28, 28), 10, IMAGE)
        return chosen.build(facts, chosen.options(**options), TrainConfig())


@pytest.fixture(scope="module")
def built():
    return build()


def test_it_has_the_sizes_of_the_paper(built):
    widths = [m.out_features for m in built.model.generator.modules() if isinstance(m, nn.Linear)]
    maxouts = [m for m in built.model.critic_body.modules() if isinstance(m, Maxout)]
    assert widths == [1200, 1200, 784]
    assert [(m.linear.out_features, m.n_pieces) for m in maxouts] == [(1200, 5), (1200, 5)]
    dropped = [m.p for m in built.model.critic_body.modules() if isinstance(m, nn.Dropout)]
    assert dropped == [0.2, 0.5, 0.5]
    assert built.model.prior().event_shape == (100,)


def test_its_noise_is_uniform_with_unit_variance(built):
    with seeded(0, "z"):
        z = built.model.prior().sample((2000,))
    assert float(z.abs().max()) <= 3**0.5
    assert float(z.var()) == pytest.approx(1, abs=0.01)
    with seeded(0, "z"):
        narrow = build(generator_hidden=(3,), prior_limit=1.0).model.prior().sample((9,))
    assert float(narrow.abs().max()) <= 1


def test_weights_start_in_their_ranges_and_images_at_the_mean(built):
    generator, critic = built.model.generator, built.model.critic_body
    for part, limit in ((generator, 0.05), (critic, 0.005)):
        largest = max(float(p.detach().abs().max()) for p in part.parameters() if p.ndim > 1)
        assert 0.99 * limit < largest <= limit
    assert torch.allclose(generator.output.bias.sigmoid(), IMAGE.flatten(), atol=1e-5)


def test_both_players_learn_and_choose_no_checkpoint(built):
    discriminator, generator = built.updates
    assert (discriminator.learning_rate_scale, generator.learning_rate_scale) == (0.5, 1.0)
    assert [u.validates for u in built.updates] == [False, False]
    x = torch.rand(8, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    for update in built.updates:
        with seeded(0, "loss"):
            loss = update.objective(built.model, Batch(x, torch.zeros(8))).value
        gradients = torch.autograd.grad(loss, list(update.parameters))
        assert all(bool(g.any()) for g in gradients if g.ndim > 1)
