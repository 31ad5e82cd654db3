"""``[tune]``: draws are addressed by name, equal for all models, and never repeat a setting."""

import re

import pytest

from genbench.core.errors import ConfigError
from genbench.suites.search import Tune
from genbench.suites.spec import load_suite
from tests.suites.conftest import EVALUATE, HEAD, MODELS

SPACE = {"learning_rate": [0.1, 0.2, 0.3, 0.4], "activation": ["relu", "elu", "tanh"]}


def tune(**stated):
    return Tune.read(SPACE | stated, "tune")


def test_every_model_gets_as_many_trials_and_none_twice():
    for keys in (SPACE, ["learning_rate"]):
        settings = tune(trials=4).settings(keys, "vae")
        assert len(settings) == 4
        assert all(set(setting) == set(keys) for setting in settings)
        assert len({str(setting) for setting in settings}) == 4


def test_models_with_the_same_keys_get_the_same_draws():
    with_all, with_rate = (tune(trials=4).settings(k, "") for k in (SPACE, ["learning_rate"]))
    assert with_all == tune(trials=4).settings([*SPACE, "beta"], "")
    rates = [setting["learning_rate"] for setting in tune(trials=12).settings(SPACE, "")]
    assert [s["learning_rate"] for s in with_rate] == list(dict.fromkeys(rates))


def test_draws_depend_on_the_seed_and_not_on_what_else_is_listed():
    few = tune().draws()
    more = tune(learning_rate=[0.4, 0.3, 0.25, 0.2, 0.1]).draws()
    assert [draw for draw in more if draw["learning_rate"] != 0.25] == few
    assert tune(seed=1).draws() != few


def test_more_trials_than_settings_are_refused():
    with pytest.raises(ConfigError, match=r"5, but there are only 4 .* model 'linear'"):
        tune(trials=5).settings(["learning_rate"], "linear")


@pytest.mark.parametrize(
    ("line", "part"),
    [
        ("trials = 0\nbeta = [1]", "tune.trials"),
        ("trials = 2", "tune: state values to try, such as learning_rate"),
        ("beta = 2.0", "beta: expected a list"),
        ("beta = []", "beta: expected a list"),
        ("beta = [1, 1]", "beta: a value is listed twice"),
        ("epochs = [1, 2]", "epochs: every trial has the budget of the suite"),
        ("learning_rates = [1, 2]", "did you mean 'learning_rate'"),
        ("seed = 0\nlatent_dim = [1, 2]", "tune.seed: 0 is one of the reported seeds"),
        (f"beta = {list(range(101))}\nlatent_dim = {list(range(100))}", "more than 10,000"),
    ],
)
def test_a_wrong_table_is_refused(suite_file, line, part):
    with pytest.raises(ConfigError, match=re.escape(part)):
        load_suite(suite_file(f"{HEAD}{MODELS}{EVALUATE}\n[tune]\n{line}\n"))


def test_a_suite_reads_back_from_its_own_record(suite_file):
    suite = load_suite(suite_file(f"{HEAD}{MODELS}{EVALUATE}\n[tune]\nlatent_dim = [1, 2]\n"))
    assert type(suite).read(suite.model_dump(mode="json"), "") == suite
