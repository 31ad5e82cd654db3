"""The rows of a declared figure in one form, and what each of their values looks like."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.lines import Line2D
from pandas.api.types import is_numeric_dtype

from genbench.core import numbers
from genbench.core.plot import Plot
from genbench.reporting.figures.style import INK, MUTED, SHAPES, colours, markers

ROLES = ("x", "hue", "style", "panel")
_DASHES: tuple[Any, ...] = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)))
_MOST_MARKED = 15
_ACRONYMS = ("ELBO", "KL", "IW", "MSE")


def tidy(plot: Plot, table: pd.DataFrame) -> tuple[Plot, pd.DataFrame]:
    """Return one row per point: ``x, y, error, hue, style, panel, line``, where it can be drawn.

    Rows that differ in ``seed`` alone are averaged. Where several models would still lie upon each
    other they become lines of their own, told apart by ``hue`` if it is free. Several ``y`` become
    values of ``style``, and of ``hue`` if that is free.

    Raises:
        ConfigError: The table lacks a column that is drawn.
    """
    plot.require(name for name in table.columns if "[" not in name or name in plot.y)
    table = _over_seeds(plot, table)
    crowded = "model" in table and bool(table.duplicated(_columns(plot)).any())
    if crowded and not plot.hue and "model" not in _columns(plot):
        plot = plot.model_copy(update={"hue": "model"})
    parts = [_points(plot, table.reset_index(drop=True), name) for name in plot.y]
    rows = pd.concat(parts, ignore_index=True)
    rows["line"] = rows["line"] if crowded else ""
    shown = _visible(rows["y"], log=plot.log_y) & _visible(rows["x"], log=plot.log_x)
    return plot, rows[shown].reset_index(drop=True)


def _visible(values: pd.Series, *, log: bool) -> pd.Series:
    """Return which values have a place on their axis."""
    if not is_numeric_dtype(values):
        return values.notna()
    return values.abs().lt(float("inf")) & (values.gt(0) if log else True)


def _columns(plot: Plot) -> list[str]:
    """Return the columns that tell one point from another."""
    return list(dict.fromkeys(getattr(plot, role) for role in ROLES if getattr(plot, role)))


def _over_seeds(plot: Plot, table: pd.DataFrame) -> pd.DataFrame:
    """Means over the seeds of each model at equal x, hue, style and panel."""
    if "seed" not in table or "seed" in _columns(plot):
        return table
    keys = list(dict.fromkeys([*_columns(plot), *(["model"] if "model" in table else [])]))
    values = dict.fromkeys([*plot.y, *([plot.error] if plot.error else [])])
    groups = table.groupby(keys, sort=False, dropna=False, as_index=False)
    return groups[[value for value in values if value not in keys]].mean()


def _points(plot: Plot, table: pd.DataFrame, y: str) -> pd.DataFrame:
    roles = {role: getattr(plot, role) for role in ROLES}
    points = {r: table[c].fillna("–") if r != "x" else table[c] for r, c in roles.items() if c}
    rows = pd.DataFrame({**dict.fromkeys(ROLES, ""), **points}, index=table.index)
    if len(plot.y) > 1:
        name = words(y)
        rows["style"] = name if not plot.style else rows["style"].map(text) + f", {name}"
        rows["hue"] = rows["hue"] if plot.hue else name
    rows["line"] = table.get("model", "")
    rows["error"] = pd.to_numeric(table[plot.error], errors="coerce") if plot.error else 0.0
    return rows.assign(y=pd.to_numeric(table[y], errors="coerce"))


@dataclass(frozen=True)
class Looks:
    """Colour by value of ``hue``; dashes and marker by value of ``style``.

    ``marked`` says whether lines show their points, which many points would hide. Models that are
    told apart by colour alone have the shapes that they have elsewhere.
    """

    colour: Mapping[Hashable, Any]
    dash: Mapping[Hashable, Any]
    marker: Mapping[Hashable, str]
    marked: bool = True
    shape: Mapping[Hashable, str] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: pd.DataFrame, palette: Mapping[str, str]) -> "Looks":
        """Give every value its look; models keep the colours that they have elsewhere."""
        hues, styles = ordered(rows["hue"]), ordered(rows["style"])
        dash = {value: _DASHES[i % len(_DASHES)] for i, value in enumerate(styles)}
        marker = {value: SHAPES[i % len(SHAPES)].shape for i, value in enumerate(styles)}
        longest = rows.groupby([*ROLES[1:], "line"]).size().max() if len(rows) else 0
        known = markers(list(palette))
        are_models = len(styles) < 2 and len(hues) > 1 and all(hue in palette for hue in hues)
        shape = {hue: known[hue].shape for hue in hues} if are_models else {}
        return cls(_colours(hues, palette), dash, marker, bool(longest <= _MOST_MARKED), shape)

    def marker_of(self, hue: Hashable, style: Hashable, kind: str) -> str:
        """Return the marker of a point: the model's own, else that of the style."""
        if kind == "lines" and not self.marked:
            return ""
        return self.shape.get(hue) or self.marker[style]

    def keys(self, plot: Plot) -> list[Line2D]:
        """Return the legend's entries, with a heading for each role where there are two.

        What has its name at the axis has no entry.
        """
        hues, styles = list(self.colour), list(self.dash)
        if plot.hue == plot.x and plot.kind != "lines":
            hues = hues[:1]
        if hues == styles:
            entries = [self._key(value, value, value, plot.kind) for value in hues]
            return entries if len(hues) > 1 else []
        by_hue = [self._key(v, v, None, plot.kind) for v in hues if len(hues) > 1]
        by_style = [self._key(v, None, v, plot.kind) for v in styles if len(styles) > 1]
        if by_hue and by_style:
            return [heading(plot.hue), *by_hue, heading(plot.style or "quantity"), *by_style]
        return [*by_hue, *by_style]

    def _key(self, label: Hashable, hue: Any, style: Any, kind: str) -> Line2D:
        only = next(iter(self.colour.values())) if len(self.colour) == 1 else MUTED
        colour = only if hue is None else self.colour[hue]
        dash = (self.dash[style] if style is not None else "-") if kind == "lines" else ""
        marker = "" if kind == "lines" else "s"
        if kind != "bars" and (style is not None or hue in self.shape):
            marker = self.marker_of(hue, style, kind)
        look: dict[str, Any] = {
            "linestyle": dash,
            "marker": marker,
            "markersize": 5.5,
            "linewidth": 1.8,
        }
        return Line2D([], [], color=colour, label=text(label), **look)


