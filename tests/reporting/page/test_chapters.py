"""The chapters beside the comparison."""

import re

import pytest

from genbench.reporting.figures.maker import FIRST_SEED
from genbench.reporting.figures.model_figures import MANIFOLD
from tests.reporting.page.dom import parse
from tests.reporting.page.inlined import without_scripts

SECTIONS = (
    "likelihood",
    "group-bounds",
    "group-iw-curve",
    "group-inference-gap",
    "group-health",
    "group-ranks",
    "quality",
    "code",
    "group-rates",
    "group-kl-decomposition",
    "group-active-units-sweep",
    "budgets",
    "group-budgets",
    "training",
    "differences",
)
"""Each chapter with its groups of figures and tables, in the order of the page."""
RICH = {*SECTIONS} - {
    "likelihood", "group-bounds", "code", "budgets", "group-budgets", "training"
}  # fmt: skip
"""What a suite without the rows for it does not have."""


@pytest.fixture(scope="module")
def page(chapters):
    return (chapters / "index.html").read_text()


def test_page_has_a_section_for_each_kind_of_row(page):
    places = [page.index(f'id="{name}"') for name in SECTIONS]
    assert places == sorted(places)
    assert "Parzen window orders these models differently" in page


def test_each_anchor_leads_somewhere_and_each_name_stands_once(page):
    page = without_scripts(page)
    names = re.findall(r' id="([^"]*)"', page)
    assert len(names) == len(set(names))
    assert set(re.findall(r'href="#([^"]*)"', page)) <= set(names)


def test_no_class_of_a_table_is_one_of_another_element(page):
    """They are styled apart: a gallery may be ``small`` too."""
    classes = re.findall(r'<(\w+) [^>]*class="([^"]*)"', page)
    tables = {name for tag, names in classes if tag == "table" for name in names.split()}
    others = {name for tag, names in classes if tag != "table" for name in names.split()}
    assert {"data", "leaderboard"} <= tables
    assert {"gallery", "small"} <= others
    assert not tables & others


def test_figures_of_each_kind_are_written(chapters):
    figures = {path.stem for path in (chapters / "figures").glob("*.pdf")}
    assert {
        "iw-curve-1-vae",
        "ranks-1",
        "inference-gap-1",
        "kl-decomposition-1",
        "active-units-sweep-1",
    } <= figures


def test_a_users_metrics_have_figures_and_their_parts_a_table(chapters, page):
    for name, title in (("my-score", "my score"), ("my-share", "my share")):
        assert re.search(rf'<h3 id="group-{name}">{title}</h3>', page)
        assert (chapters / "figures" / f"{name}-1.png").is_file()
    table = page.partition("<h4>my share:")[2].partition("</table>")[0]
    heads = re.findall(r"<th scope=\"col\"[^>]*>([^<]*)", table)
    assert [head.strip() for head in heads] == ["model", "low part", "high part"]
    assert len(re.findall(r"−21\.40", table)) == 2


def test_pictures_and_curves_say_of_which_seed_they_are(text, suite):
    assert max(block.n_seeds for block in suite.blocks) > 1
    page = parse(text)
    for name in ("samples", "training"):
        assert FIRST_SEED in page.one("details", id=name).text
    assert "samples: of the first training seed" in page.one("p", "key").text
    assert FIRST_SEED in MANIFOLD.caption


def test_sections_without_rows_are_left_out(report, text):
    for name in RICH:
        assert f'id="{name}"' not in text
    assert not (report / "published.html").exists()


def test_tables_stand_in_markdown_and_latex_too(chapters):
    markdown, latex = ((chapters / name).read_text() for name in ("table.md", "table.tex"))
    for title in ("Estimator health", "Estimators side by side", "Rate and distortion"):
        assert title in markdown
        assert title in latex
    assert latex.count(r"\begin{tabular}") == latex.count(r"\end{tabular}") > 8
    assert latex.isascii()
