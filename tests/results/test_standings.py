"""Who leads: all kinds in one column, and the paired test between the first and every other."""

import pytest

from genbench.results.cells import BEST, TIED
from genbench.results.paired import ranked
from genbench.results.standings import leaderboard_of
from tests.results.contest import board, contest, elbo, exact, number


def order(found):
    return [(entry.row.label, entry.rank) for entry in found.entries]


def seeded(mean):
    """A bound whose mean over three seeds has noise of 0.1 per image."""
    return elbo(mean, noise=0.1 * 3**0.5)


def standings(found):
    return {entry.row.label: entry.standing for entry in found.entries}


def test_all_kinds_stand_in_one_column_best_first():
    found = board(
        vae=[elbo(-23.6), number("ais_log_likelihood", -20.0, n=20)],
        nothing=number("reconstruction_mse", 0.1),
        exactly=exact(-22.99),
        cvae=number("iw_log_likelihood", -22.81),
        few=number("ais_log_likelihood", -10.0, n=20),
    )
    assert order(found) == [
        ("cvae", 1), ("exactly", 2), ("vae", 3), ("nothing", None), ("few", None)
    ]  # fmt: skip
    assert standings(found) == dict(cvae=BEST, exactly="", vae="", nothing="", few="")


def test_leader_that_the_test_does_not_put_above_all_is_tied():
    found = board(a=elbo(-10.0), b=exact(-10.001), c=elbo(-10.5))
    assert standings(found) == {"a": TIED, "b": TIED, "c": ""}


def test_test_is_corrected_for_the_number_of_opponents():
    # Standard error of the difference: sqrt(2) 0.1 / 20 = 0.007; 2.2 of it is p = 0.03.
    alone = board(a=seeded(-10.0), b=seeded(-10.0156))
    among = {f"m{i}": seeded(-10.0156) for i in range(12)}
    assert standings(alone)["a"] == BEST
    assert standings(board(a=seeded(-10.0), **among))["a"] == TIED


@pytest.mark.parametrize(
    "behind", [0.001, 0.0225, 0.1]
)  # of 0.0225, p is 0.0015: over all pairs a tie
def test_column_that_all_models_share_marks_the_same_as_the_leaderboard(behind):
    models = {f"m{i}": [seeded(-10.0 - behind * (i > 0))] for i in range(12)}
    block, values = contest(models)
    found = leaderboard_of(ranked(block, values), values)
    assert standings(found) == {e.row.label: e.cell.standing for e in found.entries}
    assert (standings(found)["m0"] == BEST) == (behind > 0.01)


def test_spread_between_seeds_keeps_a_leader_from_being_best():
    found = board(a=elbo(-10.0, -10.2, -10.4), b=elbo(-10.3, -10.4, -10.5))
    assert standings(found) == {"a": TIED, "b": TIED}


@pytest.mark.parametrize("seeds", [1, 2])
def test_nothing_is_marked_with_fewer_than_three_seeds_a_side(seeds):
    rest = [-10.0] * (seeds - 1)
    few = board(a=elbo(-9.9, *rest), b=elbo(-12.0), c=elbo(-12.1), seeds=seeds)
    assert set(standings(few).values()) == {""}
    assert order(few) == [("a", 1), ("b", 2), ("c", 3)]
    last = number("elbo", -12.1, *rest)
    assert set(standings(board(a=elbo(-9.9), b=elbo(-11.0, -11.1), c=last)).values()) == {""}
    assert standings(board(a=elbo(-9.9, -10.0, -9.95), b=elbo(-12.0)))["a"] == BEST


def apart(up, *scatter):
    """A bound in six seeds that scatter by 0.1."""
    return elbo(*(up - 10 + 0.1 * z for z in scatter))


def test_where_seeds_were_added_until_decided_the_anytime_test_marks_and_speaks():
    near = {"a": elbo(-9.9, -10.0, -9.8), "b": elbo(-10.3, -10.5, -10.4)}
    assert standings(board(**near))["a"] == BEST  # by the t-test of a number of seeds fixed before
    looked_at = board(**near, sequential=True)
    assert standings(looked_at) == {"a": TIED, "b": TIED}
    assert looked_at.sentence.endswith(
        " is tied with b (at least −10.40): not decided after 3 seeds."
    )
    assert looked_at.undecided == (("a", "b"),)
    first, *rest = (0.3, -1.2, 0.9, -0.4, 1.1, -0.7), (-0.2, 0.8, 1.3, -1.0, 0.1, -0.6)
    others = {"b": apart(0.0, *rest[0]), "c": apart(0.01, *rest[0][::-1])}
    clear = board(a=apart(1.0, *first), **others, sequential=True)
    assert standings(clear) == {"a": BEST, "b": "", "c": ""}
    assert [{*pair} for pair in clear.undecided] == [{"b", "c"}]
    assert clear.sentence.endswith(" Not decided after 6 seeds: c and b.")
    control = board(a=apart(0.0, *first), b=apart(0.0, *rest[0]), controls={"b"}, sequential=True)
    assert control.undecided == ()


