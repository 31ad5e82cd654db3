"""Draws declared figures: lines, points and bars over a table, and grids of images."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray
from pandas.api.types import is_integer_dtype, is_numeric_dtype

from genbench.core.errors import ConfigError
from genbench.core.plot import Plot
from genbench.core.statistics import NORMAL_REACH
from genbench.reporting.figures.grids import Pixels, draw_grid, tiled
from genbench.reporting.figures.lettering import LINE, width_of
from genbench.reporting.figures.panels import legend_beside, title_of
from genbench.reporting.figures.style import LABEL_SIZE, new_figure
from genbench.reporting.figures.user_plot_style import Looks, ordered, text, tidy, words

_FEW = 8
_PER_ROW = 3
_CORNER = 0.3
_PER_INCH = 12
_MANY = 12
"""Of this many names at most, several panels stand side by side."""
_MOST_PANELS, _MOST_NAMES = 60, 500
_SLOT = 0.24
"""Inches for each name below an axis."""
_ASLANT = 40
"""Degrees by which long names are turned."""
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def draw(plot: Plot, table: pd.DataFrame, palette: Mapping[str, str] | None = None) -> Figure:
    """Draw a figure over a table, a panel for each value of ``panel``, the legend beside them.

    Args:
        plot: What is drawn; ``models`` plays no part here.
        table: Its rows. What is not finite is left out; rows that differ in a column ``seed`` that
            plays no part are averaged.
        palette: Colours of the models, the same in all figures of a report.

    Raises:
        ConfigError: The table lacks a column; names it and the nearest one. Or one has too many
            values.
    """
    plot, rows = tidy(plot, table)
    looks, panels = Looks.of(rows, palette or {}), ordered(rows["panel"]) or [""]
    places = None if plot.kind != "bars" and is_numeric_dtype(rows["x"]) else ordered(rows["x"])
    names = [] if places is None else [text(place) for place in places]
    for key, n, most in (("panel", len(panels), _MOST_PANELS), ("x", len(names), _MOST_NAMES)):
        if n > most:
            raise ConfigError(f"plot.{plot.name}.{key}: {n} values, at most {most} can be drawn")
    across = 1 if len(names) > _MANY else min(len(panels), _PER_ROW)
    figure, axes = _canvas(len(panels), across, plot, rows)
    _grow(figure, names, across, -(-len(panels) // across))
    for axis, value in zip(axes, panels, strict=False):
        _LAYERS[plot.kind](axis, rows[rows["panel"] == value], looks, places)
        title_of(axis, _panel_title(plot, value), figure.get_figwidth() / across - 0.9)
        _dress(axis, plot, rows, names if places is not None else None)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    keys = looks.keys(plot)
    if keys:
        only_hue = len(looks.dash) == 1 or list(looks.dash) == list(looks.colour)
        legend_beside(figure, keys, words(plot.hue if only_hue else ""))
    return figure


def _panel_title(plot: Plot, value: Any) -> str:
    """Return a panel's title: words stand for themselves, a number needs its quantity."""
    return value if isinstance(value, str) else f"{words(plot.panel)} {text(value)}"


