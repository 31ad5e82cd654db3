"""Figures of numbers, and how a figure becomes a file and a part of the page."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from genbench.core.metric import Metric
from genbench.core.plot import Plot
from genbench.reporting.figures import grids, plots
from genbench.reporting.figures.drawers import Drawers
from genbench.reporting.figures.drawing import size_of
from genbench.reporting.figures.grids import Pixels
from genbench.reporting.figures.style import EmbeddedFigure, embedded
from genbench.reporting.figures.trade_off import draw_trade_off, trade_off
from genbench.reporting.figures.user_plots import draw
from genbench.reporting.tables.small_table import SmallTable
from genbench.results.cells import ProtocolBlock
from genbench.results.figure_inputs import FigureInputs
from genbench.results.records import StoredRun

FIRST_SEED = "Of each model the first training seed that finished is shown."
_VERTICAL = {"higher": "further up", "lower": "further down", "none": "up or down"}
"""Where the better samples are, by the direction of the metric."""


@dataclass(frozen=True)
class FigureGroup:
    """Figures and tables that are read together, with a caption that says how."""

    name: str
    title: str
    caption: str
    figures: tuple[EmbeddedFigure, ...]
    shape: str = "medium"
    tables: tuple[SmallTable, ...] = ()


class FigureMaker:
    """Draws and writes the figures of one report, and remembers the files' names."""

    def __init__(
        self, folder: Path, palette: dict[str, str], drawers: Drawers | None = None
    ) -> None:
        self.folder = folder
        self.palette = palette
        self.drawers = drawers or Drawers()
        self.names: list[str] = []

    def save(self, figure: Figure, name: str, alt: str, **words: str) -> EmbeddedFigure:
        """Write a finished figure under a name that is safe and not taken."""
        stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        taken = sum(known == stem or known.startswith(f"{stem}--") for known in self.names)
        stem = f"{stem}--{taken + 1}" if taken else stem
        self.names.append(stem)
        width, height = size_of(figure)
        png = self.drawers.draw(figure, self.folder / stem)
        return EmbeddedFigure(png, alt, width, height, **words)

    def bounds(self, blocks: Sequence[ProtocolBlock]) -> FigureGroup:
        """One panel per protocol."""
        figures = [
            self.save(
                plots.bounds(block, self.palette),
                f"bounds-{place}",
                alt=f"Dot plot of log-likelihood bounds per model, {block.protocol.short}; the"
                " numbers stand in the comparison table",
            )
            for place, block in enumerate((b for b in blocks if plots.bound_columns(b)), 1)
        ]
        caption = (
            "Further right is better. A triangle that points right is a lower bound: the true"
            " log-likelihood lies at it or to its right. A diamond is exact, a dot an estimate."
            " Bars are 95 % intervals from the standard error over the test set; where no bar is"
            " visible it is narrower than the marker. Numbers over fewer images are not drawn."
            " Panels have different protocols and must not be compared with each other."
        )
        return FigureGroup(
            "bounds", "Bounds on the log-likelihood", caption, tuple(figures), "large"
        )

    def grid_group(
        self, group: FigureGroup, by_title: Mapping[str, Pixels], alt: str
    ) -> FigureGroup:
        """Put grids on the page one by one, and into one figure file together."""
        if not by_title:
            return group
        small = group.shape == "small"
        pixels, inches, most = (460, 2.4, 1) if small else (920, 4.8, 2)
        shown = {t: grids.reduced(g, most * grids.MOST_NUMBERS) for t, g in by_title.items()}
        self.save(grids.side_by_side(shown, inches), group.name, group.title)
        figures = tuple(
            embedded(grids.grid_png(grid, pixels), f"{alt} {label}", title=label)
            for label, grid in shown.items()
        )
        lossy = any(grid.shape != by_title[title].shape for title, grid in shown.items())
        remark = " Large images are shown at a lower resolution." if lossy else ""
        return replace(group, caption=group.caption + remark, figures=figures)

    def curves(self, runs: Sequence[FigureInputs]) -> FigureGroup:
        """One panel per trained model."""
        figures = []
        for run in runs:
            if run.history is None:
                continue
            colour = self.palette[run.record.model]
            figure = plots.learning_curves(run.history, run.label, colour)
            if figure is not None:
                alt = f"Loss of {run.label} over {len(run.history)} epochs"
                figures.append(self.save(figure, f"learning-{run.label}", alt))
        caption = (
            "Mean loss of each epoch, as the optimiser saw it; dashed: on the validation images."
            " Each model minimises a loss of its own, so only the shape of a curve can be read,"
            " not its height against another model's. Models in closed form have no curve. For a"
            " GAN the two losses oppose each other and need not fall."
        )
        return FigureGroup("learning", "Learning curves", caption, tuple(figures))

    def points(self, metric: Metric, blocks: Sequence[ProtocolBlock]) -> FigureGroup:
        """One panel per protocol: a point per model with its 95 % interval, best first."""
        name = metric.name.replace("_", "-")
        figures = [
            self.save(
                plots.dots(block, index, self.palette),
                f"{name}-{place}",
                f"{metric.title} of each model, best first, {block.protocol.short}",
            )
            for place, block in enumerate(blocks, 1)
            if (index := block.column(metric.name)) is not None
            and any(row.cells[index].ok for row in block.rows)
        ]
        arrow = {"higher": "Higher is better.", "lower": "Lower is better."}.get(metric.better, "")
        caption = f"{metric.description} {arrow} Bars are 95 % intervals over the test set."
        return FigureGroup(name, metric.title, caption, tuple(figures), "large")

    def trade_off(self, blocks: Sequence[ProtocolBlock]) -> FigureGroup:
        """Likelihood against sample quality, one panel per protocol."""
        caption = (
            "One point per model: further right its log-likelihood is better, "
            "{direction} its samples are. A log-likelihood is exact or a lower bound and may be"
            " compared within a panel only; sample quality is measured on the images as they are"
            " shown, against the same training images, and has one scale for all panels. Bars are"
            " 95 % intervals; hollow: controls. A good likelihood needs no good samples, nor"
            " the other way round (Theis, van den Oord and Bethge 2016), and copies of training"
            " images have the best samples of all."
        )
        shown, figures = trade_off(blocks), []
        if shown:
            figure = draw_trade_off(shown, self.palette)
            alt = f"Log-likelihood of each model against its {shown.column.record.title}"
            figures.append(self.save(figure, "trade-off", alt))
            caption = caption.format(direction=_VERTICAL[shown.column.better])
        title = "Likelihood against sample quality"
        return FigureGroup("trade-off", title, caption, tuple(figures), "wide")

    def points_of(
        self, table: pd.DataFrame, metric: Metric, name: str, protocol: str
    ) -> EmbeddedFigure:
        """Draw ``value`` and ``error`` of each model over the parts of a metric."""
        plot = Plot(
            name="points", title=protocol, kind="points", table="points", x="part", y=("value",),
            hue="model", error="error", y_label=metric.unit,
        )  # fmt: skip
        figure = draw(plot, table, self.palette)
        return self.save(figure, name, f"{metric.title} of each model, {protocol}")

    def bars(
        self, metric: Metric, frame: pd.DataFrame, inputs: Sequence[FigureInputs]
    ) -> FigureGroup:
        """One panel per model with a value per part, largest first, all with the same height."""
        values = {run.label: part_values(metric, frame, run.record) for run in inputs}
        label = f"{metric.title} ({metric.unit})" if metric.unit else metric.title
        top = max((max(known) for known in values.values() if known), default=0.0)
        figures = [
            self.save(
                plots.part_bars(known, run.label, self.palette[run.record.model], top, label),
                f"{metric.name}-{run.label}",
                alt=f"{metric.title} of {run.label}: {len(known)} values, largest first",
            )
            for run in inputs
            if (known := values[run.label])
        ]
        caption = metric.parts.caption if metric.parts else ""
        return FigureGroup(metric.name.replace("_", "-"), metric.title, caption, tuple(figures))


def part_values(metric: Metric, frame: pd.DataFrame, run: StoredRun) -> list[float]:
    """The value of each part of a metric of one run; empty where it has none."""
    rows = frame[(frame["train_id"] == run.train_id) & (frame["model"] == run.model)]
    rows = rows[(rows["status"] == "ok") & rows["metric"].str.startswith(f"{metric.name}[")]
    if (rows["split"] == "test").any():
        rows = rows[rows["split"] == "test"]
    by_name = rows.drop_duplicates("metric").set_index("metric")["value"]
    return [float(value) for value in by_name]
