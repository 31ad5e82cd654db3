"""Posteriors without an encoder: whose they are, and what can be asked of them."""

import pytest
import torch
from torch.distributions import kl_divergence

from genbench.core import capabilities as caps
from genbench.core.errors import ConfigError
from genbench.core.objective import Batch
from genbench.core.seeding import seeded
from genbench.distributions.observation import BernoulliHead, FixedGaussianHead
from genbench.inference.bounds import elbo_terms
from genbench.models.variational_em import PerDatumVae, SharedPosteriorVae
from genbench.nets.mlp import MlpDecoder
from genbench.objectives.elbo import NegativeElbo, NegativePerDatumElbo
from genbench.recipes import DataFacts, recipes
from genbench.training.config import TrainConfig
from tests.draws import randn
from tests.inference.exact_models import LATENT_DIM, N_PIXELS, SHAPE, correlated_data, fitted

N = 40
X = correlated_data(N)
PPCA = fitted(X)


def per_datum(n=9):
    with seeded(0, "init"):
        decoder = MlpDecoder(2, (6,), SHAPE, "tanh")
        model = PerDatumVae(decoder, BernoulliHead(), 2, n).double()
    with torch.no_grad():
        model.free.loc.copy_(randn(n, 2))
        model.free.log_scale.copy_(0.3 * randn(n, 2, seed=1))
    return model


def with_the_decoder_of_ppca(kind, *sizes):
    decoder = MlpDecoder(LATENT_DIM, (), SHAPE, "relu")
    model = kind(decoder, FixedGaussianHead(float(PPCA.s2.sqrt())), LATENT_DIM, *sizes).double()
    with torch.no_grad():
        model.decoder.output.weight.copy_(PPCA.W)
        model.decoder.output.bias.copy_(PPCA.mean)
    return model


def mean_gradient_in_stderrs(model, objective, batch, n_repeats=200):
    """Return each coordinate of the posterior's mean gradient over draws, in standard errors."""
    parameters, found = list(model.free.parameters()), []
    with seeded(0, "z"):
        for _ in range(n_repeats):
            gradients = torch.autograd.grad(objective(model, batch).value, parameters)
            found.append(torch.cat([g.flatten() for g in gradients]))
    each = torch.stack(found)
    return each.mean(0) / (each.std(0) / n_repeats**0.5)


def test_a_view_has_the_posteriors_of_its_data_whatever_their_pixels():
    model, index = per_datum(), torch.tensor([7, 0, 7])
    q = model.at(index).posterior(torch.zeros(3, *SHAPE)).base_dist
    assert torch.equal(q.loc, model.free.loc[[7, 0, 7]])
    assert torch.equal(q.scale, model.free.log_scale[[7, 0, 7]].exp())


def test_there_is_no_posterior_for_unseen_images():
    model = per_datum()
    assert caps.missing(model, caps.Variational) == ["posterior(x)"]
    assert not caps.missing(model, caps.Generative)
    assert isinstance(model.at(torch.arange(3)), caps.Variational)


def test_one_q_is_shared_by_all_images():
    model = with_the_decoder_of_ppca(SharedPosteriorVae)
    with torch.no_grad():
        model.free.loc.copy_(randn(1, LATENT_DIM))
    q = model.posterior(X)
    assert torch.equal(q.mean, model.free.loc.expand(N, -1))
    assert q.batch_shape == (N,)


def test_they_start_at_the_prior():
    model = with_the_decoder_of_ppca(PerDatumVae, N)
    assert float(elbo_terms(model.at(torch.arange(N)), X).kl.abs().max().detach()) == 0


def test_only_the_posteriors_in_the_batch_get_a_gradient():
    model = per_datum()
    x, index = X[:3].clamp(0, 1).round(), torch.tensor([4, 1, 8])
    with seeded(1, "z"):
        NegativePerDatumElbo()(model, Batch(x, index, indices=index)).value.backward()
    reached = model.free.loc.grad.any(dim=1)
    assert reached.nonzero().squeeze(1).tolist() == [1, 4, 8]


