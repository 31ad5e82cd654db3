"""Words that are made to fit: measured as matplotlib draws them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from genbench.reporting.figures.lettering import fitted, labels_with_room, log_places, width_of


@pytest.mark.parametrize("text", ["a", "vae_gaussian", "log p(x), exact", "−20.98 ± 0.1"])
def test_a_width_is_the_one_that_is_drawn(text):
    figure = Figure(figsize=(6, 2), dpi=600)
    drawn = figure.text(0, 0, text, fontsize=9, fontfamily="DejaVu Sans", parse_math=False)
    assert width_of(text, 9) == pytest.approx(drawn.get_window_extent().width / 600, rel=0.03)


NAMES = st.text("abc_ -,+(Wi", min_size=1, max_size=60)


@given(NAMES, st.floats(0.5, 5))
def test_fitted_words_are_the_same_words_and_fit(text, room):
    words, size = fitted(text, room, 10.0, bold=True)
    assert [c for c in words if not c.isspace()] == [c for c in text if not c.isspace()]
    lines = words.split("\n")
    assert len(lines) <= 3
    assert all(width_of(line, size, bold=True) <= room + 1e-9 for line in lines)


def test_what_fits_is_left_alone():
    assert fitted("a short title", 3, 10.0) == ("a short title", 10.0)


def test_a_name_is_broken_between_its_parts():
    words, size = fitted("variational_auto_encoder", 1.0, 10.0)
    assert words.split("\n") == ["variational_", "auto_encoder"]
    assert size == 10.0


def test_of_labels_without_room_the_outer_ones_stay():
    shown = labels_with_room([0, 0.1, 0.2, 1, 2], ["1000", "1001", "1002", "5000", "10k"])
    assert shown == ["1000", "", "", "5000", "10k"]


def test_values_stand_where_a_logarithmic_axis_draws_them():
    figure = Figure(figsize=(4, 2))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xscale="log", xmargin=0.05)
    values = [1.0, 3.0, 200.0]
    axis.plot(values, values)
    axis.autoscale_view()
    drawn = axis.transData.transform([(value, 1.0) for value in values])[:, 0] / figure.dpi
    assert log_places(values, 4.0) == pytest.approx(list(drawn))
