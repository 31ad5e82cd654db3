"""The first screen: answer, leaderboard, intervals, samples, and what to trust."""

import base64
import io
from dataclasses import replace

import pytest
from PIL import Image

from genbench.core.protocol import Protocol
from genbench.reporting.page import report_page, script
from genbench.reporting.page.leaderboard import Axis, _exact_checks, _led_by_controls, boards_of
from genbench.results.suite import StoredSuite
from tests.reporting.page.dom import parse
from tests.results.certificates import certify_headlines
from tests.results.contest import board as contest_board
from tests.results.contest import exact, number


@pytest.mark.parametrize(
    ("bound", "noise", "said"),
    [
        (-20.5, 0.1, "0.5 nats lower"),
        (-19.9, 0.06, "0.1 nats higher, within its Monte-Carlo error"),
        (-19.9, 0.04, "0.1 nats higher"),
        (-19.9, float("nan"), "0.1 nats higher"),
        (-20.0, float("nan"), "equal to rounding"),
    ],
)
def test_a_bound_above_the_exact_value_is_said_to_be_so_by_its_draws_or_not(bound, noise, said):
    block = contest_board(a=[exact(-20.0), number("iw_log_likelihood", bound)]).block
    (row,) = block.rows
    cells = (row.cells[0], replace(row.cells[1], mc_stderr=noise))
    (found,) = _exact_checks(replace(block, rows=(replace(row, cells=cells),)))
    assert found == f"a {said}"


@pytest.fixture(scope="module")
def page(text):
    return parse(text)


@pytest.fixture(scope="module")
def boards(suite):
    return boards_of(suite, suite.figure_inputs())


@pytest.fixture(scope="module")
def rich_boards(rich_suite):
    return boards_of(rich_suite, rich_suite.figure_inputs())


def tables(page):
    return page.all("table", "leaderboard")


def rows(table):
    return table.one("tbody").all("tr")


def minus(text):
    return text.replace("-", "−")


def test_each_leaderboard_opens_with_its_answer(suite, page):
    boards = page.all("section", "board")
    assert len(boards) == len(suite.leaderboards) > 1
    for board, section in zip(suite.leaderboards, boards, strict=True):
        rest = section.text.removeprefix(section.one("h2").text).lstrip()
        assert rest.startswith(" ".join(board.sentence.split()))


def test_strong_phrases_of_an_answer_are_bold(suite, page):
    for board, answer in zip(suite.leaderboards, page.all("p", "answer"), strict=True):
        strong = [phrase.text for phrase in board.answer if phrase.strong]
        assert [b.text for b in answer.all("b")] == [" ".join(text.split()) for text in strong]


def test_the_key_says_what_errors_order_and_marks_mean(suite, page):
    key = page.one("p", "key").text
    assert "±: standard error over test images" in key
    assert "line: 95 % interval over test images" in key
    assert "the order of the numbers, of which the first place alone is tested" in key
    assert key.count("≥") == 1
    standings = {entry.standing for board in suite.leaderboards for entry in board.entries}
    assert ("bold: best number" in key) == ("best" in standings)
    assert ("≈: tied for best" in key) == ("tie" in standings)


def test_one_leaderboard_per_protocol_with_its_own_models_best_first(suite, page):
    frame = suite.frame
    assert len(tables(page)) == frame["protocol"].nunique()
    for board, table in zip(suite.leaderboards, tables(page), strict=True):
        shown = [row["data-model"] for row in rows(table)]
        group = frame[frame["protocol"] == board.block.protocol.text]
        assert sorted(shown) == sorted(set(group["model"]))
        values = [
            float(cell["data-sort"])
            for row in rows(table)
            for cell in row.all("td", "headline")
            if "data-sort" in cell.attributes
        ]
        assert values == sorted(values, reverse=True)
        assert len(values) == sum(entry.cell is not None for entry in board.entries)


def test_each_number_stands_with_its_sign_and_error(suite, page):
    for board, table in zip(suite.leaderboards, tables(page), strict=True):
        shown = [row.one("td", "headline").text for row in rows(table)]
        assert shown == [minus(entry.text) for entry in board.entries]


