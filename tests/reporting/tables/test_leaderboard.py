"""The leaderboard as a table."""

from dataclasses import replace

import pytest

from genbench.reporting.tables.latex import latex_tables
from genbench.reporting.tables.leaderboard import leaderboard_table, leaderboard_tables, legend
from genbench.reporting.tables.markdown import markdown_tables


@pytest.fixture(scope="module")
def board(rich_suite):
    return rich_suite.leaderboards[0]


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
    assert table.caption.startswith("≥: lower bound; ±: standard error over test images")
    first, *others = board.entries
    for standing in ("best", "tie", ""):
        shown = replace(board, entries=(replace(first, standing=standing), *others))
        explained = "bold: best by a paired test" in leaderboard_table(shown).caption
        assert explained == (standing == "best")
    assert legend([]) == []


def test_markdown_and_latex_mark_the_best(board):
    best = replace(board, entries=(replace(board.entries[0], standing="best"), *board.entries[1:]))
    tables = [leaderboard_table(best)]
    assert "| 1 | cvae (label summed out) | **≥ -18.10 ± 0.25** |" in markdown_tables("T", tables)
    assert r"$\mathbf{\ensuremath{\geq} -18.10 \pm 0.25}$" in latex_tables("T", tables)


def test_each_protocol_has_its_own(rich_suite):
    tables = leaderboard_tables(rich_suite.leaderboards)
    assert [table.name for table in tables] == ["leaderboard-1", "leaderboard-2"]
    assert "given the label: 300 test images, 3 seeds" in tables[1].title
