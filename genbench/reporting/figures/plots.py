"""The figures with axes: bounds, learning curves, KL per dimension, latent codes, traversals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from genbench.core.statistics import NORMAL_REACH
from genbench.reporting.figures.grids import draw_grid, padded, tiled
from genbench.reporting.figures.lettering import name_rows
from genbench.reporting.figures.panels import head, make_room_at_left, new_framed, new_panel
from genbench.reporting.figures.style import INK, LABEL_COLOURS, MUTED, markers, new_figure
from genbench.results.cells import Cell, Column, ModelRow, ProtocolBlock
from genbench.results.headline import best_first
from genbench.results.sealed_folder import Arrays

_MARKERS = {"lower_bound": ">", "upper_bound": "<", "exact": "D", "estimate": "o"}
_MOST_POINTS = 1500
_MOST_LABELS = 20
_PANEL = (3.7, 2.5)
_TILE = 0.36
ROUND = (1, 2, 2.5, 5, 10)
"""Steps between ticks, up to a power of ten."""
_LETTER = (0.022, 0.075)
"""Half the width and the height of a label's letter, in units of the axis."""


def bound_columns(block: ProtocolBlock) -> list[int]:
    """Positions of the columns about log p(x) with a number over all of the block's data."""
    positions = range(len(block.columns))
    of_bounds = [i for i in positions if block.columns[i].record.plot == "bounds"]
    return [i for i in of_bounds if any(drawn(block, row.cells[i]) for row in block.rows)]


def drawn(block: ProtocolBlock, cell: Cell) -> bool:
    """Whether a number may share an axis with the others: it is over the same data."""
    return cell.ok and cell.n == block.n


def bounds(block: ProtocolBlock, palette: dict[str, str]) -> Figure:
    """Dot plot of one protocol: a row per model, a marker per bound, 95 % error bars."""
    figure = new_figure(4.8, 1.55 + 0.44 * len(_rows_of_bounds(block)))
    draw_bounds(figure.subplots(), block, palette)
    head(figure, block.protocol.short)
    figure.legend(handles=bound_keys([block]), loc="outside lower left")
    return figure


def _rows_of_bounds(block: ProtocolBlock) -> list[ModelRow]:
    """The models with a bound, best first."""
    columns = bound_columns(block)
    return [row for row in best_first(block) if any(drawn(block, row.cells[i]) for i in columns)]


def dots(block: ProtocolBlock, index: int, palette: Mapping[str, str]) -> Figure:
    """One number of each model of a block, the best at the top, with 95 % error bars."""
    column, marker = block.columns[index], markers(list(palette))
    rows = [row for row in block.rows if row.cells[index].ok]
    sign = -1 if column.record.better == "higher" else 1
    rows.sort(key=lambda row: sign * row.cells[index].value if column.record.better else 0.0)
    figure = new_figure(4.8, 1.0 + 0.34 * len(rows))
    axis = figure.subplots()
    for place, row in enumerate(rows):
        shape = marker[row.model].shape
        _point(axis, row.cells[index], place, palette[row.model], False, shape)
    unit = f" ({column.unit})" if column.unit else ""
    axis.set_xlabel(f"{column.record.title}{unit}")
    _dress_rows(axis, rows, lines=2)
    head(figure, block.protocol.short)
    return figure


def _dress_rows(axis: Any, rows: Sequence[ModelRow], lines: int) -> None:
    """Name the rows of an axis, from the top."""
    name_rows(axis, [row.label for row in rows], lines=lines)
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.xaxis.set_major_locator(MaxNLocator(6, steps=ROUND))
    axis.grid(visible=False, axis="y")
    axis.margins(x=0.08)
    sns.despine(ax=axis, left=True)


def draw_bounds(axis: Any, block: ProtocolBlock, palette: dict[str, str], lines: int = 2) -> None:
    """Draw one protocol's bounds into an axis, without a legend; names have so many lines."""
    columns, rows = bound_columns(block), _rows_of_bounds(block)
    for place, row in enumerate(rows):
        cells = [(i, row.cells[i]) for i in columns if drawn(block, row.cells[i])]
        offsets = np.linspace(-0.18, 0.18, len(cells)) if len(cells) > 1 else [0.0]
        for offset, (i, cell) in zip(offsets, cells, strict=True):
            look = (
                palette[row.model],
                block.columns[i].record.hollow,
                _MARKERS.get(cell.kind, "o"),
            )
            _point(axis, cell, place + float(offset), *look)
    axis.set_xlabel(f"log-likelihood of a test image ({block.columns[columns[0]].unit})")
    _dress_rows(axis, rows, lines)


