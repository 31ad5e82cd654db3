"""A suite's results at a terminal."""

import re
from dataclasses import replace
from itertools import takewhile

import pytest

from genbench.core.texts import Terminal
from genbench.reporting import terminal_summary
from genbench.reporting.summary import fitted
from genbench.reporting.tables.leaderboard import leaderboard_table
from genbench.reporting.tables.text import titled_rows
from genbench.results.leaderboard import Leaderboard
from genbench.results.suite import StoredSuite
from tests.results.certificates import certify_headlines

WIDTHS = (40, 60, 80, 100, 120, 200)


def rows_of(text):
    """The rows of the first table: what stands below its head, by the first word."""
    lines = text.splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("model ")) + 1
    rows = takewhile(lambda line: line and not line.startswith(" "), lines[first:])
    return {line.split()[0]: line for line in rows}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("verbose", [False, True])
def test_no_line_is_wider_than_the_terminal(rich_suite, width, verbose):
    text = terminal_summary(rich_suite, Terminal(width), verbose=verbose)
    longest = max(text.splitlines(), key=len)
    assert len(longest) <= width or (width < 80 and verbose)  # a single column may be wider


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_every_protocol_has_heading_sentence_and_at_most_five_columns(rich_suite, encoding):
    text = terminal_summary(rich_suite, Terminal(80, encoding))
    for board in rich_suite.leaderboards:
        heading = f"{board.block.protocol.short}: 300 test images, 3 seeds"
        after = text[text.index(heading) :]
        sentence = Terminal(80, encoding).paragraph(board.sentence)
        assert after.index(sentence) == len(heading) + 1
    tables = [fitted([leaderboard_table(b)], Terminal(80)) for b in rich_suite.leaderboards]
    assert [len(table.heads) for (table,) in tables] == [4, 2]  # nothing was reconstructed
    assert all(len(table.heads) <= 5 for (table,) in tables)


def test_models_stand_best_first_with_their_bounds_marked_and_nothing_but_the_error(rich_suite):
    rows = rows_of(terminal_summary(rich_suite, Terminal(80)))
    entries = rich_suite.leaderboards[0].entries
    assert list(rows) == [entry.row.label for entry in entries]
    ranked = [entry for entry in entries if entry.rank]
    assert [entry.rank for entry in ranked] == sorted(entry.rank for entry in ranked)
    for entry in ranked:
        assert entry.text in rows[entry.row.label]
    assert "≥ -20.10 ± 0.24" in rows["vae"]
    assert "≥" not in rows["linear_gaussian"]
    for word in ("MC", "seed sd"):
        assert word not in " ".join(rows.values())


def test_numbers_stand_point_below_point(rich_suite):
    rows = rows_of(terminal_summary(rich_suite, Terminal(80)))
    points = {line.index(".") for name, line in rows.items() if re.search(r"-\d+\.", line)}
    assert len(points) == 1


def with_standing(board: Leaderboard, **standings):
    entries = (
        replace(entry, standing=standings.get(entry.row.label, "")) for entry in board.entries
    )
    return replace(board, entries=tuple(entries))


@pytest.fixture
def shown(rich_suite):
    """The summary at 80 columns where the first leaderboard is another."""

    def show(board):
        suite = replace(rich_suite)
        suite.__dict__["leaderboards"] = [board]
        return terminal_summary(suite, Terminal(80))

    return show


def test_only_a_decided_best_has_a_star_and_the_star_is_explained(rich_suite, shown):
    board = rich_suite.leaderboards[0]
    decided = shown(with_standing(board, cvae="best"))
    assert re.search(r"≥ -18\.10 ± 0\.25\*", rows_of(decided)["cvae"])
    assert decided.count("*") == 2
    assert "*: best number by a paired test" in " ".join(decided.split())
    tied = shown(with_standing(board, cvae="tie", vae="tie"))
    assert "*" not in tied
    assert "≈" not in tied
    assert "rank" not in tied


