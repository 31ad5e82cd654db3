"""What anybody wrote in a suite file is read back, letter by letter, from every output."""

import csv
import re

import pytest
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt

from genbench import cli
from genbench.reporting.tables import latex
from tests.reporting.page.inlined import without_scripts

NAMES = ("<script>$x_{", "[a] *b* #c ~d ^e \"f' %g & {h} &lt;", "*|`變`%end{table}")
SUITE = r"""
title = "T <b>\u001b[31m $\\frac{ \u202e :: ##[error]"
description = "D\n\u0007 `x` $y_{ <!--"
[data]
name = "digits"
limit = 20
[evaluate]
metrics = ["reconstruction_mse"]
[[plot]]
name = "p"
title = "$\\frac{ x \u001b"
caption = "$\\frac{"
table = "metrics"
x = "model"
y = ["reconstruction_mse"]
x_label = "$\\sum_{ $"
y_label = "\\undefined{ \u202e"
[[published]]
model = '<script>$x_{'
metric = "reconstruction_mse"
value = 1
source = "=cmd|' /C calc'!A0 \n x"
note = "\u2028| <i>"
"""
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Results and report of models with these names."""
    root = tmp_path_factory.mktemp("texts")
    quoted = (name.replace('"', '\\"') for name in NAMES)
    models = (
        f'[[model]]\nrecipe = "mean_image"\nname = "{n}"\nnote = "=1+1 \\u001b[2J |"\n'
        for n in quoted
    )
    (root / "s.toml").write_text(SUITE + "".join(models), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("GENBENCH_DATA_DIR", str(root))
        assert cli.main(["run", "--suite", "s.toml", "--device", "cpu"]) == 0
    return root


def test_the_table_of_a_suite_holds_each_name_and_no_formula(folder):
    with (folder / "results/s/metrics.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["model"] for row in rows} == set(NAMES)
    cells = [cell for row in rows for cell in row.values()]
    assert not [cell for cell in cells if cell[:1] in {*"=+@\t\r"} and cell]


@pytest.mark.parametrize("page", ["index.html", "published.html"])
def test_the_page_shows_each_name_and_runs_none(folder, page):
    source = (folder / "reports/s" / page).read_text(encoding="utf-8")
    assert not CONTROL.search(source)
    assert "<script" not in without_scripts(source)
    shown = BeautifulSoup(without_scripts(source), "html.parser").get_text()
    for name in NAMES if page == "index.html" else NAMES[:1]:
        assert name in shown


def test_the_table_in_markdown_shows_each_name(folder):
    source = (folder / "reports/s/table.md").read_text(encoding="utf-8")
    assert not CONTROL.search(source)
    tokens = MarkdownIt().enable(["table", "strikethrough"]).parse(source)
    assert {inner.type for t in tokens for inner in t.children or ()} <= {
        "text", "strong_open", "strong_close",
    }  # fmt: skip
    texts = [
        "".join(part.content for part in token.children)
        for token in tokens
        if token.type == "inline"
    ]
    for name in NAMES:
        assert f"{name} (control)" in texts


def test_the_table_in_latex_shows_each_name_and_no_row_is_an_option_of_the_one_above(folder):
    source = (folder / "reports/s/table.tex").read_text(encoding="utf-8")
    assert source.isascii()
    assert not CONTROL.search(source)
    lines = source.splitlines()
    firsts = [shown(line.partition(" & ")[0]) for line in lines if line.endswith(r" \\")]
    for name in NAMES:
        assert f"{name} (control)".replace("變", "[U+8B8A]") in firsts
    above = [i for i, line in enumerate(lines) if line.endswith((r"\\", "rule"))]
    assert not [lines[i + 1] for i in above if lines[i + 1].startswith(("[", "*"))]


def shown(source):
    """Read the text of a cell as LaTeX prints it; whatever is no known mark is an error."""
    marks = {mark: letter for letter, mark in latex._TEX.items() if letter not in "–—"}
    pattern = "|".join(sorted(map(re.escape, marks), key=len, reverse=True))
    rest = re.sub(pattern, "", source.removeprefix("{}"))
    assert not set(rest) & set("\\{}$&#^_%~")
    return re.sub(pattern, lambda m: marks[m[0]], source.removeprefix("{}"))
