"""Objectives of generative adversarial networks, from logits.

Written as softplus of the logit: ``-log(sigmoid(logit) + epsilon)`` saturates where the
discriminator is confident, exactly where the non-saturating loss should have a gradient.
"""

from dataclasses import dataclass
from typing import Any

from torch.nn.functional import softplus

from genbench.core.objective import Batch, Loss


@dataclass(frozen=True)
class NsGanDiscriminator:
    """-log D(x) - log(1 - D(G(z))), a batch mean; log D = -softplus(-logit).

    References:
        Goodfellow et al. 2014, equation 1.
    """

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch."""
        fake = model.sample(len(batch.x)).detach()
        real_logit, fake_logit = model.critic(batch.x), model.critic(fake)
        value = softplus(-real_logit).mean() + softplus(fake_logit).mean()
        return Loss(value, {"logit_real": real_logit.mean(), "logit_fake": fake_logit.mean()})


@dataclass(frozen=True)
class NsGanGenerator:
    """The non-saturating generator loss -log D(G(z)), a batch mean.

    References:
        Goodfellow et al. 2014, section 3.
    """

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch."""
        return Loss(softplus(-model.critic(model.sample(len(batch.x)))).mean(), {})


@dataclass(frozen=True)
class MinimaxGanGenerator:
    """The saturating generator loss log(1 - D(G(z))) = -softplus(logit), a batch mean.

    Its gradient with respect to a logit is -D(G(z)), and vanishes where the discriminator is sure
    of a fake; that of :class:`NsGanGenerator` is -(1 - D(G(z))), and tends to -1 there.

    References:
        Goodfellow et al. 2014, equation 1.
    """

    def __call__(self, model: Any, batch: Batch) -> Loss:
        """Return the loss of a batch."""
        return Loss(-softplus(model.critic(model.sample(len(batch.x)))).mean(), {})
