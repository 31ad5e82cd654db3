"""The sentence above a leaderboard: what is proven, what is not, what was not tested."""

import re
from dataclasses import replace

import pytest

from genbench.core.metric import Metric
from genbench.results.answer import NOTHING, OUTDATED, UNASKED
from genbench.results.standings import leaderboard_of
from tests.results.contest import board, contest, elbo, exact, number


def said(**models):
    """The sentence; a number of one mean has it in three seeds."""
    return board(**models).sentence


def test_bound_above_exact_values_proves_the_order_and_says_at_least():
    found = said(cvae=elbo(-22.81), discrete_vae=exact(-22.99))
    pattern = (
        r"cvae is best: at least −22\.81 ± 0\.20 nats,"
        r" at least (0\.18\d+ ± 0\.00\d+) better than discrete_vae \(exactly −22\.99\)\."
    )
    assert re.fullmatch(pattern, found), found


def test_exact_values_are_apart_by_exactly_so_much():
    found = said(a=exact(31.45), b=exact(17.1))
    pattern = (
        r"a is best: exactly 31\.45 ± 0\.20 nats,"
        r" 14\.35\d* ± 0\.0\d+ better than b \(exactly 17\.10\)\."
    )
    assert re.fullmatch(pattern, found), found


def test_bound_below_another_number_shows_nothing_of_its_model():
    found = said(a=exact(-20.0), b=elbo(-21.0))
    assert found.startswith("a has the best number: exactly −20.00 ± 0.20 nats, 1.0")
    assert found.endswith(
        " above b (at least −21.00). b is not shown to be worse: its bound may be loose."
    )
    assert "better than" not in found


def test_proven_and_not_shown_are_told_apart_in_one_answer():
    found = said(
        cvae=elbo(-22.81), discrete_vae=exact(-22.99), vae=elbo(-23.34),
        beta_vae=elbo(-24.47), notes={"cvae": "label summed out"},
    )  # fmt: skip
    first, second = found.split(". ")
    assert first.startswith("cvae (label summed out) has the best number: at least −22.81")
    assert first.endswith(" better than discrete_vae (exactly −22.99)")
    assert second == "vae and beta_vae are not shown to be worse: their bounds may be loose."
    assert len(found) <= 220


def test_every_bound_below_the_first_is_among_those_not_shown_to_be_worse():
    one = said(a=exact(-20.0), b=exact(-21.0), c=elbo(-22.0))
    assert one.endswith(" c (at least −22.00) is not shown to be worse: its bound may be loose.")
    bounds = {name: elbo(-22.0 - place) for place, name in enumerate("bcdef")}
    many = said(a=exact(-20.0), **bounds)
    assert many.endswith(
        " b, c, d and 2 more are not shown to be worse: their bounds may be loose."
    )


def test_tie_names_those_that_the_test_does_not_tell_apart():
    two = said(a=elbo(-10.0), b=exact(-10.001), c=elbo(-12.0))
    assert two == (
        "a (at least −10.00 nats) is tied with b (exactly −10.00):"
        " given the spread between seeds, the paired test does not tell them apart."
    )
    assert "best" not in two
    once = said(a=elbo(-10.0), b=exact(-10.001), seeds=1)
    assert once.endswith("b (exactly −10.00): the paired test does not tell them apart.")
    models = {name: elbo(-10.0) for name in "abcdef"}
    listed = r"a \(.*\) is tied with (b, c|b and c|b, c, d and 2 more): given .* tests do not .*"
    assert re.fullmatch(listed, said(**models))
    three = said(a=elbo(-10.0), b=elbo(-10.001), c=elbo(-10.002))
    assert " is tied with b and c: given the spread between seeds, the paired tests do not" in three


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_speak_of_these_trained_networks(seeds):
    few = said(a=elbo(-10.0, *[-10.1] * (seeds - 1)), b=exact(-12.0), seeds=seeds)
    assert few.startswith("Of these trained networks, a has the highest number: at least −10.0")
    assert not re.search("best|better", few)
    tied = said(
        a=elbo(-10.0, *[-10.1] * (seeds - 1)), b=exact(-10.0005 - 0.05 * (seeds - 1)), seeds=seeds
    )
    assert tied.startswith("Of these trained networks, ")
    assert " is tied with " in tied
    assert "networks" not in said(a=elbo(-10.0, -10.1, -10.05), b=exact(-12.0))
    pixels = exact(-5.0)
    led = said(
        a=elbo(-10.0, *[-10.1] * (seeds - 1)), pixels=pixels, controls={"pixels"}, seeds=seeds
    )
    assert "; none of these trained networks is shown to reach it: a has at least" in led


