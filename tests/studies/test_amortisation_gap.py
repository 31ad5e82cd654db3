"""The closed forms of the study against scipy and torch, and its checks on a small scale."""

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from genbench.core.seeding import Stream, seeded
from genbench.distributions.latent import ConstantScaleNormal
from genbench.distributions.observation import FixedGaussianHead
from genbench.models.linear_vae import LinearVae
from genbench.nets.mlp import MlpDecoder, MlpEncoder
from genbench.studies import Setting, studies
from genbench.studies.amortisation_gap import (
    AMORTISED,
    LOG_PX,
    PER_DATUM,
    SHARED,
    closed_forms,
    divergence,
    posteriors,
)
from tests.draws import randn
from tests.inference.exact_models import N_PIXELS, SHAPE, correlated_data

X = correlated_data(30)
STUDY = studies["amortisation_gap"]
SMALL = STUDY.options(
    latent_dim=3,
    hidden=(8,),
    n_data=20,
    n_steps=300,
    n_draws=100,
    linear={"epochs": 2, "batch_size": 128, "learning_rate": 3e-2},
    network={"epochs": 2, "batch_size": 128, "learning_rate": 3e-2},
)


@pytest.fixture(scope="module")
def model():
    with seeded(0, "init"):
        encoder, decoder = MlpEncoder(N_PIXELS, (), "relu"), MlpDecoder(3, (), SHAPE, "relu")
        posterior = ConstantScaleNormal(N_PIXELS, 3)
        made = LinearVae(encoder, posterior, decoder, FixedGaussianHead(0.6), 3).double()
    with torch.no_grad():
        decoder.output.weight.copy_(0.7 * randn(N_PIXELS, 3, seed=3))
    return made


@pytest.fixture(scope="module")
def found():
    return STUDY.function(SMALL, Setting(Stream(0)))


def test_the_divergence_is_that_of_two_gaussians():
    loc, mu, scale = randn(5, 3), randn(5, 3, seed=1), randn(5, 3, seed=2).exp()
    factor = randn(3, 3, seed=3)
    precision = factor @ factor.T + torch.eye(3).double()
    q = Independent(Normal(loc, scale), 1)
    dense = MultivariateNormal(loc, torch.diag_embed(scale.square()))
    expected = kl_divergence(dense, MultivariateNormal(mu, precision_matrix=precision))
    arrays = (v.numpy() for v in (q.mean, q.variance, mu, precision))
    np.testing.assert_allclose(divergence(*arrays), expected.numpy(), rtol=1e-10)


def test_log_px_is_the_density_of_the_marginal_gaussian(model):
    W, b = (p.detach().numpy() for p in model.decoder.output.parameters())
    marginal = multivariate_normal(b, W @ W.T + 0.36 * np.eye(N_PIXELS))
    expected = marginal.logpdf(X.flatten(1).numpy())
    np.testing.assert_allclose(closed_forms(model, X)[LOG_PX], expected, rtol=1e-10)


def test_the_encoder_loses_its_divergence_from_the_true_posterior(model):
    exact = closed_forms(model, X)
    q = model.posterior(X).base_dist
    dense = MultivariateNormal(q.loc, torch.diag_embed(q.scale.square()))
    lost = kl_divergence(dense, model.true_posterior(X)).detach().numpy()
    np.testing.assert_allclose(exact[LOG_PX] - exact[AMORTISED], lost, rtol=1e-9)


def test_what_a_posterior_per_datum_loses_is_the_same_for_all(model):
    """1/2 [sum_i ln M_ii - ln |M|] with M = W^T W + s2 I."""
    W = model.decoder.output.weight.detach()
    m = W.T @ W + 0.36 * torch.eye(3).double()
    expected = float(0.5 * (m.diagonal().log().sum() - torch.logdet(m)))
    exact = closed_forms(model, X)
    np.testing.assert_allclose(exact[LOG_PX] - exact[PER_DATUM], expected, rtol=1e-9)
    assert expected > 0.02


def test_the_search_finds_the_best_posteriors(model):
    """What the posteriors that were found lose, by the closed form, against the least possible."""
    W, b = (p.detach().numpy() for p in model.decoder.output.parameters())
    precision = np.eye(3) + W.T @ W / 0.36
    mu = np.linalg.solve(precision, W.T @ (X.flatten(1).numpy() - b).T / 0.36).T
    exact = closed_forms(model, X)
    for scheme, q in posteriors(model, X, 600, Stream(0)).items():
        loc, variance = q.mean.detach().numpy(), q.variance.detach().numpy()
        lost = divergence(loc, variance, mu, precision).mean()
        least = (exact[LOG_PX] - exact[scheme]).mean()
        assert least - 1e-9 <= lost < least + 0.01, scheme
    assert exact[SHARED].mean() < exact[PER_DATUM].mean() < exact[LOG_PX].mean()


def test_every_scheme_and_split_has_its_row(found):
    table = found.tables["schemes"]
    assert len(table) == 2 * 2 * 4
    assert set(table.scheme) == {SHARED, AMORTISED, PER_DATUM, LOG_PX}
    assert table[table.decoder == "linear"].exact.notna().all()
    assert table[table.scheme == LOG_PX].lost.eq(0).all()


def test_bounds_come_in_order_on_a_small_scale_too(found):
    at = found.tables["schemes"].set_index(["decoder", "split", "scheme"]).value.sort_index()
    for decoder, split in (("linear", "test"), ("network", "train")):
        rows = at[decoder, split]
        assert rows[AMORTISED] < rows[PER_DATUM] < rows[LOG_PX]
    assert all(check.name and check.claim in ("=", ">=") for check in found.checks)
    assert len(found.checks) == 2 * 3 + 4 * 3
