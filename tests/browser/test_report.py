"""A whole report in a browser: nothing overflows, is cut, is fetched, or runs by its name."""

import re

import pytest

from genbench.reporting import build_report
from genbench.results.suite import StoredSuite
from tests.results.fabricate import change_suite, fabricate
from tests.results.rich import fabricate_rich

HOSTILE = "</script><img src=x onerror=alert()>"
CUT = """() => [...document.querySelectorAll("body *")]
  .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
  .filter((one) => one.checkVisibility() && !one.closest(".scroll, .visually-hidden, .skip"))
  .filter((one) => {
    const box = one.getBoundingClientRect();
    return box.left < -1 || box.right > document.documentElement.clientWidth + 1;
  })
  .map((one) => one.outerHTML.slice(0, 200))"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The page of two models with every kind of number."""
    root = tmp_path_factory.mktemp("report")
    models = ("vae", "linear_gaussian")
    suite = StoredSuite.open(fabricate_rich(root / "results", models, (0,)), "tiny")
    return build_report(suite, root / "reports")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """The page of a model and a suite whose names are code."""
    root = tmp_path_factory.mktemp("hostile")
    results = fabricate(root / "results", (HOSTILE, "gan"), (0,), ())
    change_suite(results, lambda content: content.update(title=HOSTILE, description=HOSTILE))
    return build_report(StoredSuite.open(results, "tiny"), root / "reports")


def open_all(page):
    page.get_by_role("button", name="Open all", exact=True).click()


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_nothing_overflows_and_no_text_is_cut(visit, report, width):
    page = visit(report, width=width)
    for _ in range(2):  # as it is first seen, then unfolded
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(CUT) == []
        open_all(page)


def test_each_table_can_be_sorted_by_each_of_its_columns_and_copied(visit, report):
    page = visit(report)
    open_all(page)
    boxes = page.locator(".table-box")
    assert boxes.count() > 8
    assert page.locator(".table-box .tools button", has_text="Copy").count() == boxes.count()
    unsorted = page.evaluate("""() => [...document.querySelectorAll(".table-box th[role]")]
      .filter((head) => head.dataset.sortMethod !== "none" && head.getClientRects().length)
      .filter((head) => { head.click(); return !head.hasAttribute("aria-sort"); })
      .map((head) => head.textContent)""")
    assert unsorted == []
    copies = page.evaluate("""() => [...document.querySelectorAll("table.data")]
      .map((table) => [asCsv(contentOf(table)), asMarkdown(contentOf(table)),
        asLatex(contentOf(table))])""")
    assert all(all(texts) for texts in copies)


def test_the_leaderboard_is_copied_as_it_is_shown(visit, report):
    page = visit(report)
    text = page.evaluate("asMarkdown(contentOf(document.querySelector('.leaderboard')))")
    head, rule, *rows = text.splitlines()
    assert "Log-likelihood" in head
    assert head.count("|") == rule.count("|")
    assert "| vae | ≥ -20.0" in rows[0]
    assert re.match(r"\| 2 \| linear\\_gaussian.* \| -22\.0", rows[1])


def test_a_number_is_told_with_its_errors_on_a_click(visit, report):
    page = visit(report)
    page.locator(".leaderboard td.headline").first.click()
    told = page.get_by_role("tooltip").inner_text()
    assert "lower bound" in told
    assert "300" in told


def test_the_report_has_its_charts(visit, report):
    page = visit(report)
    open_all(page)
    for name in ("chart-likelihood-1", "chart-iw-curve-1", "chart-training-1"):
        page.locator(f"#{name}").scroll_into_view_if_needed()
        page.locator(f"#{name} .keys").wait_for()


def test_each_figure_can_be_enlarged(visit, report):
    page = visit(report)
    open_all(page)
    images = page.locator("figure img")
    assert images.count() == page.locator("figure img[role=button]").count() > 5
    images.first.click()
    assert page.locator("dialog img").is_visible()


def test_names_that_are_code_stay_names(visit, hostile):
    page = visit(hostile)
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    open_all(page)
    assert page.get_by_role("heading", name=HOSTILE).first.is_visible()
    chart = page.locator("#chart-training-1")
    chart.scroll_into_view_if_needed()
    chart.get_by_role("button", name=HOSTILE).click()
    page.get_by_role("button", name="Models", exact=True).click()
    page.get_by_role("checkbox", name=HOSTILE).uncheck()
    assert page.locator("img[src=x]").count() == 0
    assert asked == []


def test_without_scripts_the_answer_and_every_section_can_be_read(visit, report):
    page = visit(report, java_script_enabled=False)
    assert page.locator(".leaderboard tbody tr").first.is_visible()
    for section in page.locator("details.section").all():
        section.locator("> summary").click()
        assert section.locator("> .inside").is_visible()
