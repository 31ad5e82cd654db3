"""The classifier two-sample test: exact under equal sets, as good as the best classifier else."""

import math

import pytest
import torch
from scipy.stats import binom, binomtest, kstest, norm
from sklearn.metrics import roc_auc_score

from genbench.core.estimate import NotApplicableError
from genbench.core.seeding import Stream
from genbench.samples.two_samples import auc_of, c2st
from tests.samples.drawn import normal

CLASSIFIERS = ["logistic", "net"]


def hits(found):
    return round(found.value * found.n)


@pytest.mark.parametrize(("classifier", "resamples"), [("logistic", 200), ("net", 60)])
def test_p_values_are_uniform_for_equal_distributions(classifier, resamples):
    """In one dimension a classifier of noise may answer the same for nearly every datum."""
    within = torch.rand(resamples, generator=torch.Generator().manual_seed(0)).tolist()
    p_values = []
    for i, u in enumerate(within):
        found = c2st(normal(2 * i, 100, 1), normal(2 * i + 1, 100, 1), Stream(i), classifier)
        p_values.append(found.p_value - u * binom.pmf(hits(found), found.n, 0.5))
    assert kstest(p_values, "uniform").pvalue > 0.01


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_shifted_gaussians_are_told_apart_as_often_as_by_the_best_classifier(classifier):
    apart, n = 1.5, 8000
    x, y = normal(0, n, 3), normal(1, n, 3)
    x[:, 1] += apart
    found = c2st(x, y, Stream(0), classifier)
    assert abs(found.value - norm.cdf(apart / 2)) < 4 * found.stderr
    assert found.auc == pytest.approx(norm.cdf(apart / math.sqrt(2)), abs=4 * found.stderr)
    assert found.n == n // 2
    assert found.stderr == pytest.approx(
        math.sqrt(found.value * (1 - found.value) / (n // 2)), 1e-3
    )
    assert found.p_value < 1e-100


def test_the_p_value_is_that_of_the_binomial_test():
    found = c2st(normal(0, 101, 2) + 0.3, normal(1, 101, 2), Stream(0), "logistic")
    expected = binomtest(hits(found), 51, 0.5, alternative="greater").pvalue
    assert (found.n, found.p_value) == (51, pytest.approx(expected, rel=1e-12))
    assert 0 < found.p_value < 1


def test_the_net_sees_what_no_line_can_separate():
    signs = normal(0, 1000, 2).sign()
    mixed = signs.clone()
    mixed[:, 1] = signs[:, 0]  # x on one diagonal, y on the other
    x = mixed + 0.3 * normal(1, 1000, 2)
    y = mixed * torch.tensor([1, -1]) + 0.3 * normal(2, 1000, 2)
    assert c2st(x, y, Stream(0), "net").value > 0.95
    assert c2st(x, y, Stream(0), "logistic").p_value > 0.001


def test_a_mixed_up_pair_of_sets_has_the_same_accuracy():
    x, y = normal(0, 500, 2) + 1, normal(1, 500, 2)
    there, back = c2st(x, y, Stream(0), "logistic"), c2st(y, x, Stream(0), "logistic")
    assert there.value == pytest.approx(back.value, abs=4 * math.hypot(there.stderr, back.stderr))
    assert min(there.auc, back.auc) > 0.7


def test_the_larger_set_gives_as_many_rows_as_the_smaller_one_has():
    small, large = normal(0, 80, 2), normal(1, 300, 2)
    assert c2st(small, large, Stream(0), "logistic").n == 40
    assert c2st(large, small, Stream(0), "logistic").n == 40


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_everything_is_addressed_by_the_stream(classifier):
    x, y = normal(0, 300, 2), normal(1, 300, 2)
    first, again, other = (c2st(x, y, Stream(s), classifier) for s in (0, 0, 1))
    assert first == again
    assert first != other


def test_features_that_never_vary_and_large_scales_do_no_harm():
    x, y = normal(0, 400, 2) + 1, normal(1, 400, 2)
    wider = [torch.nn.functional.pad(1e6 * each, (0, 1), value=3.0) for each in (x, y)]
    plain, found = c2st(x, y, Stream(0), "logistic"), c2st(*wider, Stream(0), "logistic")
    assert found.value == plain.value


def test_the_auc_is_the_area_under_the_curve():
    lower, higher = normal(0, 30).round(decimals=1), normal(1, 20).round(decimals=1) + 0.5
    labels = [0] * 30 + [1] * 20
    expected = roc_auc_score(labels, torch.cat((lower, higher)).tolist())
    assert auc_of(lower, higher) == pytest.approx(expected, rel=1e-12)


def test_forty_rows_are_needed():
    x, y = normal(0, 40, 2), normal(1, 40, 2)
    for classifier in CLASSIFIERS:
        assert c2st(x, y, Stream(0), classifier).n == 20
    with pytest.raises(NotApplicableError, match=r"needs 40 samples .*, found 39"):
        c2st(x[:39], y, Stream(0))
