"""The tables as LaTeX."""

from genbench.reporting.tables.comparison import comparison_tables
from genbench.reporting.tables.latex import latex_tables, tex
from genbench.results.blocks import blocks_of


def test_latex_is_escaped_and_balanced(suite):
    name = r"50%_&#$~^\{<x>|β名"
    frame = suite.frame.assign(model=suite.frame["model"].replace("vae", name))
    text = latex_tables("A & B_1", comparison_tables(blocks_of(frame, suite.metrics)))
    for environment in ("table", "tabular"):
        assert text.count(rf"\begin{{{environment}}}") == text.count(rf"\end{{{environment}}}") == 3
    bare = text.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")
    assert r"A \& B\_1" in text
    assert r"\ensuremath{\beta}[U+540D]" in text.replace("{{", "{").replace("}}", "}")
    assert text.isascii()


def test_each_special_letter_of_latex_is_escaped():
    assert tex("&%$#_{}") == r"\&\%\$\#\_\{\}"
    assert tex("~^\\") == r"\textasciitilde{}\textasciicircum{}\textbackslash{}"


def test_latex_of_marks_is_ascii_and_balanced(rich_blocks):
    text = latex_tables("T", comparison_tables(rich_blocks))
    bare = text.replace(r"\{", "").replace(r"\}", "")
    assert bare.count("{") == bare.count("}")
    assert text.isascii()
    assert tex("†‡≈→∞").isascii()
    assert "U+" not in text