def _point(axis: Any, cell: Cell, y: float, colour: str, hollow: bool, marker: str) -> None:
    error = NORMAL_REACH * cell.stderr if np.isfinite(cell.stderr) else 0.0
    axis.errorbar(
        cell.value,
        y,
        xerr=error,
        fmt=marker,
        color=colour,
        markerfacecolor="white" if hollow else colour,
        markersize=6.5,
        capsize=2.5,
        linewidth=1.2,
    )


def bound_keys(blocks: Sequence[ProtocolBlock]) -> list[Line2D]:
    """Legend entries of the blocks' markers, each once."""
    columns = [block.columns[i] for block in blocks for i in bound_columns(block)]
    unique = {(c.metric, c.settings, c.kind): c for c in columns}
    return [_key(column) for column in unique.values()]


def _key(column: Column) -> Line2D:
    settings = f" ({column.settings})" if column.settings else ""
    words = f"{column.metric}{settings}: {column.kind.replace('_', ' ')}"
    face = "white" if column.record.hollow else MUTED
    marker = _MARKERS.get(column.kind, "o")
    return Line2D([], [], color=MUTED, marker=marker, markerfacecolor=face, ls="", label=words)


def learning_curves(history: pd.DataFrame, title: str, colour: str) -> Figure | None:
    """Loss over epochs, one line per update; validation dashed and darker."""
    names = [name for name in history.columns if name.endswith(".loss")]
    if not names:
        return None
    figure, axis = new_panel(*_PANEL, title)
    updates = list(dict.fromkeys(name.split(".")[1] for name in names))
    for name in names:
        stage, update = name.split(".")[:2]
        shade = colour if updates.index(update) == 0 else MUTED
        label = f"{update}, {stage}" if len(updates) > 1 else stage
        _curve(axis, history["epoch"], history[name], label, shade)
    axis.set(xlabel="epoch", ylabel="loss (its own scale)")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True, steps=ROUND))
    sns.despine(ax=axis)
    axis.legend(handlelength=2.2)
    make_room_at_left(figure, axis)
    return figure


def _curve(axis: Any, x: pd.Series, y: pd.Series, label: str, colour: str) -> None:
    values = pd.to_numeric(y, errors="coerce")
    known = np.isfinite(values)
    validation = label.endswith("validation")
    style = {"linestyle": "--" if validation else "-", "color": INK if validation else colour}
    marker = "o" if known.sum() == 1 else ""
    axis.plot(x[known], values[known], label=label, linewidth=1.6, marker=marker, **style)


def part_bars(values: Sequence[float], title: str, colour: str, top: float, label: str) -> Figure:
    """The value of each part, largest first; ``top`` is shared by all models."""
    figure, axis = new_panel(*_PANEL, title)
    ranks = np.arange(1, len(values) + 1)
    axis.bar(ranks, sorted(values, reverse=True), color=colour, width=0.82, linewidth=0)
    axis.set(ylim=(0, top * 1.05 or 1.0), xlabel="dimension, by rank", ylabel=label)
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.grid(visible=False, axis="x")
    sns.despine(ax=axis)
    make_room_at_left(figure, axis)
    return figure


def latent_scatter(arrays: Arrays, title: str) -> Figure:
    """Posterior means in two latent dimensions, coloured by label where there are labels."""
    means, labels = arrays["latent_means"][:_MOST_POINTS], arrays["latent_labels"][:_MOST_POINTS]
    labelled = is_labelled(arrays) and not is_crowded(arrays)
    figure, axis = new_panel(4.1, 3.5, title, right=0.7 if labelled else 0.12)
    for place, label in enumerate(np.unique(labels)):
        points = means[labels == label]
        colour = LABEL_COLOURS[place % len(LABEL_COLOURS)]
        face = {"color": [colour], "linewidths": 0, "alpha": 0.75, "rasterized": True}
        axis.scatter(points[:, 0], points[:, 1], s=7, label=str(label), **face)
    if labelled:
        _write_labels(axis, means, labels)
    first, second = (int(d) for d in arrays.get("latent_dims", np.arange(2)))
    axis.set(xlabel=f"latent dimension {first}", ylabel=f"latent dimension {second}")
    axis.xaxis.set_major_locator(MaxNLocator(4, steps=ROUND))
    sns.despine(ax=axis)
    make_room_at_left(figure, axis)
    if labelled:
        axis.legend(title="label", loc="center left", bbox_to_anchor=(1, 0.5), markerscale=2.2)
    return figure