def test_the_objective_is_the_negative_elbo_of_the_view():
    model, index = per_datum(), torch.arange(3)
    x = X[:3].clamp(0, 1).round()
    with torch.no_grad():
        with seeded(1, "z"):
            terms = elbo_terms(model.at(index), x, 4)
        with seeded(1, "z"):
            loss = NegativePerDatumElbo(10.0, 4)(model, Batch(x, index, 5.0, index))
    expected = float((terms.log_px_given_z - 0.5 * terms.kl).mean())
    assert float(loss.value) == pytest.approx(-expected, rel=1e-12)
    assert float(loss.logged["elbo"]) == pytest.approx(float(terms.elbo.mean()), rel=1e-12)


def test_with_the_true_posterior_of_each_datum_the_elbo_is_log_px():
    """Under principal components the true posterior is factorised: q_n can be it."""
    model, index = with_the_decoder_of_ppca(PerDatumVae, N), torch.arange(N)
    true = PPCA.posterior(X).base_dist
    with torch.no_grad():
        model.free.loc.copy_(true.loc)
        model.free.log_scale.copy_(true.scale.log())
        terms = elbo_terms(model.at(index), X, control_variate=True)
    assert torch.allclose(terms.elbo, PPCA.log_prob(X), rtol=1e-6)  # the scale is in float32


def best_shared():
    """The mean of the true posterior means, with their common scale."""
    model = with_the_decoder_of_ppca(SharedPosteriorVae)
    true = PPCA.posterior(X).base_dist
    with torch.no_grad():
        model.free.loc.copy_(true.loc.mean(0, keepdim=True))
        model.free.log_scale.copy_(true.scale[:1].log())
    return model, true


def gap(model):
    return kl_divergence(model.posterior(X), PPCA.posterior(X)).mean()


def test_the_best_shared_posterior_pays_for_the_spread_of_the_true_ones():
    """It loses sum_i Var(mu_i) / (2 s_i^2) against one posterior for each datum."""
    model, true = best_shared()
    spread = (true.loc.var(0, correction=0) / (2 * true.scale[0].square())).sum()
    with torch.no_grad():
        assert float(gap(model)) == pytest.approx(float(spread), rel=1e-12)
        for parameter in model.free.parameters():
            for change in (0.1, -0.1):
                parameter.add_(change)
                assert gap(model) > spread
                parameter.sub_(change)


def test_the_e_step_rests_at_the_best_shared_posterior():
    batch = Batch(X, torch.arange(N))
    model, _ = best_shared()
    there = mean_gradient_in_stderrs(model, NegativeElbo(), batch)
    with torch.no_grad():
        model.free.loc.add_(0.1)
    away = mean_gradient_in_stderrs(model, NegativeElbo(), batch)
    assert float(there.abs().max()) < 4
    assert float(away.abs().max()) > 8


def build(**options):
    chosen = recipes["variational_em"].options(hidden=(6,), latent_dim=2, **options)
    facts = DataFacts(SHAPE, 3, torch.full(SHAPE, 0.4), 25)
    return recipes["variational_em"].build(facts, chosen, TrainConfig())


def test_the_recipe_alternates_steps_of_posterior_and_decoder():
    built = build(inference_rate=7.0, inference_steps=3)
    e_step, m_step = built.updates
    assert (e_step.name, e_step.learning_rate_scale, e_step.steps_per_batch) == ("e_step", 7.0, 3)
    assert {p.shape for p in e_step.parameters} == {(25, 2)}
    assert [u.validates for u in built.updates] == [False, False]
    assert m_step.objective == e_step.objective == NegativePerDatumElbo()


def test_a_shared_posterior_is_validated_by_its_m_step():
    built = build(scheme="shared")
    assert [u.validates for u in built.updates] == [False, True]
    assert built.updates[0].objective == NegativeElbo()
    assert {p.shape for p in built.updates[0].parameters} == {(1, 2)}


def test_the_number_of_training_images_must_be_known():
    found = recipes["variational_em"]
    facts = DataFacts((1, 3, N_PIXELS // 3), 3, torch.full((1, 3, N_PIXELS // 3), 0.4))
    with pytest.raises(ConfigError, match="'per_datum' needs the number of training data"):
        found.build(facts, found.options(hidden=(6,)), TrainConfig())
