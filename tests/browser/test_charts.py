"""The charts of a page: drawn when they come into sight, switched and read by hand."""

import pytest

from genbench.reporting.page.charts import likelihood_charts, training_charts
from genbench.reporting.page.rendering import _environment, render
from tests.results.conftest import results, rich_results, rich_suite, suite  # noqa: F401

SHOWN = """name => {
  const chart = Chart.getChart(document.querySelector(`#${name} .plot canvas`));
  return chart.data.datasets.filter((_, i) => chart.isDatasetVisible(i)).map((one) => one.label);
}"""
PAINTED = """name => {
  const canvas = document.querySelector(`#${name} .plot canvas`);
  const bytes = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return bytes.filter((_, i) => i % 4 === 3 && bytes[i] > 0).length;
}"""


@pytest.fixture(scope="module")
def charts(rich_suite, suite, tmp_path_factory):  # noqa: F811
    """A page of charts alone, one of them in a folded section."""
    show = _environment().get_template("charts.html.j2").module.show_chart
    likelihoods = "".join(map(show, likelihood_charts(rich_suite)))
    losses = "".join(map(show, training_charts(suite)))
    body = (
        f'<p data-model="vae">vae</p><p data-model="gan">gan</p>{likelihoods}'
        f'<details class="section" id="training"><summary>Training</summary>{losses}</details>'
    )
    path = tmp_path_factory.mktemp("charts") / "index.html"
    path.write_text(render("base.html.j2", has_charts=True).replace("<body>", f"<body>{body}"))
    return path


def drawn(page, name):
    """Scroll to a chart and wait until it is drawn."""
    page.locator(f"#{name}").scroll_into_view_if_needed()
    page.locator(f"#{name} .keys").wait_for()
    return page.locator(f"#{name}")


@pytest.mark.parametrize("name", ["chart-likelihood-1", "chart-iw-curve-1"])
def test_a_chart_is_painted_under_the_content_policy(visit, charts, name):
    page = visit(charts)
    drawn(page, name)
    assert page.get_by_text("hold the same numbers").count() == 0
    assert page.evaluate(PAINTED, name) > 2_000


def test_a_folded_chart_is_drawn_when_it_is_unfolded(visit, charts):
    page = visit(charts)
    assert page.locator("#chart-training-1 .plot").count() == 0
    page.locator("#training > summary").click()
    drawn(page, "chart-training-1")
    assert page.evaluate(PAINTED, "chart-training-1") > 2_000


def test_the_legend_switches_a_model_off_and_on(visit, charts):
    page = visit(charts)
    chart = drawn(page, "chart-likelihood-1")
    before = page.evaluate(SHOWN, "chart-likelihood-1")
    key = chart.get_by_role("button", name="vae", exact=True)
    key.click()
    assert key.get_attribute("aria-pressed") == "false"
    assert set(before) - set(page.evaluate(SHOWN, "chart-likelihood-1")) == {"vae"}
    key.press("Enter")
    assert page.evaluate(SHOWN, "chart-likelihood-1") == before
    chart.get_by_role("button", name="none").click()
    assert page.evaluate(SHOWN, "chart-likelihood-1") == []


def test_the_axis_fits_the_intervals_of_the_models_that_are_shown(visit, charts):
    page = visit(charts)
    chart = drawn(page, "chart-likelihood-1")
    chart.get_by_role("button", name="none").click()
    chart.get_by_role("button", name="vae", exact=True).click()
    low, high, axis = page.evaluate("""() => {
      const chart = Chart.getChart(document.querySelector("#chart-likelihood-1 .plot canvas"));
      const { low, high } = chart.data.datasets.find((one) => one.label === "vae").data[0];
      return [low, high, { min: chart.scales.x.min, max: chart.scales.x.max }];
    }""")
    assert axis["min"] <= low < high <= axis["max"]
    assert axis["max"] - axis["min"] < 4 * (high - low)


def test_a_model_hidden_on_the_page_is_hidden_in_the_charts(visit, charts):
    page = visit(charts)
    drawn(page, "chart-likelihood-1")
    page.get_by_role("button", name="Models").click()
    page.get_by_role("checkbox", name="vae", exact=True).uncheck()
    page.keyboard.press("Escape")
    assert "vae" not in page.evaluate(SHOWN, "chart-likelihood-1")
    page.locator("#training > summary").click()
    drawn(page, "chart-training-1")
    assert "vae, train" not in page.evaluate(SHOWN, "chart-training-1")
    assert "iwae, train" in page.evaluate(SHOWN, "chart-training-1")


def test_hovering_tells_the_number_and_what_is_known_of_it(visit, charts):
    page = visit(charts)
    chart = drawn(page, "chart-likelihood-1")
    x, y = page.evaluate("""() => {
      const chart = Chart.getChart(document.querySelector("#chart-likelihood-1 .plot canvas"));
      const index = chart.data.datasets.findIndex((one) => one.label === "vae");
      const { x, y } = chart.getDatasetMeta(index).data[0];
      return [x, y];
    }""")
    chart.locator(".plot canvas").hover(position={"x": x, "y": y})
    title, lines = page.evaluate("""() => {
      const chart = Chart.getChart(document.querySelector("#chart-likelihood-1 .plot canvas"));
      return [chart.tooltip.title, chart.tooltip.body.flatMap((one) => one.lines)];
    }""")
    assert title == ["vae"]
    assert lines[0].startswith("≥ −20.1")
    assert lines[1:3] == ["lower bound, K = 100", "n = 300"]


def test_ticks_over_k_stand_where_the_points_are(visit, charts):
    page = visit(charts, width=390)
    drawn(page, "chart-iw-curve-1")
    ticks = page.evaluate("""() => Chart.getChart(
      document.querySelector("#chart-iw-curve-1 .plot canvas")).scales.x.ticks.map((t) => t.label)
    """)
    assert ticks == ["1", "10", "100"]


@pytest.mark.parametrize(("before", "after"), [("dark", "light"), ("light", "dark")])
def test_colours_follow_the_paper(visit, charts, before, after):
    page = visit(charts, color_scheme=before)
    drawn(page, "chart-likelihood-1")
    ink = """() => [
      Chart.getChart(document.querySelector("#chart-likelihood-1 .plot canvas"))
        .options.scales.y.ticks.color,
      getComputedStyle(document.documentElement).getPropertyValue("--ink"),
    ]"""
    first = page.evaluate(ink)
    page.emulate_media(color_scheme=after)
    page.wait_for_function(f"first => ({ink})().every((one, i) => one !== first[i])", arg=first)
    assert len(set(first)) == len(set(page.evaluate(ink))) == 1


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_no_chart_is_wider_than_the_window_and_no_label_is_cut(visit, charts, width):
    page = visit(charts, width=width)
    page.locator("#training > summary").click()
    for name in ("chart-likelihood-1", "chart-iw-curve-1", "chart-training-1"):
        drawn(page, name)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    edges = page.evaluate("""() => Object.values(Chart.instances).flatMap((chart) =>
      Object.values(chart.scales).flatMap((s) => [s.left, s.top, chart.width - s.right,
        chart.height - s.bottom]))""")
    assert min(edges) >= -1


def test_without_scripts_a_note_says_where_the_numbers_are(visit, charts):
    page = visit(charts, java_script_enabled=False)
    assert page.get_by_text("hold the same numbers").first.is_visible()
    assert page.locator("canvas:visible").count() == 0
