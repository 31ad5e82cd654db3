"""The builder of the teaching page: what is stored, what is not yet, and what is damaged."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file

from genbench.core.errors import ConfigError, StorageError
from genbench.reporting.page.lectures import build, maths
from genbench.reporting.page.lectures.page import page
from genbench.reporting.page.lectures.prose import line, paragraphs
from genbench.reporting.page.lectures.sources import Sources
from genbench.reporting.page.lectures.topics import RowTable, Topic, load_topics
from genbench.results.records import SuiteRecord
from genbench.results.suite import StoredSuite
from tests.reporting.page.dom import parse
from tests.reporting.page.inlined import without_scripts
from tests.results.fabricate import write_manifest

CHECKS = [
    {"name": "one third", "expected": 1 / 3, "found": 0.3333, "tolerance": 1e-3, "passed": True},
    {"name": "a bound", "expected": -2.5, "found": -1.5, "tolerance": 0.0, "claim": "<=",
     "note": "Broken on purpose.", "passed": False},
    {"name": "lost", "expected": 0.0, "found": None, "tolerance": 1e-9, "passed": False},
]  # fmt: skip
PLOTS = [
    {"name": "curve", "title": "A curve", "table": "points", "x": "t", "y": ["v"]},
    {"name": "tiles", "title": "Some tiles", "kind": "images", "array": "tiles"},
]  # fmt: skip
STUDY = {
    "schema": 1, "name": "sums", "study": "sums", "title": "Sums", "version": 1,
    "description": "Adds.", "options": {}, "seed": 0, "checks": CHECKS, "plots": PLOTS,
    "tables": ["points"], "seconds": 2.0,
}  # fmt: skip


@pytest.fixture
def stored(tmp_path):
    """Results that hold one study of the suite ``lectures``."""
    folder = tmp_path / "results" / "lectures" / "studies" / "sums"
    folder.mkdir(parents=True)
    (folder / "study.json").write_text(json.dumps(STUDY))
    (folder / "points.csv").write_text("t,v,kind\n0,0.5,low\n1,1.25,high\n")
    save_file({"tiles": np.linspace(0, 1, 2 * 3 * 4 * 4).reshape(2, 3, 4, 4)},
              folder / "arrays.safetensors")  # fmt: skip
    write_manifest(folder)
    return tmp_path / "results"


def topic(**content):
    about = {"name": "sums", "title": "Sums", "question": "Why?", "sources": "A", "text": "So."}
    return Topic.model_validate(about | content)


def rows(**content):
    about = {"name": "M1", "what": "It", "source": "A", "status": "shown", "topic": "sums",
             "studies": ["sums"], "check": "a sum"}  # fmt: skip
    return RowTable.model_validate({"row": [about | content]})


def lectures(results):
    """The suite of the page itself, whose own table holds nothing."""
    record = SuiteRecord(schema=2, name="lectures")
    return StoredSuite(results / "lectures", record, pd.DataFrame())


def built(results, **content):
    return page([topic(**content)], rows(), Sources(lectures(results)))


def text_of(html):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """The whole page before anything was run."""
    root = tmp_path_factory.mktemp("lectures")
    folder = root / "results" / "lectures"
    folder.mkdir(parents=True)
    for name in ("metrics.csv", "suite.json"):
        (folder / name).write_text("")
    return build(lectures(root / "results"), root / "reports").read_text()


def test_before_anything_ran_every_place_names_its_command(empty):
    assert "<img" not in empty
    assert "0 of 0 checks hold" in empty
    assert "0 of 38 systems" in empty
    waiting = re.findall(r"not run yet: <code>([^<]+)</code>", empty)
    assert len(waiting) > 20
    assert all(command.startswith("python -m genbench run --suite ") for command in waiting)


def test_the_page_loads_nothing_from_elsewhere(empty):
    assert "<script" not in without_scripts(empty)
    assert not re.search(r"""(src|href)=["'](?!#|data:)""", empty)
    assert "@import" not in empty


def test_links_within_the_page_lead_somewhere_and_no_place_is_named_twice(empty):
    names = re.findall(r'\bid="([^"]+)"', empty)
    assert len(names) == len(set(names))
    assert {target for target in re.findall(r'href="#([^"]+)"', empty)} <= set(names)


def test_every_section_is_folded_below_its_title_and_question(empty):
    sections = parse(empty).one("main").all("details", "section")
    outer = [s for s in sections if not s.within("div", "inside")]
    summaries = [s.all("summary")[0].text for s in outer]
    topics = [f"{i}. {t.title} {t.question}" for i, t in enumerate(load_topics(), 1)]
    assert summaries[1:] == [" ".join(text.split()) for text in topics]
    assert all("open" not in s.attributes for s in outer)


def test_a_check_stands_with_what_was_expected_and_found(stored):
    html = text_of(built(stored, checks=[{"study": "sums"}]))
    assert "1 of 3 checks hold" in html
    assert "one third holds 0.333333 0.3333 −3.3e−5 0.001" in html
    assert "a bound fails Broken on purpose. ≤ −2.5 −1.5 1 0" in html
    assert "lost fails 0 not finite – 1e−9" in html


def test_checks_can_be_chosen_by_their_names(stored):
    html = text_of(built(stored, checks=[{"study": "sums", "only": ["third"]}]))
    assert "1 of 1 checks hold" in html
    assert "Broken on purpose" not in html