def _canvas(
    n_panels: int, columns: int, plot: Plot, rows: pd.DataFrame
) -> tuple[Figure, NDArray[Any]]:
    """Return a figure with an axis per panel; panels share y, and x where the ranges are alike."""
    lines = -(-n_panels // columns)
    figure = new_figure({1: 6.0, 2: 8.2, 3: 10.4}[columns], 3.6 if n_panels == 1 else 2.9 * lines)
    shared: Any = {"sharex": _alike(rows, log=plot.log_x), "sharey": not plot.free_y}
    axes = figure.subplots(lines, columns, squeeze=False, **shared)
    for axis in axes[:, 0]:
        axis.set_ylabel(plot.y_label or (words(plot.y[0]) if len(plot.y) == 1 else ""))
    for axis in axes.ravel()[max(n_panels - columns, 0) : n_panels]:
        axis.tick_params(labelbottom=True)
        axis.set_xlabel(plot.x_label or words(plot.x))
    return figure, axes.ravel()


def _alike(rows: pd.DataFrame, *, log: bool) -> bool:
    """Whether the panels can share the scale of x: none would shrink to a corner of it."""
    if not is_numeric_dtype(rows["x"]):
        return True
    values = np.log10(rows["x"].where(rows["x"] > 0)) if log else rows["x"]
    groups = values.groupby(rows["panel"], sort=False)
    ranges = groups.max() - groups.min()
    return not (ranges < _CORNER * (values.max() - values.min())).any()


def _grow(figure: Figure, names: Sequence[str], across: int, down: int) -> None:
    """Make a figure wider where many names stand below an axis, and higher where they are long."""
    width, height = figure.get_size_inches()
    width = max(width, across * (1.2 + _SLOT * len(names)))
    if names and not _wrapped(names, width / across - 1.2):
        longest = max(width_of(name, LABEL_SIZE) for name in names)
        height += down * longest * np.sin(np.radians(_ASLANT))
    figure.set_size_inches(width, height)


def _dress(axis: Any, plot: Plot, rows: pd.DataFrame, names: Sequence[str] | None) -> None:
    """Set scales and ticks."""
    if names is not None:
        _name_places(axis, names)
        axis.set_xlim(-0.6, len(names) - 0.4)
        axis.grid(visible=False, axis="x")
    else:
        axis.set_xscale("log" if plot.log_x else "linear")
        _numbered(axis.xaxis, rows["x"], log=plot.log_x, few=True)
    axis.set_yscale("log" if plot.log_y else "linear")
    _numbered(axis.yaxis, rows["y"], log=plot.log_y)
    sns.despine(ax=axis)


def _name_places(axis: Any, names: Sequence[str]) -> None:
    """Write names under their places, on several lines, or aslant where words are too long."""
    room = axis.get_position().width * axis.figure.get_figwidth()
    if wrapped := _wrapped(names, room):
        axis.set_xticks(range(len(names)), wrapped)
    else:
        aslant: Any = {"rotation": _ASLANT, "ha": "right", "rotation_mode": "anchor"}
        line = 72 * 0.8 * room / len(names) * np.sin(np.radians(_ASLANT)) / LINE
        axis.set_xticks(range(len(names)), names, **aslant, fontsize=min(LABEL_SIZE, line))


def _wrapped(names: Sequence[str], room: float) -> list[str]:
    """Return names on lines that fit side by side in ``room`` inches; empty if some do not."""
    slot = max(int(_PER_INCH * room / max(len(names), 1)), 1)
    wrapped = [fill(name, slot, break_long_words=False) for name in names]
    fits = all(len(line) <= slot for name in wrapped for line in name.splitlines())
    return wrapped if fits else []


def _numbered(axis: Any, values: pd.Series, *, log: bool, few: bool = False) -> None:
    """Set the ticks of an axis of numbers; few distinct values on a log scale are the ticks."""
    known = np.unique(values[values > 0] if log else values)
    if log:
        span = np.log10(known[-1] / known[0]) if len(known) else 1.0
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if span < 2.5 else (1.0,)))
        axis.set_minor_formatter(NullFormatter())
    elif is_integer_dtype(values):
        axis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    if few and log and len(known) <= _FEW:
        axis.set_major_locator(FixedLocator(list(known)))
    if log or (len(known) and np.abs(known).max() >= 1e4):
        axis.set_major_formatter(FuncFormatter(_short))


def _short(value: float, _: int) -> str:
    return short(value)


def short(value: float) -> str:
    """Write a tick's number: thousands as k, millions as M, beyond that powers of ten.

    Example:
        >>> short(0.05), short(2000), short(250000), short(1.5e6), short(1e42), short(-2e-7)
        ('0.05', '2000', '250k', '1.5M', '10⁴²', '-2·10⁻⁷')
    """
    size = abs(value)
    if size >= 1e9 or 0 < size < 1e-3:
        mantissa, _, exponent = f"{value:.1e}".partition("e")
        power = "10" + str(int(exponent)).translate(_RAISED)
        return power if mantissa == "1.0" else f"{mantissa.removesuffix('.0')}·{power}"
    if size >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if size >= 1e4 else f"{value:g}"


def _series(rows: pd.DataFrame, *keys: str) -> Iterator[tuple[Any, Any, pd.DataFrame]]:
    """Walk over what is drawn in one look, as (hue, style, rows)."""
    for (hue, style, *_), group in rows.groupby(["hue", "style", *keys], sort=False):
        yield hue, style, group


