"""Charts as data: they hold the results, each model has one look, and no name breaks out.

The browser draws them in ``tests/browser/``.
"""

import json
import re
from dataclasses import replace

import pytest

from genbench.reporting.figures.style import colours, markers
from genbench.reporting.page.charts import likelihood_charts, training_charts
from genbench.reporting.page.rendering import _environment
from genbench.results.suite import StoredSuite
from tests.results.fabricate import fabricate


@pytest.fixture(scope="module")
def likelihoods(rich_suite):
    return {chart.name: chart for chart in likelihood_charts(rich_suite)}


@pytest.fixture(scope="module")
def losses(suite):
    return training_charts(suite)


def series_of(chart, label):
    (found,) = [series for series in chart.data["series"] if series["label"] == label]
    return found


def test_each_model_stands_at_its_headline_number_with_its_interval(rich_suite, likelihoods):
    board, chart = rich_suite.leaderboards[0], likelihoods["likelihood-1"]
    shown = [entry for entry in board.entries if entry.cell]
    assert chart.data["y"]["labels"] == [entry.row.label for entry in shown]
    for entry in shown:
        (point,) = series_of(chart, entry.row.label)["points"]
        expected = [entry.cell.value, *entry.interval]
        assert [point[0], *point[2:4]] == pytest.approx(expected, rel=1e-5)
        assert point[1] == entry.row.label
        assert point[4] == f"{entry.text.replace('-', '−')} nats"


def test_an_exact_number_is_filled_and_a_bound_is_hollow(likelihoods):
    chart = likelihoods["likelihood-1"]
    assert not series_of(chart, "linear_gaussian")["hollow"]
    assert series_of(chart, "vae")["hollow"]


def test_an_absurd_number_is_an_arrowhead_at_the_edge_and_squashes_nobody(rich_suite):
    suite = StoredSuite.open(rich_suite.folder.parent, rich_suite.name)
    board = suite.leaderboards[0]
    *others, last = (entry for entry in board.entries if entry.cell)
    absurd = replace(last, cell=replace(last.cell, value=-1e6))
    suite.__dict__["leaderboards"] = [replace(board, entries=(*others, absurd))]
    *others, last = likelihood_charts(suite)[0].data["series"]
    lowest = min(series["points"][0][2] for series in others)
    value, _, low, high, text = last["points"][0][:5]
    assert value == pytest.approx(lowest)
    assert (low, high) == (None, None)
    assert (last["marker"], last["rotation"]) == ("triangle", -90)
    assert text.startswith("≥ −1.0000")


def test_the_hint_of_a_number_tells_kind_options_size_and_errors(likelihoods):
    (point,) = series_of(likelihoods["likelihood-1"], "vae")["points"]
    assert point[5:7] == ["lower bound, K = 100", "n = 300"]
    assert re.fullmatch(r"MC 0\.\d+", point[7])
    assert point[8].startswith("seed sd 0.10")


def test_the_bounds_over_k_have_their_ticks_where_they_have_points(likelihoods):
    chart = likelihoods["iw-curve-1"]
    assert chart.data["x"] == {
        "type": "logarithmic", "title": "K (draws of z)", "ticks": [1.0, 10.0, 100.0],
    }  # fmt: skip
    points = series_of(chart, "vae")["points"]
    assert [point[0] for point in points] == [1.0, 10.0, 100.0]
    assert points[0][1] < points[1][1] < points[2][1]
    assert points[0][4].startswith("K = 1: ≥ −2")


def test_losses_are_those_of_the_first_seed_and_leave_out_what_is_not_finite(suite, losses):
    run = next(run for run in suite.record.runs if (run.model, run.seed) == ("vae", 0))
    history = suite.run_folder(run).history()
    series = series_of(losses[0], "vae, validation")
    assert series["points"] == [
        [epoch, pytest.approx(loss, rel=1e-5)]
        for epoch, loss in zip(history["epoch"], history["validation.vae.loss"], strict=True)
    ]
    assert series["dash"]
    assert not series_of(losses[0], "vae, train")["dash"]


def test_the_updates_of_one_model_have_lines_of_their_own(losses):
    labels = [series["label"] for series in losses[0].data["series"]]
    assert {"gan, discriminator, train", "gan, generator, train"} <= set(labels)


def test_a_model_looks_the_same_in_each_chart_and_in_the_figures(suite, losses):
    palette, shapes = colours(suite.models), markers(suite.models)
    for series in (series for chart in losses for series in chart.data["series"]):
        shape = shapes[series["model"]]
        look = (series["colour"], series["marker"], series["rotation"])
        assert look == (palette[series["model"]], shape.chart, shape.rotation)


def test_a_protocol_with_one_number_and_a_suite_without_training_have_no_chart(tmp_path):
    results = fabricate(tmp_path / "results", ("linear_gaussian",), (0,), ())
    lonely = StoredSuite.open(results, "tiny")
    assert likelihood_charts(lonely) == []
    assert training_charts(lonely) == []


def test_a_name_cannot_break_out_of_the_data_of_a_chart(tmp_path):
    name = "</script><script>alert(1)</script>"
    results = fabricate(tmp_path / "results", (name,), (0,), ())
    (chart,) = training_charts(StoredSuite.open(results, "tiny"))
    text = str(_environment().get_template("charts.html.j2").module.show_chart(chart))
    assert text.count("</script>") == 1
    data = text.partition('<script type="application/json">')[2].partition("</script>")[0]
    assert json.loads(data) == chart.data
    assert name in json.loads(data)["series"][0]["label"]
