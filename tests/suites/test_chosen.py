"""Shipped suites have the settings that their searches chose, and the searches are equal."""

from collections import Counter

import pytest

from genbench.recipes import recipes
from genbench.suites.chosen import departures
from genbench.suites.load import suite_files
from genbench.suites.spec import expand, load_suite
from genbench.training.config import TrainConfig

RECORDED = [name for name in suite_files() if load_suite(name).trials]


def test_the_suite_that_runs_without_a_name_has_a_record():
    assert "digits" in RECORDED


@pytest.mark.parametrize("name", RECORDED)
def test_settings_are_those_that_were_chosen(name):
    suite = load_suite(name)
    assert list(departures(suite, expand(suite))) == []


@pytest.mark.parametrize("name", RECORDED)
def test_what_is_assumed_of_a_model_changes_no_setting_of_it(name):
    specs = [spec for spec in expand(load_suite(name)) if spec.seed == 0]
    trained = [(spec.recipe, spec.options, spec.train) for spec in specs if not spec.assume]
    for spec in specs:
        assert (spec.recipe, spec.options, spec.train) in trained


@pytest.mark.parametrize("name", RECORDED)
def test_a_record_is_the_search_that_its_suite_states(name):
    suite = load_suite(name)
    counts = Counter(trial.model for trial in suite.trials)
    assert set(counts.values()) == {suite.tune.trials}
    excused = [entry.name for entry in suite.model if entry.why]
    assert len({trial.steps for trial in suite.trials if trial.model not in excused}) == 1
    for entry in suite.model:
        mine = [trial for trial in suite.trials if trial.model == entry.name]
        keys = [*recipes[entry.recipe].options.model_fields, *TrainConfig.model_fields]
        if mine:
            assert [trial.options for trial in mine] == suite.tune.settings(keys, entry.name)
            assert [trial.chosen for trial in mine].count(True) == 1
