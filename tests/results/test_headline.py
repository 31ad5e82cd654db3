"""The headline number of a model: exact, else its tightest bound, over all images and seeds."""

from dataclasses import replace

import pytest

from genbench.core.protocol import Protocol
from genbench.results.cells import Cell
from genbench.results.headline import absence, best_first, detail_places, headline
from tests.results.contest import N, contest, elbo, exact, number


def of_one(*numbers, **more):
    block, _ = contest({"vae": numbers}, **more)
    return block, block.rows[0]


def headline_of(*numbers, **more):
    column, cell = headline(*of_one(*numbers, **more)) or (None, None)
    return column and (column.metric, pytest.approx(cell.value))


def test_tightest_bound_over_all_images_is_the_headline():
    loose, tight = number("prior_bound", -155.0), number("iw_log_likelihood", -23.3)
    assert headline_of(elbo(-23.6), tight, loose) == ("iw_log_likelihood", -23.3)


def test_bound_over_few_images_never_leads_however_tight():
    few = number("ais_log_likelihood", -20.0, n=20)
    assert headline_of(elbo(-23.6), few) == ("elbo", -23.6)
    assert headline_of(few) is None


def test_exact_value_leads_though_a_noisy_bound_lies_above_it():
    assert headline_of(elbo(-22.9), exact(-23.0)) == ("log_likelihood", -23.0)


def test_exact_value_over_few_images_does_not_replace_a_bound_over_all():
    assert headline_of(elbo(-23.6), exact(-20.0, n=20)) == ("elbo", -23.6)


@pytest.mark.parametrize("metric", ["iw_extrapolated", "parzen_log_likelihood"])
def test_estimate_never_leads(metric):
    assert headline_of(elbo(-23.6), number(metric, -10.0)) == ("elbo", -23.6)
    assert headline_of(number(metric, -10.0)) is None


def test_bound_that_came_out_as_an_estimate_never_leads():
    assert headline_of(elbo(-20.0, kind="estimate"), exact(-23.0)) == ("log_likelihood", -23.0)


def test_mean_without_a_diverged_seed_never_leads():
    block, row = of_one(elbo(-20.0, -20.1, n_failed=1))
    assert headline(block, row) is None
    assert absence(block, row) == "only 2 of 3 seeds"
    both = headline_of(elbo(-20.0, -20.1, n_failed=1), exact(-25.0, -25.0, -25.0))
    assert both == ("log_likelihood", -25.0)


def test_number_with_a_warning_never_leads():
    block, row = of_one(elbo(-23.6))
    warned = replace(block.columns[0], record=block.columns[0].record.model_copy(
        update={"warning": "It flatters."}
    ))  # fmt: skip
    assert headline(replace(block, columns=(warned,)), row) is None


def test_lowest_upper_bound_stands_only_where_there_is_nothing_else():
    upper = number("iw_log_likelihood", -19.0, kind="upper_bound")
    assert headline_of(elbo(-18.0, kind="upper_bound"), upper) == ("iw_log_likelihood", -19.0)
    assert headline_of(elbo(-25.0), upper) == ("elbo", -25.0)


def test_model_without_a_number_says_what_there_is_instead():
    assert absence(*of_one(number("ais_log_likelihood", -20.0, n=20))) == (
        f"only over 20 of {N} images"
    )
    assert absence(*of_one(number("reconstruction_mse", 0.1))) == "not measured"
    assert absence(*of_one(number("iw_extrapolated", -20.0))) == "not measured"
    assert absence(*of_one(elbo(n_failed=3))) == "diverged"


REFUSED = Cell("not_applicable", reason="the model has no prior()")


def test_a_model_that_was_asked_in_vain_for_a_bound_and_an_exact_value_has_no_likelihood():
    block, row = of_one(elbo(-20.0), exact(-20.0))
    assert absence(block, replace(row, cells=(REFUSED, REFUSED))) == "has none"
    assert absence(block, replace(row, cells=(Cell("missing"),) * 2)) == "not measured"
    assert absence(block, replace(row, cells=(REFUSED, Cell("missing")))) == "n/a"


@pytest.mark.parametrize("asked", [elbo(-20.0), exact(-20.0)], ids=["bound", "exact"])
def test_a_model_that_was_asked_for_one_kind_of_likelihood_may_have_the_other(asked):
    block, row = of_one(asked)
    assert absence(block, replace(row, cells=(REFUSED,))) == "n/a"


def test_a_failure_of_another_metric_says_nothing_of_the_likelihood():
    block, row = of_one(elbo(-20.0), exact(-20.0), number("reconstruction_mse", 0.1))
    failed = Cell("failed")
    assert absence(block, replace(row, cells=(REFUSED, REFUSED, failed))) == "has none"
    assert absence(block, replace(row, cells=(REFUSED, failed, REFUSED))) == "failed"
    assert absence(block, replace(row, cells=(REFUSED, REFUSED, Cell("diverged")))) == "diverged"


def test_whole_test_set_is_what_the_protocol_says():
    few = Protocol.parse("digits@1a2b3c4d/static(seed=0)/1000+200+500/mass")
    assert headline_of(elbo(-23.6), protocol=few) is None  # 400 of 500
    assert headline_of(elbo(-23.6), protocol=Protocol.parse("of somebody")) is not None
    assert headline_of(elbo(-23.6, n=200), split="validation") == ("elbo", -23.6)


def test_details_are_reconstruction_rate_and_samples_where_any_model_has_them():
    mse, kl, mmd = number("reconstruction_mse", 0.1), number("kl", 4.0), number("mmd2", 0.01)
    for numbers in ([mmd, kl, mse], [mmd, mse]):
        block, _ = of_one(*numbers)
        found = [block.columns[place].metric for place in detail_places(block)]
        assert found == [n.metric for n in (mse, kl, mmd) if n in numbers]


def test_the_distance_without_bias_leads_sample_quality():
    numbers = [number("mmd2", 0.01), number("coverage", 0.9), number("fd_infinity", 2.0)]
    block, _ = of_one(*numbers)
    assert [block.columns[i].metric for i in detail_places(block)] == ["fd_infinity"]
    block, _ = of_one(*numbers[:2])
    assert [block.columns[i].metric for i in detail_places(block)] == ["mmd2"]


def test_models_come_best_first_then_upper_bounds_then_those_without_a_number():
    upper = number("iw_log_likelihood", -19.0, kind="upper_bound")
    models = {
        "none": [number("kl", 4.0)], "upper": [upper], "low": [elbo(-24.0)],
        "exact": [exact(-23.0)], "few": [number("ais_log_likelihood", -10.0, n=20)],
        "high": [elbo(-22.0)],
    }  # fmt: skip
    block, _ = contest(models)
    ordered = [row.label for row in best_first(block)]
    assert ordered == ["high", "exact", "low", "upper", "none", "few"]
