"""The rate, its parts, and active units."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Independent, MultivariateNormal, Normal

from genbench.core.estimate import NonFiniteError
from genbench.evaluation.latent import ActiveUnitsOptions, count_active
from tests.evaluation.helpers import LINEAR, Collapsed, Everything, N, UserVae, X, only, outcome
from tests.inference.exact_models import DiscreteVae


def spectrum():
    return np.linalg.eigvalsh(np.cov(X.flatten(1).numpy().T, bias=True))[::-1]


def test_a_collapsed_posterior_has_no_rate_and_no_active_units():
    assert only(outcome(Collapsed(), "kl")).value == 0.0
    assert [row.value for row in outcome(Collapsed(), "kl_per_dim").rows] == [0.0] * 3
    row = only(outcome(Collapsed(), "active_units"))
    assert (row.value, row.stderr, row.n) == (0.0, 0.0, N)


def test_one_collapsed_dimension_is_the_one_without_rate():
    class Partly(Everything):
        def posterior(self, x):
            q = super().posterior(x).base_dist
            keep = torch.tensor([1.0, 0.0, 1.0], dtype=torch.float64)
            return Independent(Normal(q.loc * keep, q.scale * keep + (1 - keep)), 1)

    model = Partly(shift=0.0, widen=1.0)
    rows = outcome(model, "kl_per_dim").rows
    assert rows[1].value == pytest.approx(0.0, abs=1e-12)
    assert rows[0].value > 0.5
    assert rows[2].value > 0.5
    assert only(outcome(model, "active_units")).value == 2


def test_rates_of_the_fitted_model_are_half_the_log_of_lambda_over_s2():
    expected = 0.5 * np.log(spectrum()[:3] / float(LINEAR.s2))
    rows = outcome(LINEAR, "kl_per_dim").rows
    assert [row.value for row in rows] == pytest.approx(list(expected), rel=1e-10)
    row = only(outcome(LINEAR, "kl"))
    assert row.value == pytest.approx(expected.sum(), rel=1e-10)
    assert row.kind == "exact"


def test_active_units_of_the_fitted_model_follow_one_minus_s2_over_lambda():
    activity = 1 - float(LINEAR.s2) / spectrum()[:3]
    for threshold in (
        0.01,
        (activity[1] + activity[2]) / 2,
        (activity[0] + activity[1]) / 2,
        0.9999,
    ):
        row = only(outcome(LINEAR, "active_units", threshold=float(threshold)))
        assert row.value == (activity > threshold).sum()


def test_the_rate_does_not_depend_on_the_draws():
    few, many = (outcome(Everything(), "kl", n_samples=k, seed=k).per_datum for k in (1, 20))
    assert torch.equal(few, many)


class Correlated(Everything):
    """A posterior with full covariance, for which torch knows no KL to an Independent Normal."""

    L = torch.tensor([[0.9, 0, 0], [0.3, 0.7, 0], [-0.2, 0.1, 0.5]], dtype=torch.float64)

    def posterior(self, x):
        return MultivariateNormal(super().posterior(x).mean, scale_tril=self.L.expand(len(x), 3, 3))

    def exact_kl(self, x):
        """1/2 (tr S + m^T m - D - ln |S|)."""
        m = super().posterior(x).mean
        log_det = 2 * self.L.diagonal().log().sum()
        return 0.5 * (self.L.square().sum() + m.square().sum(1) - 3 - log_det)


def test_a_sampled_kl_says_so_and_agrees_with_the_closed_form():
    model = Correlated()
    found = outcome(model, "kl", n_samples=100)
    row = only(found)
    assert row.kind == "estimate"
    assert "Monte Carlo" in row.reason
    difference = found.per_datum - model.exact_kl(X)
    assert abs(difference.mean().item()) < 4 * difference.std().item() / math.sqrt(N)
    assert difference.std().item() > 0
    parts = only(outcome(model, "kl_per_dim"))
    assert parts.status == "not_applicable"
    assert "factorise" in parts.reason


def test_a_discrete_latent_has_an_exact_rate_and_no_dimensions():
    model, x = DiscreteVae(), DiscreteVae.all_data()
    log_q, log_p = model.log_qz(x), torch.log_softmax(model.prior_logits, 0)
    expected = (log_q.exp() * (log_q - log_p)).sum(1)
    found = outcome(model, "kl", x=x)
    assert torch.allclose(found.per_datum, expected, rtol=1e-12)
    assert only(outcome(model, "kl_per_dim", x=x)).status == "not_applicable"


def test_active_units_are_counted_by_the_variance_of_the_means():
    # variances with divisor N: 0.0025, 0.01, 4
    means = torch.tensor([[0.05, 0.1, 2.0], [-0.05, -0.1, -2.0]], dtype=torch.float64)
    assert count_active(means, ActiveUnitsOptions()).value == 2 - int(0.1**2 <= 0.01)
    assert count_active(means, ActiveUnitsOptions(threshold=0.001)).value == 3
    assert count_active(means, ActiveUnitsOptions(threshold=0.005)).value == 2
    assert count_active(means, ActiveUnitsOptions(threshold=5)).value == 0


def test_a_constant_offset_of_the_means_is_no_activity():
    assert count_active(torch.full((50, 4), 1e3), ActiveUnitsOptions()).value == 0


def test_the_error_of_active_units_is_none_far_from_the_threshold_and_some_near_it():
    draw = torch.randn(400, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    draw = draw / draw.std(correction=0)
    assert count_active(draw, ActiveUnitsOptions()).stderr == 0.0
    near = count_active(0.1 * draw, ActiveUnitsOptions())  # its variance is the threshold
    assert 0.4 < near.stderr < 0.6  # about the error of a fair coin


def test_active_units_of_a_mean_that_is_not_finite_are_refused():
    with pytest.raises(NonFiniteError):
        count_active(torch.tensor([[1.0], [math.nan]]), ActiveUnitsOptions())


@pytest.mark.parametrize("model", [Everything(), UserVae((12,), latent_dim=5)], ids=["f64", "f32"])
def test_the_kl_of_the_dimensions_adds_up_to_the_kl_datum_by_datum(model):
    x = X if isinstance(model, Everything) else (X > 0.5).float()
    parts, whole = (outcome(model, name, x=x) for name in ("kl_per_dim", "kl"))
    rtol = 1e-12 if x.dtype == torch.float64 else 1e-6
    assert torch.allclose(parts.per_datum.sum(dim=1), whole.per_datum, rtol=rtol)
    total = sum(row.value for row in parts.rows)
    assert total == pytest.approx(only(whole).value, rel=rtol)


def test_the_sweep_counts_as_active_units_does_at_each_threshold():
    rows = outcome(LINEAR, "active_units_sweep").rows
    thresholds = (0.001, 0.003, 0.01, 0.03, 0.1)
    assert [row.metric for row in rows] == [f"active_units_sweep[{t:g}]" for t in thresholds]
    for row, threshold in zip(rows, thresholds, strict=True):
        alone = only(outcome(LINEAR, "active_units", threshold=threshold))
        assert (row.value, row.stderr, row.n) == (alone.value, alone.stderr, N)


def test_the_sweep_falls_where_the_activities_lie():
    activity = 1 - float(LINEAR.s2) / spectrum()[:3]
    asked = [0.5 * activity[2], 0.5 * (activity[1] + activity[2]), 0.9999]
    rows = outcome(LINEAR, "active_units_sweep", thresholds=tuple(float(t) for t in asked)).rows
    assert [row.value for row in rows] == [3, 2, 0]
