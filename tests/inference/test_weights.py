"""Streaming statistics of importance weights against formulas on all weights at once."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genbench.core.seeding import Stream
from genbench.inference import bounds, memory
from genbench.inference import weights as weights_module
from genbench.inference.tail import pareto_k_hat, tail_size
from genbench.inference.weights import FLUSH, ImportanceWeights
from tests.draws import randn
from tests.inference.exact_models import (
    Counting,
    DiscreteVae,
    WrongPosterior,
    correlated_data,
    fitted,
)

SIZES = [1, 2, 3, 7, 25, FLUSH - 1, FLUSH, FLUSH + 1, 2 * FLUSH, 200, 311]
STREAM = Stream(0, ("test",))
X = correlated_data(20)
MODEL = WrongPosterior(fitted(correlated_data()))


def digested(log_w, chunk=None):
    weights = ImportanceWeights(len(log_w))
    for piece in log_w.split(chunk or len(log_w)):
        weights.add(piece)
    return weights


def numbers(weights):
    """Return every number there is, as rows."""
    found = [weights.log_mean(), weights.mean_log(), *weights.curve().values()]
    found += [*weights.health().values(), *weights.curve_variances().values()]
    found += [weights.variance(), weights.variance_of_mean_log(), weights.extrapolated()]
    return torch.stack(found)


@pytest.mark.parametrize("k", SIZES)
def test_statistics_equal_their_formulas_on_all_weights(k):
    log_w = 1.5 * randn(k, 6, seed=k) - 90
    weights = digested(log_w, 7)
    w = (log_w - log_w.max(dim=0).values).exp()
    ess = w.sum(0).square() / w.square().sum(0)
    assert torch.allclose(weights.log_mean(), log_w.logsumexp(0) - math.log(k), rtol=1e-13)
    assert torch.allclose(weights.mean_log(), log_w.mean(0), rtol=1e-13)
    assert torch.allclose(weights.ess(), ess, rtol=1e-11)
    assert torch.allclose(weights.max_weight(), w.max(0).values / w.sum(0), rtol=1e-11)
    if k > 1:
        assert torch.allclose(weights.variance_of_mean_log(), log_w.var(0) / k, rtol=1e-11)
    else:
        assert weights.variance_of_mean_log().isnan().all()


def without_each_group(log_w):
    """The bound without the draws k = g mod 16, for each g, by hand."""
    groups = torch.arange(len(log_w)) % 16
    kept = [log_w[groups != g] for g in range(min(len(log_w), 16))]
    return torch.stack([rows.logsumexp(0) - math.log(len(rows)) for rows in kept])


@pytest.mark.parametrize("k", [k for k in SIZES if k > 2])
def test_the_variance_is_the_jackknife_over_sixteen_groups(k):
    log_w = 1.5 * randn(k, 6, seed=k) - 90
    left = without_each_group(log_w)
    weights = digested(log_w, 7)
    assert torch.allclose(weights.left_out(), left, rtol=1e-12)
    expected = (left - left.mean(0)).square().sum(0) * (len(left) - 1) / len(left)
    assert torch.allclose(weights.variance(), expected, rtol=1e-9)


@pytest.mark.parametrize("k", [1, 2])
def test_two_draws_tell_no_variance(k):
    weights = digested(randn(k, 6))
    assert weights.variance().isnan().all()
    assert weights.extrapolated().isnan().all()


@pytest.mark.parametrize("k", [3, 16, 100])
def test_few_unlike_weights_make_the_jackknife_the_delta_method(k):
    log_w = 1e-4 * randn(k, 6, seed=k)
    w = log_w.exp()
    delta = w.var(0) / (k * w.mean(0).square())
    if k < 17:
        assert torch.allclose(digested(log_w).variance(), delta, rtol=1e-3)
    else:  # between groups instead of draws, which is as much in expectation
        assert float(digested(1e-4 * randn(k, 4000)).variance().mean()) == pytest.approx(
            1e-8 / k, rel=0.02
        )


@settings(deadline=None, max_examples=40)
@given(k=st.integers(1, 200), a=st.integers(1, 200), b=st.integers(1, 200))
def test_no_number_depends_on_the_chunks(k, a, b):
    log_w = 2 * randn(k, 3, seed=k)
    first, second = numbers(digested(log_w, a)), numbers(digested(log_w, b))
    assert torch.allclose(first, second, rtol=1e-12, atol=1e-13, equal_nan=True)


@pytest.mark.parametrize("k", SIZES)
def test_the_curve_is_the_mean_over_disjoint_groups_of_draws(k):
    log_w = randn(k, 4, seed=k)
    curve = digested(log_w, 5).curve()
    assert list(curve) == sorted({*(2**i for i in range(k.bit_length())), k})
    for size, value in curve.items():
        groups = log_w[: k // size * size].reshape(-1, size, 4)
        expected = (groups.logsumexp(dim=1) - math.log(size)).mean(dim=0)
        assert torch.allclose(value, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("k", [3, 10, 32, 99, 200])
def test_extrapolation_is_the_jackknife_over_groups_and_over_halves(k):
    """A bias c/k in each bound cancels, whatever the sizes of the parts."""
    log_w = randn(k, 4, seed=k)
    whole = log_w.logsumexp(0) - math.log(k)
    left, weights = without_each_group(log_w), digested(log_w, 7)
    kept = torch.tensor([k - len(range(g, k, 16)) for g in range(len(left))]).double()
    ratio = (k / kept).mean()
    expected = (ratio * whole - left.mean(0)) / (ratio - 1)
    assert torch.allclose(weights.extrapolated(), expected, rtol=1e-9)
    halves = [log_w[i::2].logsumexp(0) - math.log(len(log_w[i::2])) for i in (0, 1)]
    if k % 2 == 0:
        expected = 2 * whole - (halves[0] + halves[1]) / 2
        assert torch.allclose(weights.extrapolated_from_halves(), expected, rtol=1e-9, atol=1e-12)


def test_extrapolation_takes_out_the_bias_of_order_one_over_k():
    """E[log p(x) - L_K] and what is left of it, by an enumerable model; w / p is a control."""
    model, x, k, n = DiscreteVae(), DiscreteVae.all_data(), 32, 400
    weights = bounds.importance_weights(model, x.repeat(n, 1), k, None, STREAM)
    log_px = model.log_px(x)
    bound = weights.log_mean().reshape(n, -1) - log_px
    control = bound.exp() - 1  # of mean zero
    left = weights.extrapolated().reshape(n, -1) - log_px - control
    biases = []
    for values in (bound - control, left):
        per_repeat = values.mean(dim=1)
        biases.append((float(per_repeat.mean()), float(per_repeat.std()) / math.sqrt(n)))
    (plain, plain_error), (rest, rest_error) = biases
    assert plain < -20 * plain_error
    assert abs(rest) < abs(plain) / 5 + 4 * rest_error


def test_the_jackknife_variance_is_the_spread_over_repeats():
    model, x, k, n = DiscreteVae(), DiscreteVae.all_data(), 200, 400
    weights = bounds.importance_weights(model, x.repeat(n, 1), k, None, STREAM)
    spread = weights.log_mean().reshape(n, -1).var(dim=0).mean()
    claimed = weights.variance().reshape(n, -1).mean()
    assert float(claimed / spread) == pytest.approx(1, abs=0.05)


def test_no_number_depends_on_how_many_rows_are_digested_at_once(monkeypatch):
    log_w = randn(1000, 4)
    small = digested(log_w, 70)
    monkeypatch.setattr(weights_module, "FLUSH", weights_module.DEVICE_FLUSH)
    large = digested(log_w, 70)
    for name in ("log_mean", "variance", "mean_log", "ess", "max_weight", "extrapolated"):
        assert torch.allclose(getattr(small, name)(), getattr(large, name)(), rtol=1e-12)
    pairs = zip(small.curve().items(), large.curve().items(), strict=True)
    assert all(a[0] == b[0] and torch.allclose(a[1], b[1], rtol=1e-12) for a, b in pairs)
    assert torch.equal(small.k_hat, large.k_hat)


def test_equal_weights_are_as_good_as_k_draws():
    weights = digested(torch.full((100, 2), -90.0, dtype=torch.float64))
    assert torch.allclose(weights.ess(), torch.full((2,), 100.0).double(), rtol=1e-12)
    assert torch.allclose(weights.max_weight(), torch.full((2,), 0.01).double(), rtol=1e-12)
    assert float(weights.variance().max()) < 1e-14
    assert bool(weights.k_hat.isnan().all())


def test_one_dominant_weight_shows_in_every_diagnostic():
    log_w = torch.cat((torch.full((1, 1), 50.0), -randn(99, 1).abs().float())).double()
    weights = digested(log_w)
    assert float(weights.ess()) == pytest.approx(1, abs=1e-12)
    assert float(weights.max_weight()) == pytest.approx(1, abs=1e-12)
    assert float(weights.variance()) > 1000  # without that weight the bound is 50 nats lower
    assert float(weights.k_hat) > 0.7


def test_weights_of_zero_count_as_draws():
    log_w = torch.tensor([[0.0], [-math.inf], [0.0], [-math.inf]]).double()
    weights = digested(log_w, 3)
    assert float(weights.log_mean()) == pytest.approx(-math.log(2))
    assert float(weights.ess()) == pytest.approx(2)
    few = torch.full((100, 1), -math.inf).double()
    few[:5, 0] = randn(5)
    assert float(digested(few).k_hat) == math.inf


@pytest.mark.parametrize("n", [3, 5])
def test_exactly_k_weights_are_asked_for(n):
    weights = ImportanceWeights(4)
    if n > 4:
        with pytest.raises(ValueError, match="more than 4"):
            weights.add(randn(n, 2))
        return
    weights.add(randn(n, 2))
    with pytest.raises(ValueError, match="3 of 4"):
        weights.log_mean()


# --- Pareto k-hat ---


@pytest.mark.parametrize("k", [25, 100, 225, 226, 400, 1000])
def test_k_hat_of_the_kept_tail_is_that_of_all_weights(k):
    log_w = 2 * randn(k, 5, seed=k)
    arviz = pytest.importorskip("arviz_stats.base")
    _, expected = arviz.array_stats.psislw(-log_w.T.numpy(), axis=-1)
    assert np.allclose(digested(log_w, 11).k_hat.numpy(), expected, rtol=1e-12)


def test_k_hat_needs_five_tail_weights():
    assert tail_size(24) == 4
    weights = digested(randn(24, 2))
    assert weights.k_hat is None
    assert set(weights.health()) == {"ess", "max_weight"}
    assert set(digested(randn(25, 2)).health()) == {"ess", "max_weight", "k_hat"}


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9])
def test_k_hat_recovers_the_shape_of_pareto_weights(shape):
    rng = np.random.default_rng(0)
    weights = ((1 - rng.random((4000, 60))) ** -shape - 1) / shape
    found = digested(torch.from_numpy(np.log(weights))).k_hat
    stderr = float(found.std()) / math.sqrt(60)
    # the library's prior pulls towards 0.5 as ten data of the tail would
    pulled = (tail_size(4000) * shape + 10 * 0.5) / (tail_size(4000) + 10)
    assert abs(float(found.mean()) - pulled) < 4 * stderr + 0.02


@pytest.mark.parametrize("tail", [[5.0] + [0.0] * 20, [5.0] * 20 + [0.0], [-math.inf] * 21])
def test_ties_leave_nothing_to_fit(tail):
    top = torch.tensor(tail).double().unsqueeze(1)
    assert math.isnan(float(pareto_k_hat(top)))


# --- memory ---


def out_of_memory_above(model, limit, error):
    class Small(Counting):
        def observation_model(self, z):
            if len(z) > limit:
                raise error
            return super().observation_model(z)

    return Small(model)


ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory."),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
    MemoryError(),
]


@pytest.mark.parametrize("error", ERRORS, ids=["cuda", "cpu", "python"])
@pytest.mark.parametrize("limit", [1, 3, 20])
def test_a_chunk_that_does_not_fit_is_halved_with_the_same_draws(error, limit):
    expected = bounds.iw_log_likelihood(MODEL, X, 33, 16, STREAM)
    small = out_of_memory_above(MODEL, limit, error)
    found = bounds.iw_log_likelihood(small, X, 33, 16, STREAM)
    assert torch.allclose(found, expected, rtol=1e-13, atol=0)
    assert sum(small.decoded) == 33
    assert small.encoded == 1
    assert max(small.decoded) <= limit


@pytest.mark.parametrize("error", ERRORS, ids=["cuda", "cpu", "python"])
def test_a_single_draw_that_does_not_fit_is_the_allocators_error(error):
    with pytest.raises(type(error)):
        bounds.iw_log_likelihood(out_of_memory_above(MODEL, 0, error), X, 5, 4, STREAM)


def test_another_error_is_not_taken_for_memory():
    broken = out_of_memory_above(MODEL, 1, RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        bounds.iw_log_likelihood(broken, X, 5, 4, STREAM)
    assert not broken.decoded


@pytest.mark.parametrize("shape", [(1, 1), (100, 1, 28, 28), (100, 3, 256, 256)])
def test_the_automatic_chunk_keeps_the_output_near_the_budget(shape):
    chunk = memory.automatic_chunk(torch.zeros(shape))
    size = 4 * math.prod(shape)
    assert chunk >= 1
    assert chunk == 1 or chunk * size <= memory.CACHE_BYTES + size


def test_the_automatic_chunk_changes_no_number():
    expected = bounds.iw_log_likelihood(MODEL, X, 33, 5, STREAM)
    found = bounds.iw_log_likelihood(MODEL, X, 33, None, STREAM)
    assert torch.allclose(found, expected, rtol=1e-13, atol=0)


# --- the prior as proposal ---


def test_prior_weights_are_unbiased_for_px():
    model, x, n = DiscreteVae(), DiscreteVae.all_data(), 300
    weights = bounds.prior_weights(model, x.repeat(n, 1), 16, None, STREAM)
    ratio = (weights.log_mean().reshape(n, -1) - model.log_px(x)).exp().mean(dim=1)
    assert abs(float(ratio.mean()) - 1) < 4 * float(ratio.std()) / math.sqrt(n)


@pytest.mark.parametrize("chunk", [1, 7, None])
def test_prior_weights_are_exactly_k_likelihoods_of_prior_draws(chunk):
    counting = Counting(MODEL)
    weights = bounds.prior_weights(counting, X, 13, chunk, STREAM)
    assert sum(counting.decoded) == 13
    assert counting.encoded == 0
    z = torch.cat(list(bounds._draw_chunks(MODEL.prior().expand((len(X),)), 13, 99, STREAM)))
    log_px_z = bounds.log_px_given_z(MODEL, X, z, 1)
    assert torch.allclose(weights.mean_log(), log_px_z.mean(0), rtol=1e-12)
    assert torch.allclose(weights.log_mean(), log_px_z.logsumexp(0) - math.log(13), rtol=1e-12)
