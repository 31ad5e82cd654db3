"""The rank plot: one panel per number, each contestant's mean rank with its interval."""

from collections.abc import Sequence
from textwrap import fill
from typing import Any

import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from genbench.comparison.measure import Line
from genbench.comparison.tables import contestants
from genbench.reporting.figures.style import INK, colours, new_figure
from genbench.results.cells import words

_ACROSS, _WIDTH = 3, 34
_COLOURS = colours(["A", "B"])


def rank_plot(groups: Sequence[Sequence[Line]]) -> Figure:
    """Draw the ranks of each group of lines that may be ranked together."""
    across = min(_ACROSS, len(groups))
    sizes = [len(contestants(group)) for group in groups]
    heights = [1.3 + 0.3 * max(sizes[i : i + across]) for i in range(0, len(sizes), across)]
    figure = new_figure(0.6 + 3.6 * across, 0.7 + sum(heights))
    ratios = {"height_ratios": heights}
    axes = figure.subplots(len(heights), across, squeeze=False, gridspec_kw=ratios).ravel()
    for axis, group in zip(axes, groups, strict=False):
        _panel(axis, group)
    for axis in axes[len(groups) :]:
        axis.set_axis_off()
    keys = [Line2D([], [], color=_COLOURS[s], marker="o", ls="", label=s) for s in _COLOURS]
    figure.legend(handles=keys, loc="outside upper right", ncols=2)
    return figure


def _panel(axis: Any, group: Sequence[Line]) -> None:
    ranked = contestants(group)
    for place, entry in enumerate(ranked):
        colour = _COLOURS[entry.side]
        # the mean may lie outside: rare draws of another rank move it but not the percentiles
        axis.plot([entry.rank.low, entry.rank.high], [place, place], "|-", color=colour)
        axis.plot(entry.rank.value, place, "o", color=colour, markersize=6)
    first = group[0].match
    kind = words(first.cells[0].kind)
    below = ", ".join(part for part in (first.column.settings, kind) if part)
    axis.set_title(f"{first.column.metric}\n{fill(below, _WIDTH)}")
    axis.set_yticks(range(len(ranked)), [entry.name for entry in ranked], color=INK)
    axis.set(ylim=(len(ranked) - 0.5, -0.5), xlim=(0.7, len(ranked) + 0.3))
    axis.set_xticks(range(1, len(ranked) + 1))
    axis.set_xlabel("rank (1 is best)")
    axis.grid(visible=False, axis="y")
    sns.despine(ax=axis, left=True)
