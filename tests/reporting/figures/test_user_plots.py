"""Declared figures: what is drawn of a table, and how it is told apart."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex

from genbench.core.errors import ConfigError
from genbench.core.plot import Plot
from genbench.reporting.figures.style import styled
from genbench.reporting.figures.user_plots import describe, draw, image_grid

TABLE = pd.DataFrame(
    {
        "k": [1, 10, 100, 1, 10, 100],
        "size": [2, 2, 2, 30, 30, 30],
        "kind": ["a"] * 3 + ["b"] * 3,
        "bias": [3.0, 2.0, 1.0, 30.0, 20.0, 10.0],
        "gain": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
        "stderr": [0.1, 0.2, 0.3, 1.0, 2.0, 3.0],
    }
)


def plot(**keys):
    return Plot(**{"name": "p", "title": "P", "table": "t", "x": "k", "y": ("bias",)} | keys)


def drawn(table=TABLE, palette=None, **keys):
    with styled():
        return draw(plot(**keys), table, palette)


def lines(axis):
    return [[list(line.get_xdata()), list(line.get_ydata())] for line in axis.get_lines()]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()] if figure.legends else []


def test_lines_go_through_the_rows_sorted_by_x():
    figure = drawn(TABLE.sample(frac=1, random_state=1), hue="size")
    found = sorted(lines(figure.axes[0]))
    assert found == [[[1, 10, 100], [3, 2, 1]], [[1, 10, 100], [30, 20, 10]]]
    assert legend(figure) == ["2", "30"]
    assert figure.legends[0].get_title().get_text() == "size"


def test_the_band_is_the_95_percent_interval_of_the_standard_error():
    figure = drawn(TABLE[:3], error="stderr")
    (band,) = [c for c in figure.axes[0].collections if isinstance(c, PolyCollection)]
    heights = {float(x): [] for x in (1, 10, 100)}
    for x, y in band.get_paths()[0].vertices:
        heights[float(x)].append(float(y))
    for x, y, error in zip(TABLE["k"][:3], TABLE["bias"], TABLE["stderr"], strict=False):
        assert np.isclose(max(heights[x]) - y, 1.959964 * error)
        assert np.isclose(y - min(heights[x]), 1.959964 * error)


def test_rows_that_differ_in_the_seed_alone_are_averaged():
    twice = pd.concat([TABLE.assign(seed=0), TABLE.assign(seed=1, bias=TABLE["bias"] + 1)])
    assert sorted(lines(drawn(twice, hue="size").axes[0]))[0] == [[1, 10, 100], [3.5, 2.5, 1.5]]
    assert len(drawn(twice[twice["size"] == 2], hue="seed").axes[0].get_lines()) == 2


def test_models_on_top_of_each_other_are_told_apart_and_keep_their_colours():
    models = TABLE.assign(model=["vae"] * 3 + ["gan"] * 3)
    figure = drawn(models, palette={"gan": "#123456", "vae": "#654321"})
    colours = {line.get_ydata()[0]: to_hex(line.get_color()) for line in figure.axes[0].get_lines()}
    assert colours == {3.0: "#654321", 30.0: "#123456"}
    assert legend(figure) == ["vae", "gan"]


def test_models_side_by_side_make_one_line():
    sweep = pd.DataFrame({"model": ["a", "b", "c"], "k": [2, 5, 3], "bias": [1.0, 2.0, 3.0]})
    figure = drawn(sweep)
    assert lines(figure.axes[0]) == [[[2, 3, 5], [1, 3, 2]]]
    assert legend(figure) == []


def test_several_quantities_have_lines_of_their_own():
    figure = drawn(TABLE[:3], y=("bias", "gain"))
    assert lines(figure.axes[0]) == [[[1, 10, 100], [3, 2, 1]], [[1, 10, 100], [1, 2, 3]]]
    first, second = figure.axes[0].get_lines()
    assert first.get_linestyle() != second.get_linestyle()
    assert first.get_color() != second.get_color()
    assert legend(figure) == ["bias", "gain"]
    both = drawn(y=("bias", "gain"), hue="size")
    assert legend(both) == ["size:", "2", "30", "quantity:", "bias", "gain"]


def test_a_panel_per_value_with_its_own_rows():
    figure = drawn(panel="kind", hue="size")
    assert [axis.get_title(loc="left") or axis.get_title() for axis in figure.axes] == ["a", "b"]
    assert [lines(axis)[0][1] for axis in figure.axes] == [[3, 2, 1], [30, 20, 10]]
    numbered = drawn(panel="size")
    titles = [axis.get_title(loc="left") or axis.get_title() for axis in numbered.axes]
    assert titles == ["size 2", "size 30"]


def test_panels_have_one_vertical_scale_unless_each_asks_for_its_own():
    first, second = drawn(panel="kind").axes
    assert first.get_ylim() == second.get_ylim()
    first, second = drawn(panel="kind", free_y=True).axes
    assert first.get_ylim()[1] < 4 < second.get_ylim()[0]


@pytest.mark.parametrize(
    ("scale", "log", "shared"), [(1, False, True), (100, False, False), (100, True, True)]
)
def test_panels_share_the_horizontal_scale_only_where_none_would_vanish(scale, log, shared):
    table = TABLE.assign(k=[100, 10, 1, 100 * scale, 10 * scale, scale])
    first, second = drawn(table, panel="kind", log_x=log).axes
    assert (first.get_xlim() == second.get_xlim()) == shared


@pytest.mark.parametrize(
    ("names", "shown", "aslant"),
    [
        (["a b", "c"], ["a b", "c"], False),
        (["own q(z) per datum " * 2, "c", "d", "e"], None, False),
        (["a_name_that_has_no_end_at_all" * 2, "c"], ["a_name_that_has_no_end_at_all" * 2], True),
    ],
)
def test_long_names_are_wrapped_between_words_or_stand_aslant(names, shown, aslant):
    table = pd.DataFrame({"kind": names, "bias": 1.0})
    labels = drawn(table, kind="bars", x="kind").axes[0].get_xticklabels()
    assert (labels[0].get_rotation() > 0) == aslant
    texts = [label.get_text() for label in labels]
    assert texts[0] == shown[0] if shown else "\n" in texts[0]
    assert [text.replace("\n", " ") for text in texts] == [name.strip() for name in names]


def test_log_axes_show_the_values_as_ticks_and_leave_out_what_has_no_logarithm():
    table = pd.concat([TABLE[:3], TABLE[:1].assign(k=0), TABLE[:1].assign(k=5, bias=np.nan)])
    axis = drawn(table, log_x=True).axes[0]
    assert axis.get_xscale() == "log"
    drawn_x = lines(axis)[0][0]
    assert drawn_x == [1, 10, 100]
    axis.figure.canvas.draw()
    assert [text.get_text() for text in axis.get_xticklabels()] == ["1", "10", "100"]


def test_bars_stand_beside_each_other_at_each_x():
    axis = drawn(kind="bars", hue="kind", error="stderr").axes[0]
    bars = [(bar.get_x() + bar.get_width() / 2, bar.get_height()) for bar in axis.patches]
    assert [height for _, height in bars] == list(TABLE["bias"])
    assert [round(x) for x, _ in bars] == [0, 1, 2, 0, 1, 2]
    edges = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in axis.patches)
    assert all(before[1] < after[0] for before, after in pairwise(edges))
    assert [text.get_text() for text in axis.get_xticklabels()] == ["1", "10", "100"]


def test_points_over_words_stand_at_places_in_the_order_of_the_table():
    table = pd.DataFrame({"kind": ["z", "a"], "bias": [1.0, 2.0]})
    axis = drawn(table, kind="points", x="kind").axes[0]
    assert lines(axis) == [[[0, 1], [1, 2]]]
    assert [text.get_text() for text in axis.get_xticklabels()] == ["z", "a"]


def test_an_empty_selection_is_an_empty_figure():
    assert lines(drawn(TABLE.assign(bias=np.nan)).axes[0]) == []


def test_a_column_that_there_is_not_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"plot\.p\.y: no column 'bais'; did you mean 'bias'"):
        drawn(y=("bais",))


def test_images_keep_their_order_and_their_levels():
    grey = np.arange(6, dtype=float).reshape(2, 3, 1, 1) / 5
    grid = image_grid(grey)
    assert grid.shape == (5, 7, 1)
    assert grid[1::2, 1::2, 0].tolist() == [[0, 51, 102], [153, 204, 255]]
    colour = np.zeros((1, 2, 1, 1, 3))
    colour[0, 1, 0, 0] = (2.0, np.nan, 0.5)
    assert image_grid(colour)[1, 3].tolist() == [255, 0, 128]


def test_words_say_what_a_figure_shows():
    assert describe(plot(y=("bias", "gain"), hue="size", panel="kind")) == (
        "P: lines of bias and gain against k; size by colour, kind by panel"
    )


@pytest.mark.parametrize(("key", "n", "kind"), [("panel", 61, "lines"), ("x", 501, "bars")])
def test_a_figure_of_more_panels_or_names_than_can_be_drawn_is_refused_by_its_key(key, n, kind):
    table = pd.DataFrame({"a": range(n), "b": [1.0] * n, "c": ["one"] * n})
    plot = Plot(name="p", title="t", kind=kind, table="t", x="c", y=("b",), panel="")
    plot = plot.model_copy(update={key: "a"})
    with pytest.raises(ConfigError, match=rf"^plot\.p\.{key}: {n} values, at most {n - 1} "):
        draw(plot, table)
