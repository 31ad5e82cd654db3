"""The tables as Markdown."""

from genbench.reporting.tables.comparison import comparison_tables
from genbench.reporting.tables.markdown import markdown_tables
from genbench.results.blocks import blocks_of


def test_markdown_cells_cannot_break_the_table(suite):
    name = "a|b\nc<img src=x>"
    frame = suite.frame.assign(model=suite.frame["model"].replace("vae", name))
    text = markdown_tables("T", comparison_tables(blocks_of(frame, suite.metrics)))
    assert r"| a\|b c\<img src=x\> |" in text
