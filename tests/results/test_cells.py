"""What stands beside a number."""

from dataclasses import replace

import pytest

from genbench.core.metric import Metric
from genbench.evaluation import runner  # noqa: F401  it registers every evaluator
from genbench.evaluation.spec import evaluators
from genbench.results.cells import Cell, Column, marks


def test_a_median_k_hat_that_is_infinite_marks_the_number():
    """It is no number that a table can hold; the share of bad data is."""
    assert Cell("ok", health={"k_hat_bad": 0.51}).unreliable
    assert not Cell("ok", health={"k_hat": 0.7, "k_hat_bad": 0.5}).unreliable
    assert not Cell("failed", health={"k_hat_bad": 1.0}).unreliable


@pytest.mark.parametrize(
    ("metric", "options", "settings"),
    [
        ("iw_log_likelihood", '{"chunk_size":50,"n_data":10,"n_samples":100}', "K = 100"),
        ("parzen_log_likelihood", '{"n_samples":10000,"scale":null}', "samples = 10000"),
        ("ais_log_likelihood", '{"n_chains":16,"n_leapfrog":3}', "chains = 16, leapfrog = 3"),
        *((name, '{"n_samples":7}', "") for name in ("elbo", "kl", "bits_per_dim",
                                                     "reconstruction_log_prob")),
    ],
)  # fmt: skip
def test_options_have_the_names_of_their_metric_and_those_that_change_noise_alone_are_hidden(
    metric, options, settings
):
    record = evaluators[metric].record
    assert Column(metric, options, 1, "", "none", "exact", record).settings == settings


def test_a_metric_marks_its_numbers_by_its_own_warning():
    metric = Metric.undeclared("score", "", "higher", "estimate", 1)
    column = Column("score", "{}", 1, "", "higher", "estimate", metric)
    warned = replace(column, record=metric.model_copy(update={"warning": "Beware."}))
    few_draws = Cell("ok", health={"k_hat": 0.9})
    assert [marks(column, few_draws), marks(warned, few_draws)] == ["†", "†‡"]
    assert marks(warned, Cell("failed")) == ""
