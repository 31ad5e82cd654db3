"""Tables as plain text."""

import re

from genbench.core.texts import Terminal
from genbench.reporting.tables.comparison import comparison_tables
from genbench.reporting.tables.small_table import SmallTable, TableCell, heads_of, row_of
from genbench.reporting.tables.text import text_tables, titled_rows
from genbench.results.cells import BEST


def test_terminal_table_is_aligned_and_fits(suite):
    text = text_tables(comparison_tables(suite.blocks), Terminal(100))
    assert max(map(len, text.splitlines())) <= 100
    assert "n/a: gan has no posterior(x) (elbo, iw_log_likelihood" in text
    assert "diverged: vae_wild: loss not finite at step 120" in text
    line = next(line for line in text.splitlines() if line.startswith("vae "))
    assert "-20.0" in line
    assert re.search(r" ± 0\.24 +\(seed sd 0\.22\)", line)


def test_terminal_shows_marks_and_monte_carlo_error(rich_blocks):
    text = text_tables(comparison_tables(rich_blocks), Terminal())
    assert "†" in text
    assert "MC 0.013" in text
    assert "Pareto k-hat above 0.7" in text


def test_a_mark_stands_at_its_number_not_where_the_longest_one_ends():
    cells = (TableCell("0.067", standing=BEST), TableCell("0.14342"), TableCell("1.5", "0.2", "†"))
    table = SmallTable("t", "", heads_of("model", "mse"), tuple(row_of("m", c) for c in cells))
    lines = titled_rows(table, Terminal()).splitlines()
    shown = [line.removeprefix("m").split() for line in lines[1:]]
    assert shown == [["0.067*"], ["0.14342"], ["1.5", "±", "0.2†"]]
    assert len({line.index(".") for line in lines[1:]}) == 1
