"""The bounds against exact answers, and their invariances."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm
from torch.distributions import (
    AffineTransform,
    Categorical,
    Independent,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
    kl_divergence,
)

from genbench.core.seeding import Stream, seeded
from genbench.inference import bounds
from genbench.inference.bounds import K_BLOCK
from genbench.inference.streaming import StreamingLogMeanExp
from tests.draws import randn
from tests.inference.exact_models import (
    Counting,
    DiscreteVae,
    IgnoresLatent,
    WrongPosterior,
    correlated_data,
    fitted,
)

X = correlated_data()
MODEL = fitted(X)
STREAM = Stream(0, ("test",))
sizes = st.integers(1, 4 * K_BLOCK)


def relative_error(found, expected):
    return float((found - expected).abs().max() / expected.abs().max())


# --- the true posterior: no sampling error at all ---


def test_every_log_weight_equals_log_px_under_the_true_posterior():
    q = bounds.posterior_of(MODEL, X)
    with seeded(0, "z"):
        z = bounds.draw(q, 20)
    log_w = bounds.log_weights(MODEL, X, z, q)
    assert log_w.shape == (20, len(X))
    assert relative_error(log_w, MODEL.log_prob(X)) < 1e-11


def test_elbo_is_log_px_under_the_true_posterior():
    with seeded(0, "z"):
        terms = bounds.elbo_terms(MODEL, X, n_samples=7, control_variate=True)
    assert relative_error(terms.elbo, MODEL.log_prob(X)) < 1e-11


@pytest.mark.parametrize("k", [1, 2, K_BLOCK, K_BLOCK + 3])
def test_iw_bound_is_log_px_for_any_k_under_the_true_posterior(k):
    found = bounds.iw_log_likelihood(MODEL, X, k, 4, STREAM)
    assert relative_error(found, MODEL.log_prob(X)) < 1e-11


@pytest.mark.parametrize("k", [1, 2, 25])
def test_bounds_are_log_px_for_an_observation_model_that_ignores_the_latent(k):
    model = IgnoresLatent(X[0])
    expected = model.log_px(X)
    assert relative_error(bounds.iw_log_likelihood(model, X, k, 8, STREAM), expected) < 1e-13
    terms = bounds.elbo_terms(model, X, k)
    assert relative_error(terms.elbo, expected) < 1e-13
    assert torch.equal(terms.kl, torch.zeros_like(terms.kl))


# --- a wrong posterior: the gap is a KL (E3) ---


def test_elbo_gap_is_the_kl_to_the_true_posterior():
    wrong = WrongPosterior(MODEL)
    with seeded(1, "z"):
        terms = bounds.elbo_terms(wrong, X, n_samples=400)
    gaps = MODEL.log_prob(X) - terms.elbo
    stderr = float(gaps.std()) / math.sqrt(len(gaps))
    assert abs(float(gaps.mean()) - wrong.gap()) < 4 * stderr
    assert wrong.gap() > 100 * stderr  # the band is no excuse


def test_log_px_is_elbo_plus_kl_exactly():
    """E3 without sampling: E_q[log p(x|z)] of a linear decoder is known."""
    wrong = WrongPosterior(MODEL)
    q = wrong.posterior(X).base_dist
    means = (q.loc @ MODEL.W.T + MODEL.mean).reshape(X.shape)
    error = (X - means).flatten(1).square().sum(1)
    spread = (q.scale.square() * MODEL.W.square().sum(0)).sum(1)
    log_norm = X[0].numel() * (2 * math.pi * MODEL.s2).log()
    distortion = 0.5 * (log_norm + (error + spread) / MODEL.s2)
    terms = bounds.elbo_terms(wrong, X)
    expected = MODEL.log_prob(X) - wrong.gap()
    assert relative_error(-distortion - terms.kl, expected) < 1e-11


def test_two_forms_of_the_elbo_agree_in_expectation():
    """E4: with the closed-form KL, or with log q - log p at the draws; paired draw by draw."""
    model, both = WrongPosterior(MODEL), []
    for control_variate in (False, True):
        with seeded(2, "z"):
            both.append(bounds.elbo_terms(model, X, 200, control_variate=control_variate))
    plain, controlled = both
    difference = plain.elbo - controlled.elbo
    stderr = float(difference.std()) / math.sqrt(len(difference))
    assert abs(float(difference.mean())) < 4 * stderr
    assert torch.equal(plain.kl, controlled.kl)
    q = bounds.posterior_of(model, X)
    with seeded(2, "z"):
        z = bounds.draw(q, 200)
    by_hand = bounds.log_weights(model, X, z, q).mean(dim=0)
    assert torch.allclose(controlled.elbo, by_hand, rtol=1e-12)


# --- a discrete latent: everything enumerated ---


def enumerated(k, n_repeats=300):
    """Return exact log p, the estimates (repeats, 32) and the exact expectation of the bound."""
    model, x = DiscreteVae(), DiscreteVae.all_data()
    repeated = x.repeat(n_repeats, 1)
    found = bounds.iw_log_likelihood(model, repeated, k, 16, Stream(k, ("discrete",)))
    return model.log_px(x), found.reshape(n_repeats, len(x))


def test_the_enumerated_model_is_a_probability():
    log_px = DiscreteVae().log_px(DiscreteVae.all_data())
    assert float(log_px.exp().sum()) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_iw_bound_has_its_enumerated_expectation(k):
    _, estimates = enumerated(k)
    exact = DiscreteVae().exact_bound(DiscreteVae.all_data(), k)
    means = estimates.mean(dim=1)  # over all data, one number per repeat
    stderr = float(means.std()) / math.sqrt(len(means))
    assert abs(float(means.mean() - exact.mean())) < 4 * stderr


def test_elbo_has_its_enumerated_expectation():
    model, x = DiscreteVae(), DiscreteVae.all_data()
    with seeded(0, "z"):
        terms = bounds.elbo_terms(model, x.repeat(300, 1))
    per_repeat = terms.elbo.reshape(300, len(x)).mean(dim=1)
    stderr = float(per_repeat.std()) / math.sqrt(300)
    assert abs(float(per_repeat.mean() - model.exact_bound(x, 1).mean())) < 4 * stderr
    assert terms.closed_form
    assert terms.kl_per_dim is None


def test_bounds_stay_below_log_px_and_rise_with_k():
    model, x = DiscreteVae(), DiscreteVae.all_data()
    exact = [model.exact_bound(x, k) for k in (1, 2, 3, 4)]
    for lower, higher in pairwise(exact):
        assert bool((lower < higher).all())
    log_px, few = enumerated(4)
    _, many = enumerated(64)
    for estimates in (few, many):
        stderr = estimates.std(dim=0) / math.sqrt(len(estimates))
        assert bool((estimates.mean(dim=0) <= log_px + 4 * stderr).all())
    rise = (many.mean(dim=1) - few.mean(dim=1)).double()
    assert float(rise.mean()) > 4 * float(rise.std()) / math.sqrt(len(rise))


@pytest.mark.parametrize("k", [1, 3, 16])
def test_weights_are_an_unbiased_estimate_of_px(k):
    log_px, estimates = enumerated(k)
    ratio = (estimates - log_px).exp().mean(dim=1)
    assert abs(float(ratio.mean()) - 1) < 4 * float(ratio.std()) / math.sqrt(len(ratio))


def test_error_of_the_iw_bound_falls_like_one_over_k():
    """Error times K goes to half the relative variance of the weights; the slope goes to -1.

    The mean of the weights is exactly p(x), so w / p(x) - 1 is a control variate of mean zero.
    """
    half_variance = float(DiscreteVae().relative_variance(DiscreteVae.all_data()).mean()) / 2
    logs, relative = {}, {}
    for k in (8, 32, 128):
        log_px, estimates = enumerated(k, n_repeats=400)
        difference = estimates - log_px
        error = (difference.exp() - 1 - difference).mean(dim=1)
        logs[k] = math.log(float(error.mean()))
        relative[k] = float(error.std()) / math.sqrt(len(error)) / float(error.mean())
    for k, k_next in pairwise(logs):
        slope = (logs[k_next] - logs[k]) / math.log(k_next / k)
        stderr = math.hypot(relative[k], relative[k_next]) / math.log(k_next / k)
        assert stderr < 0.03
        assert abs(slope + 1) < 4 * stderr + 1 / k  # the next order of the error is 1 / K
    assert abs(128 * math.exp(logs[128]) / half_variance - 1) < 4 * relative[128] + 1 / 128


# --- K and chunks ---


@settings(deadline=None, max_examples=40)
@given(k=sizes, a=sizes, b=sizes)
def test_iw_bound_does_not_depend_on_the_chunk_size(k, a, b):
    model, x = WrongPosterior(MODEL), X[:7]
    first = bounds.iw_log_likelihood(model, x, k, a, STREAM)
    second = bounds.iw_log_likelihood(model, x, k, b, STREAM)
    assert torch.allclose(first, second, rtol=0, atol=1e-12 * float(first.abs().max()))


@pytest.mark.parametrize("k", [1, K_BLOCK - 1, K_BLOCK, K_BLOCK + 1, 3 * K_BLOCK + 7])
@pytest.mark.parametrize("chunk", [1, 3, K_BLOCK, 1000])
def test_iw_bound_equals_one_log_mean_exp_over_the_same_draws(k, chunk):
    model, x = WrongPosterior(MODEL), X[:7]
    q = bounds.posterior_of(model, x)
    z = torch.cat(list(bounds._draw_chunks(q, k, 10**6, STREAM)))
    assert len(z) == k
    log_w = bounds.log_weights(model, x, z, q)
    expected = torch.logsumexp(log_w, 0) - math.log(k)
    found = bounds.iw_log_likelihood(model, x, k, chunk, STREAM)
    assert torch.allclose(found, expected, rtol=1e-13, atol=0)


def require_exactly_k_draws_and_one_encoding(k, chunk):
    model = Counting(MODEL)
    bounds.iw_log_likelihood(model, X[:3], k, chunk, STREAM)
    assert sum(model.decoded) == k
    assert max(model.decoded) <= chunk
    assert model.encoded == 1


@settings(deadline=None, max_examples=30)
@given(k=sizes, chunk=sizes)
def test_exactly_k_draws_are_decoded_and_the_encoder_runs_once(k, chunk):
    require_exactly_k_draws_and_one_encoding(k, chunk)


@settings(deadline=None, max_examples=30)
@given(k=sizes, extra=sizes, chunk=sizes)
def test_the_first_draws_are_a_prefix_of_more_draws(k, extra, chunk):
    q = bounds.posterior_of(MODEL, X[:3])
    few = torch.cat(list(bounds._draw_chunks(q, k, chunk, STREAM)))
    many = torch.cat(list(bounds._draw_chunks(q, k + extra, 7, STREAM)))
    assert torch.equal(few, many[:k])
    assert len(torch.unique(many[:, 0, 0])) == k + extra  # and no draw is used twice


@settings(deadline=None, max_examples=20)
@given(k=sizes, extra=sizes, chunk=sizes, per_address=sizes)
def test_more_draws_per_address_keep_the_first_draws_first(k, extra, chunk, per_address):
    q = bounds.posterior_of(MODEL, X[:3])
    few = torch.cat(list(bounds._draw_chunks(q, k, chunk, STREAM, per_address)))
    many = torch.cat(list(bounds._draw_chunks(q, k + extra, 7, STREAM, per_address)))
    assert torch.equal(few, many[:k])
    assert len(torch.unique(many[:, 0, 0])) == k + extra


def test_draws_depend_on_the_stream_and_on_nothing_else():
    model = WrongPosterior(MODEL)
    torch.manual_seed(1)
    first = bounds.iw_log_likelihood(model, X[:5], 5, 5, STREAM)
    torch.manual_seed(2)
    assert torch.equal(first, bounds.iw_log_likelihood(model, X[:5], 5, 5, STREAM))
    other = bounds.iw_log_likelihood(model, X[:5], 5, 5, STREAM.child("other"))
    assert not torch.isclose(first, other).any()


def test_iw_bound_is_float64_whatever_the_model_computes_in():
    single = fitted(X)
    q32 = single.posterior(X).base_dist

    class Single(WrongPosterior):
        def posterior(self, x):
            return Independent(Normal(q32.loc.float(), q32.scale.float()), 1)

    assert bounds.iw_log_likelihood(Single(single), X, 3, 2, STREAM).dtype is torch.float64


@pytest.mark.parametrize("leading", [(), (7,), (5, 7)])
def test_the_fast_density_of_a_diagonal_gaussian_is_torchs(leading):
    q = Independent(Normal(randn(7, 3), randn(7, 3, seed=1).exp()), 1)
    z = 3 * randn(*leading, *([] if leading else [7]), 3, seed=2)
    assert torch.allclose(bounds.log_density(q, z), q.log_prob(z), rtol=1e-13)
    standard = Independent(Normal(torch.zeros(3).double(), torch.ones(3).double()), 1)
    assert torch.allclose(bounds.log_density(standard, z), standard.log_prob(z), rtol=1e-13)


def test_the_variance_of_the_elbo_is_its_spread_over_repeats():
    wrong, x = WrongPosterior(MODEL), X[:10]
    with seeded(0, "z"):
        terms = bounds.elbo_terms(wrong, x.repeat(400, 1, 1, 1), 5, control_variate=True)
    spread = terms.elbo.reshape(400, 10).var(dim=0)
    claimed = terms.elbo_variance.reshape(400, 10).mean(dim=0)
    assert float(claimed.mean() / spread.mean()) == pytest.approx(1, abs=0.06)
    assert torch.equal(terms.elbo_variance, terms.log_px_variance)  # the closed-form KL has none


def test_one_draw_says_nothing_of_the_variance():
    with seeded(0, "z"):
        terms = bounds.elbo_terms(WrongPosterior(MODEL), X, 1, control_variate=True)
    assert terms.elbo_variance.isnan().all()


# --- streaming log-mean-exp ---


@settings(deadline=None)
@given(
    numbers=st.lists(st.floats(-800, 800), min_size=1, max_size=30),
    cuts=st.lists(st.integers(1, 29), max_size=5),
)
def test_streaming_equals_log_mean_exp_for_any_partition(numbers, cuts):
    values = torch.tensor(numbers, dtype=torch.float64).unsqueeze(1)
    stream = StreamingLogMeanExp()
    edges = [0, *sorted({c for c in cuts if c < len(numbers)}), len(numbers)]
    for start, stop in pairwise(edges):
        stream.add(values[start:stop])
    assert stream.n == len(numbers)
    assert float(stream.result()) == pytest.approx(
        float(torch.logsumexp(values, 0) - math.log(len(values))), abs=1e-12
    )


def test_streaming_takes_minus_infinity_as_a_weight_of_zero():
    stream = StreamingLogMeanExp()
    stream.add(torch.tensor([[-math.inf, -math.inf]]))
    stream.add(torch.tensor([[0.0, -math.inf]]))
    assert stream.result().tolist() == pytest.approx([-math.log(2), -math.inf])


def test_streaming_nothing_is_an_error():
    with pytest.raises(ValueError, match="no values"):
        StreamingLogMeanExp().result()


# --- KL ---


def test_kl_of_discrete_distributions_from_the_lecture_notes():
    """E1: 0.0872 and 0.0823 nats (the notes print ten times as much)."""
    q, p = (Categorical(probs=torch.tensor(v).double()) for v in ([0.5, 0.5], [0.7, 0.3]))
    forward, backward = bounds.kl_terms(q, p)[0], bounds.kl_terms(p, q)[0]
    assert float(forward) == pytest.approx(0.5 * math.log(0.5 / 0.7) + 0.5 * math.log(0.5 / 0.3))
    assert float(backward) == pytest.approx(0.7 * math.log(1.4) + 0.3 * math.log(0.6))
    assert round(float(forward), 4) == 0.0872
    assert round(float(backward), 4) == 0.0823


@pytest.mark.parametrize(
    ("m1", "s1", "m2", "s2"), [(0, 1, 0, 1), (1, 0.5, -0.3, 2), (2, 1.1, 0, 1), (-3, 2, 1, 0.7)]
)
def test_kl_of_two_gaussians_equals_numerical_integration(m1, s1, m2, s2):
    """E2, with the entropy and cross-entropy parts."""
    q, p = norm(m1, s1), norm(m2, s2)
    low, high = m1 - 12 * s1, m1 + 12 * s1
    entropy = quad(lambda t: -q.pdf(t) * q.logpdf(t), low, high)[0]
    cross_entropy = quad(lambda t: -q.pdf(t) * p.logpdf(t), low, high)[0]
    loc_q, scale_q, loc_p, scale_p = torch.tensor([[m1], [s1], [m2], [s2]], dtype=torch.float64)
    q = Independent(Normal(loc_q[None], scale_q[None]), 1)
    ours, parts = bounds.kl_terms(q, Independent(Normal(loc_p, scale_p), 1))
    assert float(ours[0]) == pytest.approx(cross_entropy - entropy, abs=1e-9)
    by_formula = math.log(s2 / s1) + (s1**2 + (m1 - m2) ** 2) / (2 * s2**2) - 0.5
    assert float(parts[0, 0]) == pytest.approx(by_formula, abs=1e-12)


def test_kl_of_correlated_gaussians_is_the_general_formula():
    """E, equation 7: 1/2 (tr(P^-1 S) + (m2-m1)^T P^-1 (m2-m1) - D + ln |P|/|S|)."""
    d = 3
    a, b = randn(d, d, seed=1), randn(d, d, seed=2)
    s, p = a @ a.T + torch.eye(d), b @ b.T + torch.eye(d)
    m1, m2 = randn(d, seed=3), randn(d, seed=4)
    q = MultivariateNormal(m1.expand(2, d), s.expand(2, d, d))
    found, parts = bounds.kl_terms(q, MultivariateNormal(m2, p))
    inv = np.linalg.inv(p.numpy())
    delta = (m2 - m1).numpy()
    expected = 0.5 * (
        np.trace(inv @ s.numpy())
        + delta @ inv @ delta
        - d
        + np.log(np.linalg.det(p.numpy()) / np.linalg.det(s.numpy()))
    )
    assert found.tolist() == pytest.approx([expected] * 2, abs=1e-10)
    assert parts is None


numbers = st.floats(-5, 5)
scales = st.floats(0.01, 10)


@settings(deadline=None)
@given(st.lists(st.tuples(numbers, scales, numbers, scales), min_size=1, max_size=4))
def test_kl_is_never_negative_and_zero_only_between_equals(rows):
    m1, s1, m2, s2 = torch.tensor(rows, dtype=torch.float64).T
    q = Independent(Normal(m1[None], s1[None]), 1)
    p = Independent(Normal(m2, s2), 1)
    kl, parts = bounds.kl_terms(q, p)
    assert float(kl) >= -1e-12
    assert bool((parts >= -1e-12).all())
    assert float(kl) == pytest.approx(float(parts.sum()), rel=1e-14)
    assert float(bounds.kl_terms(q, q)[0]) == pytest.approx(0.0, abs=1e-12)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.01, 1), st.floats(0.01, 1)), min_size=2, max_size=6),
)
def test_kl_of_discrete_distributions_is_never_negative(rows):
    a, b = torch.tensor(rows, dtype=torch.float64).T
    kl, _ = bounds.kl_terms(Categorical(probs=a), Categorical(probs=b))
    p, q = a / a.sum(), b / b.sum()
    assert float(kl) == pytest.approx(float((p * (p / q).log()).sum()), abs=1e-12)
    assert float(kl) >= -1e-12


def test_kl_per_dim_names_the_right_dimension():
    loc = torch.tensor([[0.0, 1.0, 0.0], [0.0, 0.0, 2.0]], dtype=torch.float64)
    q = Independent(Normal(loc, torch.ones_like(loc)), 1)
    p = Independent(Normal(torch.zeros(3).double(), 1.0), 1)
    kl, parts = bounds.kl_terms(q, p)
    assert parts.tolist() == [[0, 0.5, 0], [0, 0, 2.0]]
    assert kl.tolist() == [0.5, 2.0]
    assert torch.equal(kl, kl_divergence(q, p))


def test_kl_is_sampled_where_torch_knows_no_closed_form():
    """The same Gaussian written as a transform: the estimate agrees with the closed form."""

    class Transformed(WrongPosterior):
        def posterior(self, x):
            q = super().posterior(x).base_dist
            standard = Normal(torch.zeros_like(q.loc), 1.0)
            return TransformedDistribution(standard, AffineTransform(q.loc, q.scale))

    with seeded(0, "z"):
        terms = bounds.elbo_terms(Transformed(MODEL), X, 50)
    assert not terms.closed_form
    assert terms.kl_per_dim is None
    exact = bounds.elbo_terms(WrongPosterior(MODEL), X).kl
    difference = terms.kl - exact
    stderr = float(difference.std()) / math.sqrt(len(difference))
    assert abs(float(difference.mean())) < 4 * stderr


# --- shapes that users write ---


def test_a_flat_event_and_a_forgotten_independent_give_the_same_numbers():
    class Flat(WrongPosterior):
        def prior(self):
            return self.model.prior().base_dist

        def posterior(self, x):
            return super().posterior(x).base_dist

        def observation_model(self, z):
            return Normal(z @ MODEL.W.T + MODEL.mean, MODEL.s2.sqrt())

    ours = bounds.iw_log_likelihood(WrongPosterior(MODEL), X, 3, 2, STREAM)
    flat = bounds.iw_log_likelihood(Flat(MODEL), X, 3, 2, STREAM)
    assert torch.allclose(flat, ours, rtol=1e-13)
    flat_data = bounds.iw_log_likelihood(Flat(MODEL), X.flatten(1), 3, 2, STREAM)
    assert torch.allclose(flat_data, ours, rtol=1e-13)


def test_gradients_of_the_elbo_reach_the_posterior_through_the_draws():
    shift = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    wrong = WrongPosterior(MODEL)
    wrong.shift = shift
    with seeded(0, "z"):
        bounds.elbo_terms(wrong, X, 50).elbo.mean().backward()
    m = MODEL.W.square().sum(dim=0) + MODEL.s2
    expected = -float((0.3 * m / MODEL.s2).sum())  # of minus the closed-form gap
    assert float(shift.grad) == pytest.approx(expected, rel=0.05)


def test_one_draw_is_what_torch_draws_with_the_same_gradient():
    loc = torch.tensor([[0.5, -1.0], [2.0, 0.1], [0.0, 3.0]], requires_grad=True)
    q = Independent(Normal(loc, torch.full((3, 2), 0.7)), 1)
    with seeded(0):
        expected = q.rsample(torch.Size((1,)))
    with seeded(0):
        found = bounds.draw(q, 1)
    assert torch.equal(found, expected)
    gradients = [torch.autograd.grad(z.square().sum(), loc)[0] for z in (found, expected)]
    assert torch.equal(*gradients)
