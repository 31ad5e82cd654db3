"""The leaderboard as a table."""

from dataclasses import replace

import pytest

from genbench.reporting.tables.captions import uncertainty_caption
from genbench.reporting.tables.latex import latex_tables
from genbench.reporting.tables.leaderboard import (
    heading,
    leaderboard_table,
    leaderboard_tables,
    legend,
)
from genbench.reporting.tables.markdown import markdown_tables
from tests.results.contest import board as contest_board
from tests.results.contest import elbo, number


@pytest.fixture(scope="module")
def board(rich_suite):
    return rich_suite.leaderboards[0]


def test_a_single_image_is_said_in_the_singular():
    one = contest_board(vae=elbo(-20.0, n=1), n=1)
    assert heading(one).endswith(": 1 test image, 3 seeds")
    assert "the 1 test image" in uncertainty_caption(one.block)


def test_columns_are_rank_model_log_likelihood_and_what_any_model_has(board):
    table = leaderboard_table(board)
    assert [head.line for head in table.heads] == [
        "rank", "model", "log-likelihood ↑ (nats)", "rate (nats)", "sample quality ↓ (MMD²)",
    ]  # fmt: skip
    assert [head.words for head in table.heads] == [False, True, False, False, False]


def test_numbers_have_their_sign_value_error_and_hint(board):
    row = next(row for row in leaderboard_table(board).rows if row[1].model == "vae")
    entry = next(entry for entry in board.entries if entry.row.label == "vae")
    assert row[2].number == entry.text == "≥ -20.10 ± 0.24"
    assert row[2].value == entry.cell.value
    assert row[2].below == ()
    assert "lower bound, n = 300 over 3 seeds" in row[2].hint


def test_a_model_without_a_number_stands_last_and_unranked(board):
    table = leaderboard_table(board)
    last = table.rows[-1]
    assert (last[0].text, last[2].text, last[2].value) == ("", "has none", None)
    ranks = [row[0].value for row in table.rows if row[0].value]
    assert ranks == list(range(1, len(ranks) + 1))


def test_the_answer_leads_and_the_signs_are_explained(board):
    table = leaderboard_table(board)
    assert table.lead == board.sentence
    order, bound, error = table.caption.split("; ")[:3]
    assert order.startswith("rank: the order of the numbers")
    assert bound == "≥: lower bound"
    assert error.startswith("±: standard error over test images")
    first, *others = board.entries
    for standing in ("best", "tie", ""):
        shown = replace(board, entries=(replace(first, standing=standing), *others))
        caption = leaderboard_table(shown).caption
        test = "by a paired test over images and seeds (5 %, Holm-corrected)"
        assert (f"bold: best number {test}" in caption) == (standing == "best")
        assert (f"≈: tied for best {test}" in caption) == (standing == "tie")
    both = (replace(first, standing="best"), replace(others[0], standing="tie"), *others[1:])
    caption = leaderboard_table(replace(board, entries=both)).caption
    assert "; ≈: tied for best by that test" in caption
    assert legend([]) == []


def test_a_single_number_has_no_order_to_explain():
    assert "rank" not in leaderboard_table(contest_board(vae=elbo(-20.0))).caption


def test_the_error_of_sample_quality_is_not_called_one_over_test_images():
    alone = leaderboard_table(contest_board(vae=elbo(-20.0))).caption
    assert "±: standard error over test images." in alone
    quality = number("fd_infinity", 2.0)
    beside = leaderboard_table(contest_board(vae=[elbo(-20.0), quality])).caption
    assert "over test images, of sample quality over the images that are compared" in beside


def test_markdown_and_latex_mark_the_best(board):
    best = replace(board, entries=(replace(board.entries[0], standing="best"), *board.entries[1:]))
    tables = [leaderboard_table(best)]
    assert "| 1 | cvae (label summed out) | **≥ -18.10 ± 0.25** |" in markdown_tables("T", tables)
    assert r"$\mathbf{\ensuremath{\geq} -18.10 \pm 0.25}$" in latex_tables("T", tables)


def test_each_protocol_has_its_own(rich_suite):
    tables = leaderboard_tables(rich_suite.leaderboards)
    assert [table.name for table in tables] == ["leaderboard-1", "leaderboard-2"]
    assert "given the label: 300 test images, 3 seeds" in tables[1].title


def test_sample_quality_has_its_error_its_n_where_it_is_another_and_a_note():
    quality = number("fd_infinity", 2.0), number("fd_infinity", 0.1, n=200)
    shown = contest_board(("data",), vae=[elbo(-20.0), quality[0]], data=[quality[1]])
    table = leaderboard_table(shown)
    assert table.heads[-1].line == "sample quality ↓ (FD∞)"
    cells = {row[1].model: row[-1] for row in table.rows}
    assert cells["vae"].error
    assert (cells["vae"].below, cells["data"].below) == ((), ("n = 200",))
    assert table.caption.endswith("one scale for all protocols of a data set.")


def test_a_control_is_not_ranked_by_its_samples_and_others_are_not_by_these():
    shown = contest_board(
        ("copier",), copier=[number("fd_infinity", 0.0)], gan=[number("fd_infinity", 1.0)]
    )
    assert [row[0].text for row in leaderboard_table(shown).rows] == ["", ""]
    assert {row[-1].standing for row in leaderboard_table(shown).rows} == {""}


def certified(board, words="certified by genbench 0.1.0 (sum over a 3x3 world)"):
    known = {"vae", "linear_gaussian"}
    entries = (replace(e, certified=words if e.row.model in known else "") for e in board.entries)
    return replace(board, entries=tuple(entries))


def test_certified_numbers_are_marked_and_the_mark_says_what_was_certified(board):
    table = leaderboard_table(certified(board))
    marked = {row[1].text for row in table.rows if "✓" in row[2].marks}
    assert marked == {"vae", "linear_gaussian"}
    (sentence,) = [text for mark, text in table.explained if mark == "✓"]
    labels, _, words = sentence.partition(": ")
    assert set(labels.split(", ")) == marked
    assert words == "certified by genbench 0.1.0 (sum over a 3x3 world)"


def test_the_mark_of_a_certificate_stands_in_latex_and_markdown(board):
    tables = [leaderboard_table(certified(board))]
    assert r"20.10 \pm 0.24$\ensuremath{\surd}" in latex_tables("T", tables)
    assert "-20.10 ± 0.24✓" in markdown_tables("T", tables)


def test_without_certificates_nothing_is_marked(board):
    table = leaderboard_table(board)
    assert "✓" not in table.marks
    assert all(mark != "✓" for mark, _ in table.explained)
