"""Figures with axes: where each point, label and number stands."""

import numpy as np
import pandas as pd
import pytest

from genbench.reporting.figures import multi_part_plots, plots
from genbench.reporting.figures.maker import FigureMaker
from genbench.reporting.figures.panels import new_panel
from genbench.reporting.figures.style import colours, markers, styled
from genbench.reporting.tables.multi_part_metrics import MultiPartMetric
from genbench.results.cells import Cell
from genbench.results.headline import best_first
from genbench.results.suite import StoredSuite
from tests.reporting.figures.test_model_figures import codes, more_arrays


def labels_of(figure):
    (axis,) = figure.axes
    return [text.get_text() for text in axis.get_yticklabels()]


def test_the_kl_stands_beside_its_row_of_the_traversal():
    arrays = more_arrays()
    figure = plots.traversals(arrays, "vae")
    assert labels_of(figure) == ["z5   2.35 nats", "z2   0.50 nats"]
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.get_xticklabels()] == ["−3", "0", "3"]
    image = axis.images[0].get_array()
    for row, place in enumerate(axis.get_yticks()):
        top = round(place - 3.5)
        assert (image[top : top + 8, 1:9] == arrays["traversals"][row, 0, 0]).all()


def test_a_traversal_without_a_known_kl_names_its_dimensions_only():
    arrays = more_arrays()
    del arrays["traversal_kl"]
    assert labels_of(plots.traversals(arrays, "vae")) == ["z5", "z2"]


def test_each_label_has_a_colour_a_key_and_its_name_at_the_median():
    arrays = codes([0] * 30 + [7] * 31)
    (axis,) = plots.latent_scatter(arrays, "vae").axes
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["0", "7"]
    for text, label in zip(axis.texts, (0, 7), strict=True):
        assert text.get_text() == str(label)
        at = arrays["latent_means"][arrays["latent_labels"] == label]
        np.testing.assert_allclose(text.get_position(), np.median(at, axis=0))
    faces = {tuple(found.get_facecolor()[0]) for found in axis.collections}
    assert len(faces) == 2


def test_labels_that_would_overlap_stand_side_by_side():
    points = np.zeros((6, 2))
    points[4:] = 1.0
    arrays = {"latent_means": points, "latent_labels": np.array([4, 4, 9, 9, 1, 1])}
    (axis,) = plots.latent_scatter(arrays, "vae").axes
    texts = {text.get_text(): text.get_position() for text in axis.texts}
    assert texts == {"1": (1.0, 1.0), "4 9": (0.0, 0.0)}


def test_too_many_labels_are_not_named():
    many = codes(range(21))
    (axis,) = plots.latent_scatter(many, "vae").axes
    assert axis.get_legend() is None
    assert not axis.texts
    assert len(axis.collections) == 21
    assert plots.is_crowded(many)
    assert not plots.is_crowded(codes(range(20)))


def test_rows_of_traversals_of_long_images_stand_apart():
    arrays = {
        "traversals": np.zeros((2, 11, 1, 5, 200), dtype=np.uint8),
        "traversal_values": np.linspace(-3, 3, 11),
        "traversal_dims": np.arange(2),
    }
    figure = plots.traversals(arrays, "vae")
    (axis,) = figure.axes
    inches = axis.get_position().height * figure.get_figheight() / 2
    assert inches > 11 / 72  # of the letters of each row


def test_codes_without_labels_have_no_legend():
    (axis,) = plots.latent_scatter(codes([0] * 30), "vae").axes
    assert axis.get_legend() is None
    assert not axis.texts
    assert len(axis.collections) == 1


def test_bars_of_parts_name_their_quantity_and_share_one_height(few_results, tmp_path):
    suite = StoredSuite.open(few_results, "tiny")
    inputs, drawn = suite.figure_inputs(["cvae"]), []
    maker = FigureMaker(tmp_path, colours(suite.models))
    maker.save = lambda figure, name, alt: drawn.append((figure, name, alt))
    maker.bars(suite.metrics["kl_per_dim"], suite.frame, inputs)
    ((figure, name, alt),) = drawn
    (axis,) = figure.axes
    assert axis.get_ylabel() == "KL per dimension (nats)"
    heights = [bar.get_height() for bar in axis.patches]
    assert heights == sorted(heights, reverse=True)
    assert axis.get_ylim() == (0, pytest.approx(1.05 * 3.0))
    assert (name, alt) == ("kl_per_dim-cvae", "KL per dimension of cvae: 8 values, largest first")