def _at(x: pd.Series, places: Sequence[Any] | None) -> NDArray[np.float64]:
    return np.asarray(x if places is None else x.map(places.index), dtype=np.float64)


def _lines(axis: Any, rows: pd.DataFrame, looks: Looks, places: Sequence[Any] | None) -> None:
    for hue, style, group in _series(rows, "line"):
        group = group.iloc[np.argsort(_at(group["x"], places), kind="stable")]
        x, y, reach = _at(group["x"], places), group["y"], NORMAL_REACH * group["error"].fillna(0.0)
        colour = looks.colour[hue]
        marker = looks.marker_of(hue, style, "lines")
        line = {"color": colour, "linestyle": looks.dash[style], "linewidth": 1.7}
        axis.plot(x, y, marker=marker, markersize=4.5, **line)
        if reach.any():
            axis.fill_between(x, y - reach, y + reach, color=colour, alpha=0.18, linewidth=0)


def _points(axis: Any, rows: pd.DataFrame, looks: Looks, places: Sequence[Any] | None) -> None:
    series = list(_series(rows))
    shifts = _shifts(rows, len(series), 0.44 if places is not None else 0.0)
    for shift, (hue, style, group) in zip(shifts, series, strict=True):
        x, reach = _at(group["x"], places) + shift, NORMAL_REACH * group["error"].fillna(0.0)
        look = {"color": looks.colour[hue], "markersize": 5.5}
        look["marker"] = looks.marker_of(hue, style, "points")
        shown = reach if reach.any() else None
        axis.errorbar(x, group["y"], yerr=shown, linestyle="", capsize=2.5, linewidth=1.2, **look)


def _bars(axis: Any, rows: pd.DataFrame, looks: Looks, places: Sequence[Any] | None) -> None:
    series = list(_series(rows))
    width = 0.8 / len(series) if rows["x"].duplicated().any() else 0.6
    for shift, (hue, _, group) in zip(_shifts(rows, len(series), 0.8), series, strict=True):
        reach = NORMAL_REACH * group["error"].fillna(0.0)
        shown = reach if reach.any() else None
        look = {"color": looks.colour[hue], "linewidth": 0, "error_kw": {"linewidth": 1.1}}
        x = _at(group["x"], places) + shift
        axis.bar(x, group["y"], 0.92 * width, yerr=shown, capsize=2.5, **look)


def _shifts(rows: pd.DataFrame, n: int, room: float) -> NDArray[np.float64]:
    """Return how far each of ``n`` series moves aside, where two of them share an x."""
    if not rows["x"].duplicated().any():
        return np.zeros(n)
    return (np.arange(n) - (n - 1) / 2) * room / max(n, 1)


_LAYERS = {"lines": _lines, "points": _points, "bars": _bars}


def image_grid(array: NDArray[Any]) -> Pixels:
    """Lay out (rows, columns, H, W) or (rows, columns, H, W, 3) in [0, 1] as a grid of tiles."""
    columns = array.shape[1]
    levels = np.rint(np.clip(np.nan_to_num(array), 0, 1) * 255).astype(np.uint8)
    tiles = levels.reshape(-1, *array.shape[2:])  # (rows * columns, H, W[, 3])
    tiles = tiles[:, None] if array.ndim == 4 else np.moveaxis(tiles, -1, 1)
    return tiled(tiles, columns)


def draw_images(grid: Pixels) -> Figure:
    """Show a grid of tiles alone."""
    height, width = grid.shape[:2]
    inches = min(max(width / 45, 2.4), 10.0)
    figure = new_figure(inches, inches * height / width)
    draw_grid(figure.subplots(), grid, "")
    return figure


def describe(plot: Plot) -> str:
    """Say in words what a figure shows, for who cannot see it."""
    if plot.kind == "images":
        return f"{plot.title}: a grid of images"
    over = f"{' and '.join(map(words, plot.y))} against {words(plot.x)}"
    roles = (("colour", plot.hue), ("line style", plot.style), ("panel", plot.panel))
    apart = ", ".join(f"{words(column)} by {role}" for role, column in roles if column)
    return f"{plot.title}: {plot.kind} of {over}{f'; {apart}' if apart else ''}"
