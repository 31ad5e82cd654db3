"""Wake-sleep against the linear model at its optimum and against sums over all dreams."""

import pytest
import torch
from torch.distributions import Categorical, Distribution

from genbench.core.objective import Batch
from genbench.core.seeding import seeded
from genbench.distributions.latent import ConstantScaleNormal
from genbench.distributions.observation import BernoulliHead, SharedGaussianHead
from genbench.inference.bounds import elbo_terms
from genbench.models.linear_vae import LinearVae
from genbench.models.vae import Vae
from genbench.nets.mlp import MlpDecoder, MlpEncoder
from genbench.objectives.elbo import NegativeElbo
from genbench.objectives.wake_sleep import (
    NegativeSleepLogPosterior,
    NegativeWakeElbo,
    dream,
)
from tests.inference.exact_models import (
    LATENT_DIM,
    N_PIXELS,
    SHAPE,
    DiscreteVae,
    correlated_data,
    fitted,
)

X = correlated_data(200)
PPCA = fitted(X)
N_REPEATS = 300


class OneComponent(Distribution):
    """A categorical distribution to which torch knows no divergence."""

    def __init__(self, logits):
        self._inner = Categorical(logits=logits)
        super().__init__(validate_args=False)

    def log_prob(self, z):
        return self._inner.log_prob(z)


def batch(x):
    return Batch(x, torch.zeros(len(x), dtype=torch.int64))


def linear_vae():
    """Principal components with their true posterior: nothing is left to learn."""
    model = LinearVae(
        MlpEncoder(N_PIXELS, (), "relu"),
        ConstantScaleNormal(N_PIXELS, LATENT_DIM),
        MlpDecoder(LATENT_DIM, (), SHAPE, "relu"),
        SharedGaussianHead(),
        LATENT_DIM,
    ).double()
    m = PPCA.W.square().sum(0) + PPCA.s2
    with torch.no_grad():
        model.decoder.output.weight.copy_(PPCA.W)
        model.decoder.output.bias.copy_(PPCA.mean)
        model.observation_head.log_scale.copy_(0.5 * PPCA.s2.log())
        model.posterior_head.linear.weight.copy_((PPCA.W / m).T)
        model.posterior_head.linear.bias.copy_(-PPCA.mean @ PPCA.W / m)
        model.posterior_head.log_scale.copy_(0.5 * (PPCA.s2 / m).log())
    return model


def small_vae():
    with seeded(0, "init"):
        encoder, decoder = MlpEncoder(12, (6,), "tanh"), MlpDecoder(2, (6,), SHAPE, "tanh")
        return Vae(encoder, ConstantScaleNormal(6, 2), decoder, BernoulliHead(), 2).double()


def parts(model):
    waking = [*model.decoder.parameters(), *model.observation_head.parameters()]
    sleeping = [*model.encoder.parameters(), *model.posterior_head.parameters()]
    return waking, sleeping


def mean_gradient_in_stderrs(model, objective, parameters):
    """Return each coordinate of the mean gradient over many draws, in standard errors."""
    gradients_of_draws = []
    with seeded(0, "draws"):
        for _ in range(N_REPEATS):
            gradients = torch.autograd.grad(objective(model, batch(X)).value, parameters)
            gradients_of_draws.append(torch.cat([g.flatten() for g in gradients]))
    each = torch.stack(gradients_of_draws)
    return each.mean(0) / (each.std(0) / N_REPEATS**0.5)


@pytest.mark.parametrize("phase", [0, 1], ids=["wake", "sleep"])
def test_at_the_optimum_with_the_true_posterior_neither_phase_moves(phase):
    model = linear_vae()
    objective = (NegativeWakeElbo(), NegativeSleepLogPosterior())[phase]
    z_scores = mean_gradient_in_stderrs(model, objective, parts(model)[phase])
    assert float(z_scores.abs().max()) < 4


def test_the_wake_phase_moves_a_wrong_decoder_and_the_sleep_phase_a_wrong_encoder():
    model = linear_vae()
    with torch.no_grad():
        model.observation_head.log_scale.add_(0.1)
        model.posterior_head.linear.bias.add_(0.1)
    waking, sleeping = parts(model)
    wake = mean_gradient_in_stderrs(model, NegativeWakeElbo(), waking)
    sleep = mean_gradient_in_stderrs(model, NegativeSleepLogPosterior(), sleeping)
    assert float(wake.abs().max()) > 8
    assert float(sleep.abs().max()) > 8


def test_the_mean_sleep_loss_is_the_sum_over_all_dreams():
    model, x = DiscreteVae(), DiscreteVae.all_data()
    joint = model.log_joint(x).exp()
    exact = -(joint * model.log_qz(x)).sum()
    with seeded(0, "draws"):
        z, dreams = dream(model, 40_000)
    losses = -model.posterior(dreams).log_prob(z)
    assert abs(losses.mean() - exact) < 4 * losses.std() / len(losses) ** 0.5
    objective = NegativeSleepLogPosterior()
    with seeded(0, "draws"):
        loss = objective(model, batch(x[:1].expand(40_000, -1)))
    assert float(loss.value) == pytest.approx(float(losses.mean()), rel=1e-12)
    assert float(loss.logged["log_qz_given_x"]) == -float(loss.value)


def test_the_wake_value_is_the_negative_elbo():
    model, x = small_vae(), X.round().clamp(0, 1)
    for k in (1, 5):
        with seeded(1, "z"):
            terms = elbo_terms(model, x, k)
        with seeded(1, "z"):
            loss = NegativeWakeElbo(k)(model, batch(x))
        assert float(loss.value.detach()) == pytest.approx(
            -float(terms.elbo.mean().detach()), rel=1e-12
        )
        assert float(loss.logged["elbo"].detach()) == pytest.approx(
            -float(loss.value.detach()), rel=1e-12
        )


def test_a_kl_without_a_closed_form_is_a_mean_over_the_draws():
    class Hidden(DiscreteVae):
        def prior(self):
            return OneComponent(self.prior_logits)

    x = DiscreteVae.all_data()
    with seeded(1, "z"):
        z = DiscreteVae().posterior(x).sample((3,))
    log_ratio = DiscreteVae().log_qz(x).T.gather(0, z) - DiscreteVae().log_joint(x).T.gather(0, z)
    with seeded(1, "z"):
        loss = NegativeWakeElbo(3)(Hidden(), batch(x))
    assert float(loss.value) == pytest.approx(float(log_ratio.mean()), rel=1e-12)


def test_the_decoder_gets_the_gradient_of_the_elbo():
    model, x = small_vae(), X.round().clamp(0, 1)
    waking, _ = parts(model)
    each = []
    for objective in (NegativeWakeElbo(2), NegativeElbo(n_samples=2)):
        with seeded(1, "z"):
            each.append(torch.autograd.grad(objective(model, batch(x)).value, waking))
    for ours, theirs in zip(*each, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("phase", [0, 1], ids=["wake", "sleep"])
def test_no_gradient_reaches_the_network_that_is_not_learning(phase):
    model, x = small_vae(), X.round().clamp(0, 1)
    objective = (NegativeWakeElbo(), NegativeSleepLogPosterior())[phase]
    objective(model, batch(x)).value.backward()
    learning, other = parts(model)[phase], parts(model)[1 - phase]
    assert all(p.grad is not None and p.grad.any() for p in learning)
    assert all(p.grad is None for p in other)
