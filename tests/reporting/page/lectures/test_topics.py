"""The texts of the teaching page: every row of the notes, and nothing that does not exist."""

import re
import tomllib
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath

from genbench.commands.list import declared
from genbench.core.figures import FIGURES
from genbench.reporting.page.lectures import maths
from genbench.reporting.page.lectures.topics import load_rows, load_topics
from genbench.suites.load import suite_files
from genbench.suites.spec import load_suite

ROWS = [
    *(f"M{i}" for i in range(1, 17)),
    *(f"E{i}" for i in range(1, 14)),
    *(f"F{i}" for i in range(1, 10)),
]
CHECKOUT = Path(__file__).resolve().parents[4]
NOTES = CHECKOUT.parent / "shared" / "reference" / "LECTURES.md"
STUDIES = CHECKOUT / "genbench" / "studies"
TOPICS = load_topics()
TABLE = load_rows(TOPICS)
STUDY_NAMES = {study["name"] for study in declared(STUDIES, "study")}
SHOWN = [(topic.name, show) for topic in TOPICS for show in topic.show]
STIX = FontProperties(size=1, math_fontfamily="stix")
WIDEST = {"display": 20.0, "inline": 16.0}  # em, on a screen 390 pixels wide


as_run = cache(load_suite)


def suite(name):
    return tomllib.loads(suite_files()[name].read_text())


def module_of(study):
    """The source text of the module that registers a study, named with or without its suite."""
    study = study.rpartition("/")[2]
    texts = (path.read_text() for path in sorted(STUDIES.glob("*.py")))
    pattern = rf'@study\(\s*(name=)?"{study}"'
    return next((text for text in texts if re.search(pattern, text)), "")


def test_the_table_has_every_row_of_the_notes_once():
    assert [row.name for row in TABLE.row] == ROWS


def test_the_rows_are_those_of_the_reference_document():
    if not NOTES.is_file():
        pytest.skip(f"{NOTES} is not there")
    named = re.findall(r"^\| ([MEF]\d+) \|", NOTES.read_text(), flags=re.MULTILINE)
    assert sorted(row.name for row in TABLE.row) == sorted(named)


def test_every_section_covers_a_row():
    assert {row.topic for row in TABLE.row} == {topic.name for topic in TOPICS}


def test_what_is_not_shown_whole_says_why():
    for row in TABLE.row:
        assert row.remark or row.status == "shown", row.name


@pytest.mark.parametrize("row", TABLE.row, ids=lambda row: row.name)
def test_every_row_is_tested_by_tests_that_exist(row):
    assert row.tests
    for place in row.tests:
        file, _, name = place.partition("::")
        assert f"def {name}(" in (CHECKOUT / file).read_text()


@pytest.mark.parametrize("row", TABLE.row, ids=lambda row: row.name)
def test_a_row_is_computed_by_suites_and_studies_that_exist_and_are_on_the_page(row):
    (topic,) = (topic for topic in TOPICS if topic.name == row.topic)
    assert row.suites or row.studies
    assert set(row.suites) <= set(suite_files())
    assert {name.rpartition("/")[2] for name in row.studies} <= STUDY_NAMES
    assert set(row.suites) <= set(topic.suites)
    assert set(row.studies) <= set(topic.studies)


@pytest.mark.parametrize(("topic", "show"), SHOWN)
def test_a_figure_or_table_is_declared_where_the_text_says(topic, show):
    if show.study:
        text = module_of(show.study)
        assert text, f"no study '{show.study}'"
        assert f'"{show.plot or show.table}"' in text
        return
    shown = as_run(show.suite)
    assert set(show.models) <= {entry.name for entry in shown.model}
    assert set(show.metrics) <= set(shown.evaluate["metrics"])
    assert shown.published or not show.published
    if show.plot:
        assert show.plot in {plot.name for plot in shown.plot}
    if show.figure:
        assert show.figure in FIGURES
        assert show.figure in shown.figures


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_checks_are_chosen_by_words_that_the_study_uses(topic):
    for wanted in topic.checks:
        text = module_of(wanted.study)
        assert text, f"no study '{wanted.study}'"
        for words in wanted.only:
            assert words in text, f"{wanted.study} has no check with '{words}'"


def test_the_collection_names_all_that_the_page_needs():
    raw = suite("lectures")
    assert raw["page"] == "lectures"
    named = [name.rpartition("/") for topic in TOPICS for name in topic.studies]
    own = {entry["name"] for entry in raw["study"]}
    assert own == {study for home, _, study in named if not home}
    homes = {home for home, _, _ in named if home}
    assert set(raw["suites"]) == homes | {name for topic in TOPICS for name in topic.suites}
    for home, _, study in named:
        if home:
            assert study in {entry["name"] for entry in suite(home)["study"]}


def formulas_of(topic):
    """Every formula of a section with its form, ``display`` or ``inline``."""
    slips = (text for slip in topic.slip for text in (slip.printed, slip.instead))
    checks = (row.check for row in TABLE.row if row.topic == topic.name)
    text = "\n".join([topic.text, *slips, *checks])
    for block in re.findall(r"\$\$(.+?)\$\$", text, flags=re.DOTALL):
        yield from (("display", line) for line in block.strip().splitlines())
    rest = re.sub(r"\$\$.+?\$\$", "", text, flags=re.DOTALL)
    yield from (("inline", formula) for formula in re.findall(r"\$([^$]+)\$", rest))


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_formula_becomes_mathml_and_no_command_is_left_over(topic):
    for form, formula in formulas_of(topic):
        html = {"display": maths.display, "inline": maths.inline}[form](formula)
        root = ElementTree.fromstring(html)
        assert root.find(".//merror") is None
        assert "".join(root.itertext()).strip(), formula
        assert "\\" not in "".join(root.itertext()), formula


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_formulas_are_narrow_enough_for_a_phone(topic):
    for form, formula in formulas_of(topic):
        full_size = formula.replace(r"\frac", r"\dfrac")
        width, *_ = TextToPath().get_text_width_height_descent(f"${full_size}$", STIX, True)
        assert width < WIDEST[form], formula