def is_labelled(arrays: Arrays) -> bool:
    """Whether the data of the latent codes have labels that differ."""
    return len(np.unique(arrays["latent_labels"])) > 1


def is_crowded(arrays: Arrays) -> bool:
    """Whether the labels are too many to be told apart."""
    return len(np.unique(arrays["latent_labels"])) > _MOST_LABELS


def _write_labels(axis: Any, means: NDArray[Any], labels: NDArray[Any]) -> None:
    """Write each label at the median of its points; those that would overlap, side by side."""
    low, span = means.min(axis=0), np.ptp(means, axis=0) + 1e-12
    groups: list[tuple[list[Any], NDArray[Any]]] = []
    for label in np.unique(labels):
        names, at = [label], (np.median(means[labels == label], axis=0) - low) / span
        while near := next((g for g in groups if _meet(names, at, *g)), None):
            groups.remove(near)
            at = near[1] if len(near[0]) >= len(names) else at
            names = sorted([*near[0], *names])
        groups.append((names, at))
    halo = [withStroke(linewidth=3, foreground="white")]
    look = {"va": "center", "fontsize": 11, "fontweight": "bold", "path_effects": halo}
    for names, at in groups:
        x, y = low + at * span
        axis.text(float(x), float(y), _joined(names), color=INK, ha=_side(names, at), **look)


def _joined(names: Sequence[Any]) -> str:
    return " ".join(map(str, names))


def _side(names: Sequence[Any], at: NDArray[Any]) -> str:
    """On which side of their words several labels have their place, so that they stay inside."""
    side = "left" if at[0] < 0.2 else "right" if at[0] > 0.8 else "center"
    return side if len(names) > 1 else "center"


def _meet(names: list[Any], at: NDArray[Any], others: list[Any], place: NDArray[Any]) -> bool:
    """Whether the words of two places would overlap."""
    centres, halves = [], []
    for labels, where in ((names, at), (others, place)):
        half = _LETTER[0] * len(_joined(labels))
        centres.append(where[0] + {"left": half, "right": -half}.get(_side(labels, where), 0.0))
        halves.append(half)
    return bool(abs(np.diff(centres)[0]) < sum(halves) and abs(at - place)[1] < _LETTER[1])


def shown_points(arrays: Arrays) -> tuple[int, int]:
    """How many latent codes the scatter shows, and of how many."""
    n = len(arrays["latent_means"])
    return min(n, _MOST_POINTS), n


def traversals(arrays: Arrays, title: str) -> Figure:
    """One row of images per latent dimension, with its number and its KL at the left."""
    images, values = padded(arrays["traversals"]), arrays["traversal_values"]
    (n, columns), (height, width) = images.shape[:2], images.shape[-2:]
    inches = _TILE * columns, _TILE * n * height / width
    figure, axis = new_framed(*inches, title, left=1.35, bottom=0.52)
    draw_grid(axis, tiled(images.reshape(-1, *images.shape[2:]), columns), "")
    axis.set_axis_on()
    axis.grid(visible=False)
    ends = (0, columns // 2, columns - 1)
    axis.set_xticks([(width + 1) * (i + 0.5) for i in ends], [_plain(values[i]) for i in ends])
    axis.set_yticks([(height + 1) * (i + 0.5) for i in range(n)], _dimensions(arrays))
    axis.set_xlabel("value of the dimension (standard deviations of the prior)")
    axis.tick_params(length=0, labelsize=11)
    sns.despine(ax=axis, left=True, bottom=True)
    return figure


def _plain(value: float) -> str:
    return f"{round(float(value), 1) + 0.0:g}".replace("-", "\N{MINUS SIGN}")


def _dimensions(arrays: Arrays) -> list[str]:
    names = [f"z{int(d)}" for d in arrays["traversal_dims"]]
    if "traversal_kl" not in arrays:
        return names
    pairs = zip(names, arrays["traversal_kl"], strict=True)
    return [f"{name}   {kl:.2f} nats" for name, kl in pairs]
