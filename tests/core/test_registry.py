"""Names resolve with a hint, and are given once."""

import pytest

from genbench.core.errors import ConfigError, ExitCode, did_you_mean
from genbench.core.registry import Registry


@pytest.fixture
def colours():
    table = Registry("colour")
    table.add("violet", 3)
    table.add("green", 2)
    return table


def test_entries_are_found_and_listed_in_order(colours):
    assert (colours["green"], list(colours)) == (2, ["green", "violet"])
    assert "violet" in colours
    assert "red" not in colours


def test_an_unknown_name_is_answered_with_the_nearest_and_all_known(colours):
    with pytest.raises(ConfigError) as caught:
        colours["gren"]
    expected = "unknown colour 'gren'; did you mean 'green'? known: green, violet"
    assert str(caught.value) == expected
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_name_is_given_once_and_the_first_entry_stays(colours):
    with pytest.raises(ConfigError, match="'green' is already registered"):
        colours.add("green", 9)
    assert colours["green"] == 2


def test_two_registries_share_nothing(colours):
    assert list(Registry("other")) == []
    entries = {"green": 2}
    table = Registry("colour", entries)
    table.add("red", 1)
    assert (list(table), entries) == (["green", "red"], {"green": 2})


def test_no_hint_is_given_where_nothing_is_near():
    assert did_you_mean("zzzz", ["elbo", "kl"]) == "known: elbo, kl"


def test_the_hint_is_the_nearest_name():
    answer = did_you_mean("iw_loglikelihood", ["log_likelihood", "iw_log_likelihood", "elbo"])
    assert answer.startswith("did you mean 'iw_log_likelihood'? ")