def test_missing_values_are_said_and_nothing_is_best_or_tied():
    found = said(a=elbo(-10.0), b=elbo(-12.0, lost=True))
    assert found == (
        "a has the highest number, at least −10.00 ± 0.20 nats, ahead of b (at least −12.00)."
        " No paired test could be made: the values per image are not stored."
    )


def test_a_single_test_image_is_why_nothing_was_tested():
    found = said(a=elbo(-10.0, n=1), b=elbo(-12.0, n=1), n=1)
    assert found.endswith(" No paired test could be made: there is a single image.")


def test_control_on_top_is_named_and_an_absurd_bound_is_short():
    absurd = elbo(-1234567.0, noise=4e4)
    found = said(vae=absurd, independent_pixels=exact(-27.0), controls={"independent_pixels"})
    assert re.fullmatch(
        r"independent_pixels \(a control\) leads with exactly −27\.00 ± 0\.20 nats;"
        r" no trained model is shown to reach it: vae has at least −1\.2346e\+06\.",
        found,
    ), found
    sure = said(a=exact(-30.0), pixels=exact(-27.0), controls={"pixels"})
    assert sure.endswith("; no trained model reaches it: a has exactly −30.00.")


def test_control_in_second_place_is_named_too():
    found = said(vae=elbo(-23.0), pixels=exact(-27.0), controls={"pixels"})
    assert found.startswith("vae is best: at least −23.00 ± 0.20 nats, at least ")
    assert found.endswith(" better than pixels (a control, exactly −27.00).")


def test_single_number_stands_alone():
    assert said(vae=elbo(-23.0)) == "vae has at least −23.00 ± 0.20 nats."
    lost = said(vae=elbo(-23.0), gan=elbo(n_failed=4))
    assert lost == (
        "Only vae has a log-likelihood over the whole test set: at least −23.00 ± 0.20 nats."
    )
    unasked = said(vae=elbo(-23.0), ae=number("reconstruction_mse", 0.1))
    assert unasked == (
        "A log-likelihood over the whole test set was measured for vae alone:"
        " at least −23.00 ± 0.20 nats."
    )


def test_a_suite_that_measures_no_log_likelihood_says_so():
    assert said(gan=number("mmd2", 0.1), ae=number("reconstruction_mse", 0.1)) == UNASKED


def test_no_number_is_said_as_such():
    few = number("ais_log_likelihood", -20.0, n=20)
    found = said(ae=number("reconstruction_mse", 0.1), gan=few)
    assert found == "No log-likelihood was measured over the whole test set."
    found = said(vae=elbo(-20.0, n_failed=1), gan=elbo(n_failed=4))
    assert found == f"{NOTHING} over the whole test set from every seed."


@pytest.mark.parametrize(("height", "better"), [(-9.0, True), (-11.0, False)])
def test_upper_bound_above_the_first_leaves_it_open_who_is_better(height, better):
    upper = elbo(height, kind="upper_bound")
    found = said(a=exact(-10.0), b=exact(-12.0), c=upper)
    assert found.endswith(" c may be better: it has at most −9.00.") == better
    assert found.startswith("a has the best number: " if better else "a is best: ")


@pytest.mark.parametrize(("height", "better"), [(-9.0, True), (-11.0, False)])
def test_model_that_lost_a_seed_and_is_above_the_first_leaves_it_open_who_is_better(height, better):
    lost = elbo(height, n_failed=1)
    found = said(a=exact(-10.0), b=exact(-12.0), c=lost)
    assert found.endswith(" c may be better: it has at least −9.00 in 3 of 4 seeds.") == better
    assert found.startswith("a has the best number: " if better else "a is best: ")
    alone = said(a=exact(-10.0), c=lost)
    assert alone.startswith("Only a has a log-likelihood over the whole test set from every seed:")


def test_names_and_key_numbers_are_strong():
    found = board(a=exact(-10.0), b=exact(-12.0)).answer
    strong = [phrase.text for phrase in found if phrase.strong]
    assert strong[::3] == ["a", "b"]
    assert strong[1] == "−10.00 ± 0.20"
    assert strong[2].startswith("2.00")
    few = board(a=exact(-10.0), b=exact(-12.0), seeds=1).answer
    assert not any(phrase.strong for phrase in few)


def test_results_of_an_older_genbench_are_not_said_to_have_no_number():
    block, stored = contest({"a": [elbo(-10.0)]})
    record = block.columns[0].record.model_dump(exclude={"leaderboard"})
    older = replace(block.columns[0], record=Metric.model_validate(record))
    assert leaderboard_of(replace(block, columns=(older,)), stored).sentence == OUTDATED
