"""The layout of the report's page: folded sections, tables with tools, nothing from outside."""

import re
import shutil
from itertools import pairwise

import pytest

from genbench.reporting.page import report_page
from genbench.reporting.page.report_page import MOST_ALERTS
from genbench.results.suite import StoredSuite
from tests.reporting.page.dom import parse
from tests.results.fabricate import change_suite, fabricate

ORDER = [
    "declared",
    "samples",
    "likelihood",
    "quality",
    "code",
    "budgets",
    "training",
    "differences",
    "all-metrics",
    "metrics",
    "reproduce",
]


@pytest.fixture(scope="module", params=["report", "chapters"])
def page(request):
    folder = request.getfixturevalue(request.param)
    return parse((folder / "index.html").read_text())


def sections(page):
    return page.all("details", "section")


def test_everything_below_the_first_screen_is_folded_in_order(page):
    names = [section["id"] for section in sections(page)]
    assert [name for name in ORDER if name in names] == names
    assert {"samples", "budgets", "training", "all-metrics", "metrics", "reproduce"} <= set(names)
    first_screen = {"board", "block"}
    for part in page.all("section"):
        assert part.within("details", "section") or part.classes & first_screen
    unfolded = [s["id"] for s in sections(page) if "open" in s.attributes]
    assert unfolded in ([], ["declared"])


def without_chapters(results):
    return parse(report_page.page(StoredSuite.open(results, "tiny"), [], {}))


def test_each_protocol_says_how_large_its_images_are_and_whether_in_colour(few_results, tmp_path):
    def in_colour(record):
        for run in record["runs"]:
            run["image_shape"] = [3, 32, 40]

    shutil.copytree(few_results, tmp_path / "results")
    change_suite(tmp_path / "results", in_colour)
    page = without_chapters(tmp_path / "results")
    texts = [node.text for node in page.one("dl", "protocols").all("dd")]
    assert texts
    assert all(text.endswith("Images have 32 × 40 pixels in colour (RGB).") for text in texts)


def test_each_summary_has_a_heading_and_says_what_is_inside(page):
    for section in sections(page):
        summary = section.all("summary")[0]
        assert summary.one("h2").text
        assert summary.one("span").text


def test_all_content_stands_behind_the_leaderboards(page):
    places = [node["id"] if "id" in node.attributes else "" for node in page.one("main").walk()]
    last_board = max(i for i, name in enumerate(places) if name.startswith("leaderboard-"))
    assert all(places.index(section["id"]) > last_board for section in sections(page))


def test_every_table_is_in_a_box_with_tools_and_a_name(page):
    names = []
    for table in page.all("table"):
        box = table.within("div", "table-box")
        assert box is not None
        assert box["data-title"]
        assert box["id"].startswith("table-")
        assert box.one("div", "tools").content in ([], [""])
        scroll = table.within("div", "scroll")
        assert scroll["aria-label"]
        assert scroll["tabindex"] == "0"
        names.append(box["id"])
    assert len(names) == len(set(names)) > 5


def test_numbers_can_be_sorted(page):
    for table in page.all("table", "data"):
        heads = table.one("thead").all("th")
        for row in table.one("tbody").all("tr"):
            cells = [part for part in row.content if not isinstance(part, str)]
            assert len(cells) == len(heads)
            for head, cell in zip(heads, cells, strict=True):
                if "data-sort" in cell.attributes:
                    assert head["data-sort-method"] == "number"
                    assert float(cell["data-sort"]) == float(cell["data-sort"])


def test_rows_of_a_model_carry_its_name(page):
    table = next(t for t in page.all("div", "table-box") if t["id"] == "table-comparison-1")
    rows = table.one("tbody").all("tr")
    assert [row["data-model"] for row in rows] == [row.one("span", "name").text for row in rows]


def test_each_figure_has_a_name_of_its_own_and_an_image(page):
    figures = page.all("figure")
    assert len({figure["id"] for figure in figures}) == len(figures) > 3
    assert all(figure["id"].startswith("figure-") and figure.one("img") for figure in figures)


def test_headings_leave_no_level_out(page):
    levels = [int(node.tag[1]) for node in page.walk() if re.fullmatch(r"h[1-6]", node.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_nothing_but_the_scripts_of_the_page_may_run_and_nothing_is_fetched(page):
    (policy,) = (node["content"] for node in page.all("meta") if "http-equiv" in node.attributes)
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    inline = [s for s in page.all("script") if s.attributes.get("type") != "application/json"]
    assert all("src" not in script.attributes for script in page.all("script"))
    assert rules.get("script-src", "'none'").count("sha256-") == len(inline)


def test_paper_shows_what_is_folded(text):
    style = text.partition("@media print")[2].partition("</style>")[0]
    assert re.search(r"details::details-content \{[^}]*content-visibility: visible", style)


def test_a_caption_stands_once(chapters):
    page = parse((chapters / "index.html").read_text())
    fine = [p for p in page.all("p", "fine") if "unscripted" not in p.classes]
    texts = [p.text for p in fine if not p.text.startswith("The rest of the")]
    sentences = [s for text in texts for s in re.split(r"(?<=\.) ", text) if len(s) > 60]
    assert len(sentences) == len(set(sentences)) > 3


def test_many_failed_runs_are_counted_at_the_top_and_listed_in_a_fold(tmp_path):
    many = tuple(f"vae{i}" for i in range(MOST_ALERTS + 1))
    results = fabricate(tmp_path / "many", models=("gan",), seeds=(0,), diverged=many)
    page = without_chapters(results)
    alert = page.one("details", "alert")
    assert "open" not in alert.attributes
    assert f"{len(many)} of {len(many) + 1} runs did not finish" in alert.one("summary").text
    assert len(alert.all("li")) == len(many)


def test_all_metrics_stand_open_where_no_log_likelihood_was_measured(tmp_path, build):
    results = fabricate(tmp_path / "results", models=("ae",), seeds=(0,), diverged=())
    page = parse(build(results).read_text())
    assert [s["id"] for s in sections(page) if "open" in s.attributes] == ["all-metrics"]


def test_a_page_of_the_tests_is_small(report):
    assert (report / "index.html").stat().st_size < 3 * 1024**2
