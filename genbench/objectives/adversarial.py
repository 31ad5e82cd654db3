"""Objectives of generative adversarial networks, from logits.

Written as softplus of the logit: ``-log(sigmoid(logit) + epsilon)`` saturates where the
discriminator is sure, and the gradient that the non-saturating loss exists for is gone.
"""

from dataclasses import dataclass
from typing import Any

from torch.nn.functional import softplus

from genbench.core.objective import Batch, Loss, Objective


def ns_gan_discriminator() -> Objective:
    """Return -log D(x) - log(1 - D(G(z))), a batch mean; log D = -softplus(-logit).

    References:
        Goodfellow et al. 2014, equation 1.
    """
    return NsGanDiscriminator()


@dataclass(frozen=True)
class NsGanDiscriminator:
    """What :func:`ns_gan_discriminator` returns."""

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch."""
        fake = model.sample(len(batch.x)).detach()
        real_logit, fake_logit = model.critic(batch.x), model.critic(fake)
        value = softplus(-real_logit).mean() + softplus(fake_logit).mean()
        return Loss(value, {"logit_real": real_logit.mean(), "logit_fake": fake_logit.mean()})


def ns_gan_generator() -> Objective:
    """Return the non-saturating generator loss -log D(G(z)), a batch mean.

    References:
        Goodfellow et al. 2014, section 3.
    """
    return NsGanGenerator()


@dataclass(frozen=True)
class NsGanGenerator:
    """What :func:`ns_gan_generator` returns."""

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch."""
        return Loss(softplus(-model.critic(model.sample(len(batch.x)))).mean(), {})


def minimax_gan_generator() -> Objective:
    """Return the saturating generator loss log(1 - D(G(z))) = -softplus(logit), a batch mean.

    Its gradient with respect to a logit is -D(G(z)), and vanishes where the discriminator is sure
    of a fake; that of :func:`ns_gan_generator` is -(1 - D(G(z))), and tends to -1 there.

    References:
        Goodfellow et al. 2014, equation 1.
    """
    return MinimaxGanGenerator()


@dataclass(frozen=True)
class MinimaxGanGenerator:
    """What :func:`minimax_gan_generator` returns."""

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch."""
        return Loss(-softplus(model.critic(model.sample(len(batch.x)))).mean(), {})