def test_nothing_is_best_or_tied_while_the_values_behind_a_number_are_missing():
    found = board(a=elbo(-10.0), b=elbo(-12.0), c=elbo(-13.0, lost=True))
    assert set(standings(found).values()) == {""}
    assert order(found) == [("a", 1), ("b", 2), ("c", 3)]


def test_single_model_is_neither_best_nor_tied():
    assert standings(board(a=elbo(-10.0), b=number("kl", 4.0))) == {"a": "", "b": ""}


def test_control_on_top_is_not_best_and_nobody_else_is():
    found = board(
        vae=elbo(-72300.0), independent_pixels=exact(-27.0), controls={"independent_pixels"}
    )
    assert order(found) == [("independent_pixels", 1), ("vae", 2)]
    assert standings(found) == {"vae": "", "independent_pixels": ""}


@pytest.mark.parametrize(("height", "standing"), [(-9.0, ""), (-11.0, BEST)])
def test_upper_bound_has_no_rank_and_above_the_first_keeps_it_from_being_best(height, standing):
    found = board(a=elbo(-10.0), b=elbo(-12.0), c=elbo(height, kind="upper_bound"))
    assert order(found) == [("a", 1), ("b", 2), ("c", None)]
    assert standings(found) == {"a": standing, "b": "", "c": ""}
    assert found.entries[2].text.startswith("≤ ")


@pytest.mark.parametrize(("height", "standing"), [(-9.0, ""), (-11.0, BEST)])
def test_model_that_lost_a_seed_keeps_the_first_from_being_best_if_it_is_above(height, standing):
    found = board(a=elbo(-10.0), b=elbo(-12.0), c=elbo(height, n_failed=1))
    assert order(found) == [("a", 1), ("b", 2), ("c", None)]
    assert standings(found) == {"a": standing, "b": "", "c": ""}
    assert found.entries[2].text == "only 3 of 4 seeds"


def test_warnings_and_details_belong_to_their_model():
    found = board(a=[elbo(-10.0), number("kl", 4.0)], b=exact(-12.0), warnings={"b": ("below a",)})
    first, second = found.entries
    assert (first.warnings, second.warnings) == ((), ("below a",))
    assert [column.metric for column in found.details] == ["kl"]
    ((column, cell),) = first.details
    assert (column.metric, cell.value) == ("kl", pytest.approx(4.0))
    assert second.details == (None,)


def test_tighter_bound_over_fewer_images_that_turns_the_order_round_is_named():
    def few(value):
        return number("iw_log_likelihood", value, n=100)

    models = {"vae": [elbo(-103.2), few(-97.8)], "iwae": [elbo(-104.3), few(-96.0)]}
    found = leaderboard_of(*marked(models))
    assert order(found) == [("vae", 1), ("iwae", 2)]
    assert standings(found) == {"vae": "", "iwae": ""}
    assert found.sentence.endswith(" Over 100 images a tighter bound puts iwae first.")


@pytest.mark.parametrize(
    ("vae", "iwae"),
    [(-97.8, -97.81), (-110.0, -96.0), (-96.0, -97.8)],
    ids=["not decided", "not tighter than what leads", "the same order"],
)
def test_bound_over_fewer_images_says_nothing_where_it_turns_no_order_round(vae, iwae):
    few = [number("iw_log_likelihood", value, n=100) for value in (vae, iwae)]
    models = {"vae": [elbo(-103.2), few[0]], "iwae": [elbo(-104.3), few[1]]}
    found = leaderboard_of(*marked(models))
    assert "tighter" not in found.sentence
    assert standings(found) == {"vae": BEST, "iwae": ""}


def marked(models):
    """A block with the standing of each number, as a stored suite has it, and its values."""
    block, stored = contest(models)
    return ranked(block, stored), stored