def test_bounds_over_fewer_images_share_no_axis_with_the_others(rich_blocks):
    block = rich_blocks[0]
    shown = {block.columns[i].metric for i in plots.bound_columns(block)}
    assert shown == {"elbo", "iw_log_likelihood", "iw_extrapolated", "log_likelihood"}
    assert not plots.drawn(block, block.rows[0].cells[block.column("ais_log_likelihood")])


def test_the_rows_of_bounds_are_those_of_the_leaderboard(rich_blocks):
    block = rich_blocks[0]
    palette = colours([row.model for row in block.rows])
    with styled():
        shown = labels_of(plots.bounds(block, palette))
    labels = [row.label for row in best_first(block)]
    assert len(shown) > 2
    assert shown == labels[: len(shown)]


def test_the_dots_of_a_number_are_sorted_best_first_and_have_their_models_looks(rich_blocks):
    block = rich_blocks[0]
    index = block.column("mmd2")
    palette = colours([row.model for row in block.rows])
    with styled():
        figure = plots.dots(block, index, palette)
    known = [row for row in block.rows if row.cells[index].ok]
    known.sort(key=lambda row: row.cells[index].value)
    assert labels_of(figure) == [row.label for row in known]
    (axis,) = figure.axes
    drawn = [bar.lines[0] for bar in axis.containers]
    assert [line.get_xdata()[0] for line in drawn] == [row.cells[index].value for row in known]
    assert [line.get_color() for line in drawn] == [palette[row.model] for row in known]
    shapes = markers(list(palette))
    assert [line.get_marker() for line in drawn] == [shapes[row.model].shape for row in known]


def test_the_axis_of_draws_has_a_tick_at_each_value(rich_suite):
    cells = {k: Cell("ok", float(i), 0.1) for i, k in enumerate(("1", "2", "5", "20", "1000"))}
    with styled():
        (axis,) = multi_part_plots.curve(cells, {}, "vae", "#0072B2").axes
    assert list(axis.get_xticks()) == [1, 2, 5, 20, 1000]
    assert [text.get_text() for text in axis.get_xticklabels()] == ["1", "2", "5", "20", "1000"]


def test_a_bound_that_is_exact_to_rounding_is_drawn_flat_at_the_exact_value():
    cells = {k: Cell("ok", 17.15 + off, 0.5) for k, off in (("1", 0.0), ("2", 3e-7), ("4", 1e-7))}
    beside = {"log p(x), exact": (Cell("ok", 17.15 - 4e-7, 0.5), "exact")}
    with styled():
        (axis,) = multi_part_plots.curve(cells, beside, "linear_gaussian", "#0072B2").axes
    low, high = axis.get_ylim()
    assert high - low == pytest.approx(0.01)
    assert [text.get_text() for text in axis.get_yticklabels() if text.get_text()]


def test_numbers_that_would_touch_are_left_out_and_their_ticks_stay():
    values = [1000.0, 1100.0, 1200.0, 1300.0, 10000.0]
    with styled():
        _, axis = new_panel(3.7, 2.5, "")
        axis.set_xscale("log")
        multi_part_plots.ticks_at(axis, values)
    assert list(axis.get_xticks()) == values
    shown = [text.get_text() for text in axis.get_xticklabels()]
    assert (shown[0], shown[-1]) == ("1000", "10k")
    assert "" in shown


def test_no_point_of_active_units_is_cut_off_and_equal_lines_show_behind_each_other(rich_suite):
    block = rich_suite.blocks[0]
    cells = {part: Cell("ok", 8.0, 0.0) for part in ("0.01", "0.1")}
    lines = tuple((row, cells) for row in block.rows[:3])
    shown = MultiPartMetric(block, block.columns[0], tuple(cells), lines)
    with styled():
        axis, *_ = multi_part_plots.steps(shown, colours(rich_suite.models)).axes
    assert axis.get_ylim() == (0, pytest.approx(1.08 * 8))
    sizes = [line.get_markersize() for line in axis.lines]
    assert sizes == sorted(set(sizes), reverse=True)
    assert len(sizes) == 3


def test_epochs_have_round_ticks():
    history = pd.DataFrame({"epoch": range(1, 61), "train.gan.loss": np.linspace(2, 1, 60)})
    with styled():
        (axis,) = plots.learning_curves(history, "gan", "#0072B2").axes
        ticks = axis.get_xticks()
    assert all(tick % 10 == 0 for tick in ticks)