def test_a_model_without_a_number_says_so_and_has_no_rank(suite, page):
    board, table = suite.leaderboards[0], tables(page)[0]
    absent = [e.row.model for e in board.entries if e.cell is None]
    assert {"ae", "gan"} <= set(absent)
    for row in rows(table):
        ranked = row.one("td", "rank").text != ""
        assert ranked == (row["data-model"] not in absent)
        assert bool(row.all("svg")) == ranked


def test_every_model_has_at_least_four_samples_or_says_that_it_draws_none(suite, page):
    drawn = {run.record.model for run in suite.figure_inputs() if "samples" in run.arrays}
    for table in tables(page):
        for row in rows(table):
            (cell,) = row.all("td", "strip")
            images = cell.all("img")
            assert bool(images) == (row["data-model"] in drawn)
            for image in images:
                png = base64.b64decode(image["src"].partition(",")[2])
                strip = Image.open(io.BytesIO(png))
                assert strip.width >= 4 * strip.height
                assert strip.height < 12  # native pixels of 8x8
                assert int(image["height"]) == 3 * strip.height
                assert image["alt"] == f"Samples of {row['data-model']}"


def test_controls_are_tagged(suite, page):
    for table in tables(page):
        for row in rows(table):
            tagged = bool(row.all("span", "control"))
            assert tagged == (row["data-model"] in suite.controls)


def test_hovering_a_number_tells_value_errors_size_and_protocol(suite, page):
    board, table = suite.leaderboards[0], tables(page)[0]
    entry, cell = board.entries[0], rows(table)[0].one("td", "headline")
    assert f"{entry.cell.value:.8g}" in cell["title"]
    assert "standard error" in cell["title"]
    assert f"n = {entry.cell.n}" in cell["title"]
    assert board.block.protocol.text in cell["title"]


def test_an_exact_value_has_a_filled_dot_and_a_bound_a_hollow_one(suite, page):
    for board, table in zip(suite.leaderboards, tables(page), strict=True):
        for entry, row in zip(board.entries, rows(table), strict=True):
            for circle in row.all("circle"):
                assert ("exact" in circle.classes) == (entry.cell.kind == "exact")


def test_warnings_stand_in_the_row_of_the_model(suite):
    board = suite.leaderboards[0]
    entries = tuple(replace(e, warnings=(f"odd {e.row.model}",)) for e in board.entries)
    other = StoredSuite(suite.folder, suite.record, suite.table)
    other.__dict__["leaderboards"] = [replace(board, entries=entries)]
    page = parse(report_page.page(other, [], {}))
    for row in rows(tables(page)[0]):
        assert row.one("span", "warning").text == f"odd {row['data-model']}"


def test_a_value_off_the_axis_is_an_arrow_that_no_script_hides(suite):
    board = suite.leaderboards[0]
    numbered = [i for i, entry in enumerate(board.entries) if entry.cell]
    entries = list(board.entries)
    last = entries[numbered[-1]]
    entries[numbered[-1]] = replace(last, cell=replace(last.cell, value=-1e6))
    other = StoredSuite(suite.folder, suite.record, suite.table)
    other.__dict__["leaderboards"] = [replace(board, entries=tuple(entries))]
    page = parse(report_page.page(other, [], {}))
    drawn = [row.all("svg")[0] for row in rows(tables(page)[0]) if row.all("svg")]
    assert [bool(svg.all("path", "beyond")) for svg in drawn] == [False] * (len(drawn) - 1) + [True]
    assert not drawn[-1].all("circle")
    assert ".beyond" not in script.style()


def test_the_axis_spans_all_sensible_intervals():
    axis = Axis.of([(-5.0, -3.0), (-11.0, -9.0), (-13.0, -11.0)])
    assert (axis.low, axis.high) == (-13.0, -3.0)
    bar = axis.bar((-9.0, -7.0))
    assert (bar.low, bar.at, bar.high, bar.beyond) == (40.0, 50.0, 60.0, "")


def test_an_absurd_value_does_not_squash_the_axis_and_gets_an_arrow():
    sensible = [(-5.0, -3.0), (-11.0, -9.0), (-13.0, -11.0)]
    absurd = (-1.1e6, -0.9e6)
    axis = Axis.of([*sensible, absurd])
    assert axis == Axis.of(sensible)
    assert axis.bar(absurd).beyond == "low"
    assert axis.bar(absurd).at == 0.0