def test_figures_and_tables_of_a_study_are_counted_in_their_order(stored):
    shown = [
        {"study": "sums", "plot": "curve"},
        {"study": "sums", "table": "points", "columns": {"kind": "sort", "v": "value"}},
        {"study": "sums", "plot": "tiles", "title": "Grey tiles"},
    ]
    html = built(stored, show=shown)
    assert html.count("data:image/png;base64,") == 2
    text = text_of(html)
    assert text.index("Figure 1 A curve") < text.index("Table 1 Sums")
    assert text.index("Table 1 Sums") < text.index("Figure 2 Grey tiles")
    assert "sort value low 0.5 high 1.25" in text
    assert "run --suite lectures --studies sums took 2.0 s" in text


@pytest.mark.parametrize(
    "show",
    [
        {"study": "sums", "plot": "gone"},
        {"study": "other", "plot": "curve"},
        {"suite": "nowhere", "metrics": ["elbo"]},
    ],
)
def test_what_is_not_stored_is_named_and_has_no_number(stored, show):
    html = built(stored, show=[show])
    assert "not run yet: <code>python -m genbench run" in html
    assert "Figure 1" not in text_of(html)
    assert "Table 1" not in text_of(html)


def test_figures_and_numbers_of_a_suite_are_those_of_the_wanted_models(few_results):
    shown = [
        {"suite": "tiny", "figure": "samples", "models": ["gan"]},
        {"suite": "tiny", "metrics": ["elbo", "kl"], "models": ["cvae"]},
        {"suite": "tiny", "figure": "manifold"},
    ]
    html = built(few_results, show=shown)
    assert html.count("data:image/png;base64,") == 1
    assert "images sampled from gan" in html
    table = html[html.index('<table class="data">') :].partition("</table>")[0]
    assert "cvae" in table
    assert "gan" not in table
    assert "lower bound" not in text_of(table)  # two columns, one kind each, nothing else beside
    assert re.search(r"manifold of the suite tiny: <span class=\"waiting\">not run yet", html)


def test_a_number_with_a_warning_has_its_footnote(rich_results):
    shown = [{"suite": "tiny", "metrics": ["iw_log_likelihood", "parzen_log_likelihood"]}]
    html = built(rich_results, show=shown)
    assert "‡" in html
    for mark, words in (("†", "Pareto k-hat above 0.7"), ("‡", "WARNING: a Parzen-window number")):
        assert re.search(rf"<b>{mark}</b> {words}", html)


def test_a_damaged_study_is_an_error_and_not_a_gap(stored):
    path = stored / "lectures" / "studies" / "sums" / "points.csv"
    path.write_text(path.read_text().replace("1.25", "1.35"))
    with pytest.raises(StorageError, match=r"points\.csv is damaged"):
        built(stored, checks=[{"study": "sums"}])


def test_the_same_results_give_the_same_bytes(stored):
    shown = [{"study": "sums", "plot": "curve"}]
    assert built(stored, show=shown) == built(stored, show=shown)


def test_a_row_without_its_results_is_not_counted_as_shown(stored, tmp_path):
    known = [topic(checks=[{"study": "sums"}])]
    assert "1 of 1 systems" in page(known, rows(), Sources(lectures(stored)))
    assert "0 of 1 systems" in page(known, rows(), Sources(lectures(tmp_path / "none")))
    assert "0 of 1 systems" in page(known, rows(status="in part"), Sources(lectures(stored)))


def test_a_formula_carries_its_source_and_the_colour_of_the_text():
    html = maths.inline(r"a < \frac{b}{2}")
    assert r'alttext="a &lt; \frac{b}{2}"' in html
    assert not re.search("color|style|fill", html)


def test_a_formula_stands_on_the_line_of_the_text_and_a_displayed_one_on_its_own():
    assert '<math display="inline"' in line("Take $x$.")
    assert maths.display("x = 1\ny = 2").count('<math display="block"') == 2


@pytest.mark.parametrize(
    "formula",
    [
        r"\nonsense{x}",
        r"\frac{1}",
        "{",
        "a_b_c",
        r"\left( x",
        r"\href{javascript:x}{y}",
        r"\color{red}x",
    ],
)
def test_a_formula_that_cannot_be_set_is_named(formula):
    with pytest.raises(
        ConfigError, match=r"formula .*" + re.escape(repr(formula)) + " cannot be set"
    ):
        line(f"See ${formula}$.")


def test_markup_in_a_formula_stays_text():
    html = maths.inline("a < b &lt;script&gt;")
    assert "<script" not in html
    assert "<mo>&lt;</mo>" in html


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"\mathrm{d}z", '<mi mathvariant="normal">d</mi>'),
        (r"x\log p", '<mi>x</mi><mspace width="0.167em" /><mi>log</mi><mspace width="0.167em" />'),
        (r"\log_2 p", '</msub><mspace width="0.167em" /><mi>p</mi>'),
        (r"\log(p)", '<mi>log</mi><mo stretchy="false">('),
        ("x = -1", '<mo form="prefix">−</mo>'),
        ("(x) - 1", "<mo>−</mo>"),
        (r"z \sim q", "<mo>∼</mo>"),
        ("a/b", '<mo lspace="0" rspace="0">/</mo>'),
    ],
)
def test_formulas_are_spaced_as_in_tex(formula, expected):
    assert expected in maths.inline(formula)


def test_texts_are_escaped_and_their_marks_are_set():
    html = paragraphs("A <b> of *weak* and **strong** `code`.\n\n- one\n- two")
    assert html == (
        "<p>A &lt;b&gt; of <em>weak</em> and <strong>strong</strong> <code>code</code>.</p>\n"
        "<ul><li>one</li><li>two</li></ul>"
    )


def test_punctuation_stays_with_its_formula():
    html = line("Take $x$, then go.")
    assert re.search(r'<span class="whole"><math.*</math>,</span> then go\.', html)
