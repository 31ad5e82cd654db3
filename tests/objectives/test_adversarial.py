"""GAN losses on fixed logits by hand, and their gradients at extreme logits."""

import math

import pytest
import torch
from torch import nn

from genbench.core.objective import Batch
from genbench.objectives import adversarial


class FixedLogits(nn.Module):
    """A critic that answers ``real`` on data and ``fake`` on samples, whatever they show."""

    def __init__(self, real, fake):
        super().__init__()
        self.real = nn.Parameter(torch.tensor(real, dtype=torch.float64))
        self.fake = nn.Parameter(torch.tensor(fake, dtype=torch.float64))
        self.generated = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def sample(self, n):
        return self.generated.expand(n, 1)

    def critic(self, x):
        logits = self.fake if torch.equal(x, self.generated.expand_as(x)) else self.real
        return logits + 0 * x.sum()


def batch_of(n):
    return Batch(torch.ones(n, 1, dtype=torch.float64), torch.zeros(n))


def log_sigmoid(v):
    return -math.log1p(math.exp(-v)) if v > -700 else v


def test_discriminator_loss_by_hand():
    model = FixedLogits([0.0, 2.0], [1.0, -1.0])
    loss = adversarial.NsGanDiscriminator()(model, batch_of(2))
    real = -(log_sigmoid(0.0) + log_sigmoid(2.0)) / 2
    fake = -(log_sigmoid(-1.0) + log_sigmoid(1.0)) / 2
    assert loss.value.item() == pytest.approx(real + fake, rel=1e-14)
    assert loss.logged["logit_real"].item() == 1.0
    assert loss.logged["logit_fake"].item() == 0.0


def test_generator_loss_by_hand():
    model = FixedLogits([0.0] * 3, [0.0, 3.0, -3.0])
    loss = adversarial.NsGanGenerator()(model, batch_of(3))
    by_hand = -(log_sigmoid(0.0) + log_sigmoid(3.0) + log_sigmoid(-3.0)) / 3
    assert loss.value.item() == pytest.approx(by_hand, rel=1e-14)


def test_an_undecided_discriminator_pays_two_log_two():
    model = FixedLogits([0.0] * 4, [0.0] * 4)
    value = adversarial.NsGanDiscriminator()(model, batch_of(4)).value
    assert value.item() == pytest.approx(math.log(4), rel=1e-15)


@pytest.mark.parametrize("logit", [-25.0, -100.0])
def test_generator_gradient_does_not_vanish_where_the_discriminator_is_sure(logit):
    model = FixedLogits([0.0], [logit])
    adversarial.NsGanGenerator()(model, batch_of(1)).value.backward()
    assert model.fake.grad.item() == pytest.approx(-1.0, abs=1e-10)


def test_minimax_generator_loss_by_hand():
    model = FixedLogits([0.0] * 3, [0.0, 3.0, -3.0])
    loss = adversarial.MinimaxGanGenerator()(model, batch_of(3))
    by_hand = (log_sigmoid(0.0) + log_sigmoid(-3.0) + log_sigmoid(3.0)) / 3  # log(1 - D)
    assert loss.value.item() == pytest.approx(by_hand, rel=1e-14)


@pytest.mark.parametrize("logit", [-700.0, -30.0, -2.0, 0.0, 2.0, 40.0])
def test_the_two_generator_losses_weigh_a_logit_with_d_and_with_one_minus_d(logit):
    slopes = []
    for factory in (adversarial.MinimaxGanGenerator, adversarial.NsGanGenerator):
        model = FixedLogits([0.0], [logit])
        factory()(model, batch_of(1)).value.backward()
        slopes.append(-model.fake.grad.item())
    e = math.exp(-abs(logit))
    unsure, sure = e / (1 + e), 1 / (1 + e)
    d, rest = (unsure, sure) if logit < 0 else (sure, unsure)
    assert slopes == pytest.approx([d, rest], rel=1e-14)


@pytest.mark.parametrize("logit", [25.0, 100.0])
def test_discriminator_gradient_does_not_vanish_where_it_is_wrong(logit):
    model = FixedLogits([-logit], [logit])
    adversarial.NsGanDiscriminator()(model, batch_of(1)).value.backward()
    assert model.real.grad.item() == pytest.approx(-1.0, abs=1e-10)
    assert model.fake.grad.item() == pytest.approx(1.0, abs=1e-10)


@pytest.mark.parametrize("logit", [1e4, -1e4])
def test_losses_are_finite_at_any_logit(logit):
    model = FixedLogits([logit], [-logit])
    for factory in (
        adversarial.NsGanDiscriminator,
        adversarial.NsGanGenerator,
        adversarial.MinimaxGanGenerator,
    ):
        assert torch.isfinite(factory()(model, batch_of(1)).value)


def test_the_discriminator_does_not_train_the_generator():
    model = FixedLogits([0.5], [0.5])
    adversarial.NsGanDiscriminator()(model, batch_of(1)).value.backward()
    assert model.generated.grad is None
