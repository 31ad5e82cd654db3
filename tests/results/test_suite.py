"""A stored suite: opened once, and refused with a repair where it is old or damaged."""

import shutil

import pandas as pd
import pytest

from genbench.core.errors import ConfigError, StorageError
from genbench.results.suite import StoredSuite
from tests.results.fabricate import METRICS, MODELS, change_suite


def test_results_of_an_older_genbench_say_what_brings_them_up_to_date(own_results):
    def age(content):
        shown = ("name", "version", "unit", "better", "kind", "title", "formula", "description")
        metrics = [{key: metric[key] for key in shown} for metric in content["metrics"]]
        content.update(schema=1, metrics=metrics)

    change_suite(own_results, age)
    with pytest.raises(StorageError, match="older genbench") as caught:
        StoredSuite.open(own_results, "tiny")
    for words in ("suite.json", "running the suite again", "without training"):
        assert words in str(caught.value)
    assert "damaged" not in str(caught.value)


def test_what_was_stored_is_at_hand_under_its_name(suite):
    assert (suite.name, suite.title) == ("tiny", "Tiny comparison of generative models")
    assert suite.models == [*MODELS, "vae_wild"]
    assert suite.titles["elbo"] == "ELBO"
    assert suite.metrics["kl_per_dim"].parts
    assert suite.seconds == pytest.approx(len(suite.models) * (3.2 + 4.2 + 2 * 1.4))
    assert set(METRICS) <= suite.metrics.keys()


def test_the_label_marginal_bound_is_known_by_the_name_that_it_has_in_the_table(rich_suite):
    assert rich_suite.metrics["iw_log_likelihood"].marginal_metric is None
    assert "label_marginal_log_likelihood" not in rich_suite.metrics


def test_controls_are_known_by_their_recipe(rich_suite):
    assert rich_suite.controls == {"copier"}
    controls = {row.model for block in rich_suite.blocks for row in block.rows if row.control}
    assert controls == rich_suite.controls


def test_suites_beside_this_one_are_opened_by_name(own_results):
    shutil.copytree(own_results / "tiny", own_results / "other")
    suite = StoredSuite.open(own_results, "tiny")
    assert suite.member("other").folder == own_results / "other"
    assert suite.member("never_run") is None
    (own_results / "other" / "metrics.csv").unlink()  # killed before it was written
    assert suite.member("other") is None


def test_a_collection_shows_its_own_rows_and_is_not_compared(own_results):
    path = own_results / "tiny" / "metrics.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    pd.concat([table[:5].assign(suite="part"), table]).to_csv(path, index=False)
    change_suite(own_results, lambda content: content.update(members=["part"]))
    suite = StoredSuite.open(own_results, "tiny")
    assert set(suite.frame["suite"]) == {"tiny"}
    assert len(suite.table) == len(suite.frame) + 5
    with pytest.raises(ConfigError, match="'tiny' is a collection; name one of its suites: part"):
        suite.require_no_collection()


def test_models_of_a_figure_come_in_the_order_in_which_they_are_asked_for(suite):
    asked = ["iwae", "vae", "ae"]
    assert [run.label for run in suite.figure_inputs(asked)] == asked
    everything = [run.label for run in suite.figure_inputs()]
    assert everything == list(MODELS)  # a run that diverged stores nothing
    assert {run.record.seed for run in suite.figure_inputs()} == {0}
