"""Text that fits a terminal, in letters that it can print."""

import pytest

from genbench.core.texts import Terminal, aligned, listed, wrapped

PROSE = "a rather long description that goes on for more words than fit into one line"
ROWS = [("vae", PROSE, 1.5), ("independent_pixels", "short", 12)]
HEADS = ("model", "what it is", "value")


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_table_fits_by_going_on_in_the_next_line(width):
    text = aligned(ROWS, HEADS, Terminal(width))
    assert max(map(len, text.splitlines())) <= width
    assert sorted(text.split()) == sorted(
        f"model what it is value vae {PROSE} 1.5 independent_pixels short 12".split()
    )


def test_a_table_that_fits_is_left_as_it_is():
    assert aligned(ROWS, HEADS, Terminal(200)) == aligned(ROWS, HEADS)


def test_no_word_is_broken_however_narrow_the_terminal_is():
    assert "independent_pixels" in aligned(ROWS, HEADS, Terminal(10))


def test_columns_of_numbers_end_below_each_other():
    lines = aligned([("a", "1.5"), ("b", "12")], ("name", "value"), right=(1,)).splitlines()
    assert lines == ["name  value", "a       1.5", "b        12"]


@pytest.mark.parametrize(
    ("encoding", "shown"), [("utf-8", "x ≥ −1 ± 2"), ("ascii", "x >= -1 +- 2")]
)
def test_symbols_are_spelled_before_the_columns_are_measured(encoding, shown):
    terminal = Terminal(80, encoding)
    head, first, second = aligned(
        [("x ≥ −1 ± 2", "a"), ("y", "b")], ("", "name"), terminal
    ).splitlines()
    assert first == f"{shown}  a"
    assert head.index("name") == first.index("a") == second.index("b")


def test_a_letter_that_the_encoding_has_is_kept():
    assert Terminal(encoding="latin-1").spelled("1 ± 2 ≥ é") == "1 ± 2 >= é"


def test_the_middle_of_a_long_text_is_left_out():
    assert Terminal().shortened("independent_pixels_grey", 12) == "indepe…_grey"
    assert Terminal(encoding="ascii").shortened("independent_pixels_grey", 12) == "indep...grey"
    assert Terminal().shortened("vae", 12) == "vae"


def test_a_paragraph_is_never_wider_than_can_be_read():
    lines = Terminal(300).paragraph("word " * 100, indent=2).splitlines()
    assert max(map(len, lines)) <= 100
    assert all(line.startswith("  word") for line in lines[1:])


@pytest.mark.parametrize("width", [10, 20, 30])
def test_what_belongs_together_stays_on_one_line(width):
    text = "elbo with K = 50 is -22.81 ± 0.16 or -22.81 +- 0.16 nats"
    lines = wrapped(text, width)
    assert " ".join(lines) == text
    for piece in ("K = 50", "-22.81 ± 0.16", "-22.81 +- 0.16"):
        assert any(piece in line for line in lines)


def test_a_path_is_not_broken_at_its_hyphens():
    path = "data/train-images-idx3-ubyte.gz"
    assert wrapped(path, 20) == [path]
    assert wrapped("log-likelihood", 10) == ["log-", "likelihood"]


def test_whole_numbers_end_below_each_other():
    table = aligned([("a", 5), ("b", 12), ("c", "")], ("name", "n"))
    assert table.splitlines()[1:] == ["a      5", "b     12", "c"]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_prose_goes_below_its_row_where_there_is_no_room_beside_it(encoding):
    rows = [("≤ 1", PROSE), ("2", "short")]
    wide = listed(rows, ("value", "what it is"), Terminal(90, encoding), right=[0])
    assert [PROSE in line for line in wide.splitlines()] == [False, True, False]
    head, first, *below = listed(
        rows, ("value", "what it is"), Terminal(40, encoding), right=[0]
    ).splitlines()
    assert (head, first) == ("value", Terminal(80, encoding).spelled("≤ 1").rjust(5))
    assert below[-2:] == ["    2", "    short"]
    assert " ".join(line.strip() for line in below[:-2]) == PROSE
