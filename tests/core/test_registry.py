"""Names resolve with a hint, and are given once."""

import pytest

from genbench.core.errors import ConfigError, ExitCode, did_you_mean
from genbench.core.registry import Registry, registering


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


def paint():
    """What the tests below register."""


def test_one_function_may_be_registered_again_and_another_may_not(colours):
    colours.add("red", 1, paint)
    colours.add("red", 2, paint)
    assert colours["red"] == 2
    with pytest.raises(ConfigError, match=r"'red' is already registered by test_registry\.py; "):
        colours.add("red", 3, test_two_registries_share_nothing)
    with pytest.raises(ConfigError, match=r"'red' is already registered by test_registry\.py; "):
        colours.add("red", 3)
    assert colours["red"] == 2


def test_a_name_of_genbench_is_said_to_be_so(colours):
    colours.add("red", 1, did_you_mean)
    with pytest.raises(ConfigError, match="'red' is already registered by genbench;"):
        colours.add("red", 2, paint)


def test_a_cell_of_a_notebook_may_be_run_again(colours):
    for i in range(2):  # each run is a file of its own
        space = {"__name__": "__main__"}
        exec(compile("def paint(): ...", f"/tmp/ipykernel_1/{i}.py", "exec"), space)
        colours.add("red", i, space["paint"])
    assert colours["red"] == 1


def test_what_a_failing_block_registers_is_taken_back(colours):
    def fail():
        with registering() as journal:
            colours.add("red", 1)
            assert journal == [(colours, "red")]
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert list(colours) == ["green", "violet"]
    with registering():
        colours.add("red", 1)
    assert "red" in colours


def test_what_genbench_registers_itself_is_not_taken_back(colours):
    with registering() as journal:
        colours.add("ours", 0, did_you_mean)
        colours.add("theirs", 1, lambda: None)
    assert journal == [(colours, "theirs")]
