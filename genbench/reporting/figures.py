"""The figures of numbers, how a figure becomes a file and a part of the page, and of which run.

May import this package's readers, tables, plots and grids.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from genbench.core.protocol import Protocol
from genbench.reporting import grids, plots
from genbench.reporting.cells import Block
from genbench.reporting.grids import Pixels
from genbench.reporting.sheets import Sheet
from genbench.reporting.stored import Arrays, RunFolder, RunRecord
from genbench.reporting.style import Picture, embedded, save


@dataclass(frozen=True)
class Gallery:
    """Pictures and tables that are read together, with a caption that says how."""

    name: str
    title: str
    caption: str
    pictures: tuple[Picture, ...]
    shape: str = "medium"
    sheets: tuple[Sheet, ...] = ()


@dataclass(frozen=True)
class ShownRun:
    """The run that stands for a model in the figures: the first seed that finished."""

    label: str
    record: RunRecord
    history: pd.DataFrame | None
    arrays: Arrays


def shown_runs(suite_folder: Path, runs: Sequence[RunRecord]) -> list[ShownRun]:
    """Read the figures' data of one run per model and protocol, digests checked."""
    first: dict[tuple[str, str], RunRecord] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        if (suite_folder / "runs" / run.train_id / "manifest.json").is_file():
            first.setdefault((run.model, run.protocol), run)
    names = [model for model, _ in first]
    wanted = dict.fromkeys((run.model, run.protocol) for run in runs)
    return [_read(suite_folder, first[key], names) for key in wanted if key in first]


def _read(suite_folder: Path, run: RunRecord, names: Sequence[str]) -> ShownRun:
    folder = RunFolder(suite_folder / "runs" / run.train_id)
    unique = names.count(run.model) == 1
    label = run.model if unique else f"{run.model} · {Protocol.parse(run.protocol).short}"
    return ShownRun(label, run, folder.history(), folder.arrays())


class FigureMaker:
    """Draws and writes the figures of one report, and remembers the files' names."""

    def __init__(self, folder: Path, palette: dict[str, str]) -> None:
        self.folder = folder
        self.palette = palette
        self.names: list[str] = []

    def save(self, figure: Figure, name: str, alt: str, **words: str) -> Picture:
        """Write a figure under a name that is safe and not taken."""
        stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        taken = sum(known == stem or known.startswith(f"{stem}--") for known in self.names)
        stem = f"{stem}--{taken + 1}" if taken else stem
        self.names.append(stem)
        return save(figure, self.folder, stem, alt, **words)

    def bounds(self, blocks: Sequence[Block]) -> Gallery:
        """One panel per protocol."""
        pictures = [
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
        return Gallery("bounds", "Bounds on the log-likelihood", caption, tuple(pictures), "large")

    def grid_gallery(self, gallery: Gallery, found: Mapping[str, Pixels], alt: str) -> Gallery:
        """Put grids on the page one by one, and into one figure file together."""
        if not found:
            return gallery
        pixels, inches = (460, 2.4) if gallery.shape == "small" else (920, 4.8)
        self.save(grids.gallery(found, inches), gallery.name, gallery.title)
        pictures = tuple(
            embedded(grids.grid_png(grid, pixels), f"{alt} {label}", title=label)
            for label, grid in found.items()
        )
        return replace(gallery, pictures=pictures)

    def curves(self, runs: Sequence[ShownRun]) -> Gallery:
        """One panel per trained model."""
        pictures = []
        for run in runs:
            if run.history is None:
                continue
            colour = self.palette[run.record.model]
            figure = plots.learning_curves(run.history, run.label, colour)
            if figure is not None:
                alt = f"Loss of {run.label} over {len(run.history)} epochs"
                pictures.append(self.save(figure, f"learning-{run.label}", alt))
        caption = (
            "Mean loss of each epoch, as the optimiser saw it; dashed: on the validation images."
            " Each model minimises a loss of its own, so only the shape of a curve can be read,"
            " not its height against another model's. Models in closed form have no curve. For a"
            " GAN the two losses oppose each other and need not fall."
        )
        return Gallery("learning", "Learning curves", caption, tuple(pictures))

    def kl_bars(self, frame: pd.DataFrame, runs: Sequence[ShownRun]) -> Gallery:
        """One panel per model with a posterior, all with the same height."""
        values = {run.label: kl_per_dimension(frame, run.record) for run in runs}
        top = max((max(found) for found in values.values() if found), default=0.0)
        pictures = [
            self.save(
                plots.kl_bars(found, run.label, self.palette[run.record.model], top),
                f"kl-{run.label}",
                alt=f"KL of the {len(found)} latent dimensions of {run.label}, largest first",
            )
            for run in runs
            if (found := values[run.label])
        ]
        caption = (
            "How many nats of information about an image each latent dimension carries on average,"
            " largest first: KL(q(z|x) ‖ p(z)) per dimension. A bar near zero is a dimension that"
            " the model leaves unused. All panels share one scale; one seed per model is shown."
        )
        return Gallery("kl", "KL per latent dimension", caption, tuple(pictures))


def kl_per_dimension(frame: pd.DataFrame, run: RunRecord) -> list[float]:
    """KL of each latent dimension of one run, in nats; empty where it has none."""
    rows = frame[(frame["train_id"] == run.train_id) & (frame["model"] == run.model)]
    rows = rows[rows["status"] == "ok"]
    rows = rows[rows["metric"].str.fullmatch(r"kl_per_dim\[\d+\]")]
    if (rows["split"] == "test").any():
        rows = rows[rows["split"] == "test"]
    by_name = rows.drop_duplicates("metric").set_index("metric")["value"]
    return [float(value) for value in by_name]
