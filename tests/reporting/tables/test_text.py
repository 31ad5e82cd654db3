"""Tables as plain text."""

import re

from genbench.core.texts import Terminal
from genbench.reporting.tables.comparison import comparison_tables
from genbench.reporting.tables.text import text_tables


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