def test_a_warning_is_a_mark_and_a_line(rich_suite, shown):
    board = rich_suite.leaderboards[0]
    entries = list(board.entries)
    entries[1:3] = [replace(e, warnings=("below independent_pixels",)) for e in entries[1:3]]
    text = shown(replace(board, entries=tuple(entries)))
    names = [entry.row.label for entry in entries[1:3]]
    assert f"! {', '.join(names)}: below independent_pixels" in text
    assert [name for name in rows_of(text) if name.endswith("!")] == [f"{name}!" for name in names]


def test_what_has_no_room_goes_in_order_errors_then_names_then_columns(rich_suite):
    board = leaderboard_table(rich_suite.leaderboards[0])
    long = "a_model_of_a_very_long_name_that_goes_on_and_on"
    rows = (
        (board.rows[0][0], replace(board.rows[0][1], text=long), *board.rows[0][2:]),
        *board.rows[1:],
    )
    board = replace(board, rows=rows)

    def at(width):
        (table,) = fitted([board], Terminal(width))
        assert max(map(len, titled_rows(table, Terminal(width)).splitlines())) <= width
        return table, [cell.error for cell in table.rows[1][2:]], table.rows[0][0].text

    table, errors, name = at(200)
    assert (len(table.heads), all(errors), name) == (4, True, long)
    table, errors, name = at(110)
    assert (len(table.heads), any(errors), name) == (4, False, long)
    table, errors, name = at(70)
    assert (len(table.heads), name[:5], name[-5:], "…" in name) == (4, "a_mod", "nd_on", True)
    table, errors, name = at(36)
    assert (len(table.heads), "…" in name) == (2, True)


def test_controls_that_lose_their_badge_for_room_are_named_below(rich_suite):
    text = terminal_summary(rich_suite, Terminal(60))
    assert "(control)" not in text
    assert "  controls: copier" in text


def test_verbose_adds_every_metric_with_its_notes(rich_suite):
    short = terminal_summary(rich_suite, Terminal(80))
    text = terminal_summary(rich_suite, Terminal(80), verbose=True)
    assert text.startswith(short[: short.index("≥: lower bound")])
    for block in rich_suite.blocks:
        for column in block.columns:
            assert column.metric in text
    for words in (
        "MC 0.013",
        "Budgets and selection",
        "hidden = [64,64]",
        "seed sd 0.10",
        "Pareto k-hat above 0.7",
        "copier has no posterior",
    ):
        assert words in " ".join(text.split())
        assert words not in short
    for words in ("Budgets and selection", "hidden = [64,64]"):
        assert words in text
        assert words not in short


def test_the_terminal_shows_the_checks(tossed_results):
    suite = StoredSuite.open(tossed_results, "tossed")
    lines = terminal_summary(suite, Terminal(100)).splitlines()
    cells = [re.split(" {2,}", line) for line in lines]
    heads = ["study", "check", "expected", "found", "tolerance", "holds"]
    rows = cells[cells.index(heads) + 1 :][:4]
    assert rows[2] == ["wrong", "one minus one half", "0.5", "0.75", "1e-09", "NO"]
    assert rows[1][:3] == ["coins", "mean of fair coins", "≥ 0"]
    assert [row[-1] for row in rows] == ["yes", "yes", "NO", "yes"]


def test_of_many_checks_only_those_that_fail_are_shown(tossed_results, monkeypatch):
    monkeypatch.setattr("genbench.reporting.summary._FEW", 3)
    suite = StoredSuite.open(tossed_results, "tossed")
    text = terminal_summary(suite)
    assert "one minus one half" in text
    assert "mean of fair coins" not in text
    assert "3 of 4 checks hold" in text
    assert "mean of fair coins" in terminal_summary(suite, verbose=True)


def test_the_terminal_says_which_numbers_are_certified_and_by_what(own_results):
    certify_headlines(own_results / "tiny", ["vae"])
    suite = StoredSuite.open(own_results, "tiny")
    for encoding, mark in (("utf-8", "✓"), ("ascii", "c")):
        text = terminal_summary(suite, Terminal(100, encoding))
        assert rows_of(text)["vae"].split(mark)[0].rstrip().endswith("0.22")
        assert f"{mark} vae: certified by genbench 0.1.0 (sum over a 3x3 world)" in text