def test_an_absurdly_wide_interval_does_not_squash_the_axis():
    axis = Axis.of([(-5.0, -3.0), (-6.0, -4.0), (-7.0, -5.0), (-1e6, 1e6 - 12.0)])
    assert -30 < axis.low < -5
    assert -3 <= axis.high < 30


@pytest.mark.parametrize("intervals", [[(-2.0, -1.0)], [(-2.0, -2.0)], [(-2.0, -1.0)] * 3])
def test_an_axis_of_equal_values_has_a_length(intervals):
    axis = Axis.of(intervals)
    assert axis.low < axis.high
    assert 0 <= axis.bar(intervals[0]).at <= 100


def test_ends_of_an_axis_have_the_digits_that_tell_them_apart():
    assert Axis(-27.31, -22.52).ends == ("-27.3", "-22.5")
    assert Axis(-1234.5, -88.1).ends == ("-1234", "-88")
    assert Axis(0.0, 0.003).ends == ("0.0000", "0.0030")


def test_trust_counts_kinds_and_health_and_gives_the_exact_check(rich_suite, rich_boards):
    board = rich_boards[0]
    words = " ".join(board.trust)
    cells = [entry.cell for entry in board.leaderboard.entries if entry.cell]
    exact = sum(cell.kind == "exact" for cell in cells)
    bounds = len(cells) - exact
    assert f"Log-likelihoods: {exact} exact and {bounds} lower bounds." in words
    uneven = sum(cell.unreliable for cell in cells)
    assert uneven == 0 or f"{uneven} of {len(cells)} rest" in words
    assert "Tightest bound against the exact value: linear_gaussian" in words


def test_exact_check_says_equal_to_rounding_only_where_it_is(suite, boards):
    board = next(b for b in boards if any("linear_gaussian" in t for t in b.trust))
    (row,) = (row for row in board.leaderboard.block.rows if row.model == "linear_gaussian")
    block = board.leaderboard.block
    exact = row.cells[block.column("log_likelihood")].value
    bound = row.cells[block.column("iw_log_likelihood")].value
    assert exact - bound == pytest.approx(0.0004, rel=1e-6)
    assert "linear_gaussian 0.0004 nats lower" in " ".join(board.trust)


def test_a_heading_says_how_much_was_tested(boards):
    assert boards[0].facts == ("digits, 300 test images", "2 seeds")
    protocol = boards[0].leaderboard.block.protocol
    assert isinstance(protocol, Protocol)
    assert boards[0].title.lower() == protocol.short.removeprefix("digits, ").lower()


def test_it_is_said_where_a_control_leads(rich_suite):
    (board, *_) = rich_suite.leaderboards

    def said(*models):
        entries = tuple(entry for entry in board.entries if entry.row.model in models)
        return list(_led_by_controls(replace(board, entries=entries)))

    assert said("vae", "copier") == []
    assert said("copier") == []
    (sentence,) = said("copier", "gan+normal(0.126)")
    assert sentence.startswith("A control leads in sample quality (copier)")


def page_of(results):
    return report_page.page(StoredSuite.open(results, "tiny"), [], {})


def test_certified_numbers_are_marked_on_the_page_with_what_was_certified(own_results):
    certify_headlines(own_results / "tiny", ["vae"])
    page = parse(page_of(own_results))
    marks = [a for a in page.all("abbr") if a.text == "✓"]
    words = "certified by genbench 0.1.0 (sum over a 3x3 world)"
    assert [mark.attributes["title"] for mark in marks] == [words]
    assert "✓ certified" in page.one("p", "key").text


def test_a_page_without_a_valid_certificate_is_the_same_to_the_byte(own_results):
    without = page_of(own_results)
    certify_headlines(own_results / "tiny", ["vae"], recipe="another")
    assert page_of(own_results) == without


def test_what_a_stranger_wrote_into_a_certificate_is_shown_and_not_obeyed(own_results):
    certify_headlines(own_results / "tiny", ["vae"], check='"><script>alert(1)</script>')
    text = page_of(own_results)
    assert "alert(1)" in text
    assert "<script>alert(1)" not in text