def heading(column: str) -> Line2D:
    """Return a legend entry that is a heading."""
    return Line2D([], [], color=INK, linestyle="", label=f"{words(column)}:")


def _colours(values: Sequence[Hashable], palette: Mapping[str, str]) -> dict[Hashable, Any]:
    """Give models their own colours, an ordered quantity a scale, and anything else a set."""
    if values and all(value in palette for value in values):
        return {value: palette[str(value)] for value in values}
    if len(values) > 2 and all(isinstance(value, int | float) for value in values):
        scale = sns.color_palette("viridis", as_cmap=True)
        return {v: scale(0.88 * i / (len(values) - 1)) for i, v in enumerate(values)}
    return dict(zip(values, colours([str(value) for value in values]).values(), strict=True))


def ordered(values: pd.Series) -> list[Any]:
    """Return the distinct values: numbers sorted, anything else in the order of the table."""
    distinct = values.drop_duplicates().tolist()
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in distinct)
    return sorted(distinct) if numeric else distinct


def words(column: str) -> str:
    """Return a column's name as it is read.

    Example:
        >>> words("train_elbo"), words("n_samples")
        ('train ELBO', 'n samples')
    """
    parts = column.split("_")
    return " ".join(p.upper() if p.upper() in _ACRONYMS else p for p in parts)


def text(value: Any) -> str:
    """Return a value as a legend or an axis shows it."""
    return numbers.plain(value) if isinstance(value, float) else str(value)
