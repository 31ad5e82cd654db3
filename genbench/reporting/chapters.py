"""The report's chapters beside the comparison: differences, estimators, rate and latent code.

May import this package's readers, tables, sheets and figures.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from genbench.reporting import partplots
from genbench.reporting.cells import Block
from genbench.reporting.datumwise import PerDatum
from genbench.reporting.differences import health_sheets, paired_sheets
from genbench.reporting.figures import FigureMaker, Gallery
from genbench.reporting.parts import Family, beside_curve, curve_sheet, family, part_sheet
from genbench.reporting.parts import rate_sheets as rates
from genbench.reporting.ranks import Ranks, rank_sheet, ranks, verdict
from genbench.reporting.sheets import Sheet
from genbench.reporting.style import styled


@dataclass(frozen=True)
class Chapter:
    """Tables and figures that answer one question, and the sentence that opens them."""

    name: str
    title: str
    galleries: tuple[Gallery, ...]
    lead: str = ""


def sheets_of(chapters: Iterable[Chapter]) -> list[Sheet]:
    """All tables of the chapters, in order."""
    return [sheet for c in chapters for gallery in c.galleries for sheet in gallery.sheets]


def chapters(
    rows: pd.DataFrame, blocks: Sequence[Block], values: PerDatum, maker: FigureMaker
) -> list[Chapter]:
    """Draw and collect what the results hold; chapters without content are left out.

    Args:
        rows: What :func:`genbench.reporting.tables.arranged` returns.
        blocks: The comparison, one block per protocol.
        values: Per-datum values of the runs.
        maker: Writes the figures.
    """
    with styled():
        made = [
            Chapter("differences", "Differences between models", (_paired(blocks, values),)),
            Chapter(
                "estimators",
                "How far the likelihoods can be trusted",
                (
                    _health(blocks),
                    _curves(rows, blocks, maker),
                    _ranks(blocks, values, maker),
                    _gaps(rows, blocks, maker),
                ),
            ),
            Chapter(
                "code",
                "Rate, distortion and the latent code",
                (_rates(blocks), _decomposition(rows, blocks, maker), _sweep(rows, blocks, maker)),
            ),
        ]
    kept = [
        Chapter(c.name, c.title, tuple(g for g in c.galleries if g.pictures or g.sheets))
        for c in made
    ]
    return [chapter for chapter in kept if chapter.galleries]


def _families(rows: pd.DataFrame, blocks: Sequence[Block], metric: str) -> list[Family]:
    found = (family(rows, block, metric) for block in blocks)
    return [entry for entry in found if entry is not None]


def _paired(blocks: Sequence[Block], values: PerDatum) -> Gallery:
    caption = (
        "All models are evaluated on the same images, so that two of them are compared image by"
        " image: what makes an image hard for both cancels. Each table holds the mean of row minus"
        " column, after each model's values were averaged over seeds. Only numbers of equal kind,"
        " options and n are compared, and ties are called ties."
    )
    sheets = tuple(paired_sheets(blocks, values))
    return Gallery("paired", "Paired comparison", caption, (), sheets=sheets)


def _health(blocks: Sequence[Block]) -> Gallery:
    caption = (
        "An importance estimate is as good as its weights are even. These diagnostics say where"
        " few draws decide the number."
    )
    sheets = tuple(health_sheets(blocks))
    return Gallery("health", "Estimator health", caption, (), sheets=sheets)


def _curves(rows: pd.DataFrame, blocks: Sequence[Block], maker: FigureMaker) -> Gallery:
    found = _families(rows, blocks, "iw_curve")
    pictures = []
    for entry in found:
        for row, cells in entry.lines:
            limit = beside_curve(entry, row, "iw_extrapolated")
            exact = beside_curve(entry, row, "log_likelihood")
            figure = partplots.curve(cells, limit, exact, row.label, maker.palette[row.model])
            alt = f"Bound of {row.label} against K; the numbers stand in the table below"
            pictures.append(maker.save(figure, f"curve-{row.label}", alt))
    caption = (
        "The importance-weighted bound tightens as K grows. A curve that still climbs at the right"
        " edge says that the bound there is loose. Dashed: its extrapolation in 1/K, an estimate"
        " and no bound; dotted: the exact log p(x), where the model knows it. Bars are Monte-Carlo"
        " standard errors. Scales differ between panels."
    )
    sheets = tuple(curve_sheet(entry, f"curve-{i}") for i, entry in enumerate(found, 1))
    return Gallery("curves", "The bound against K", caption, tuple(pictures), "medium", sheets)


def _ranks(blocks: Sequence[Block], values: PerDatum, maker: FigureMaker) -> Gallery:
    made = [found for block in blocks if (found := ranks(block, values)) is not None]
    pictures = [
        maker.save(
            partplots.rank_chart(found, maker.palette),
            f"ranks-{i}",
            f"Numbers and ranks of the models by estimator, {found.block.protocol.short}",
            title=found.block.protocol.short,
            note=_images(found),
        )
        for i, found in enumerate(made, 1)
    ]
    caption = (
        "The same models by several estimators, each panel with a scale of its own; bars are 95 %"
        " intervals over images. Ranks are by value, among numbers of equal kind. AIS and"
        " importance weighting estimate one quantity, log p(x) of the model. A Parzen window (‡,"
        " shaded) does not: it measures samples, its order is not that of the models' likelihoods,"
        " and its numbers must not be compared with those beside it."
    )
    sheets = tuple(rank_sheet(found, f"ranks-{i}") for i, found in enumerate(made, 1))
    title = "Estimators side by side"
    return Gallery("ranks", title, caption, tuple(pictures), "wide", sheets)


def _images(found: Ranks) -> str:
    return f"All numbers over the same {found.n:,} images. {verdict(found)}".strip()


def _gaps(rows: pd.DataFrame, blocks: Sequence[Block], maker: FigureMaker) -> Gallery:
    found = _families(rows, blocks, "inference_gap")
    names = {
        "approximation": "approximation (the family is too narrow)",
        "amortisation": "amortisation (the encoder misses its best)",
    }
    caption = (
        "How far the ELBO lies below the log-likelihood, and why: the best posterior of the family"
        " for each image still misses p(z|x) (approximation), and the encoder misses that best one"
        " (amortisation). In nats; both are at least 0 up to noise."
    )
    return _bars("gap", "Inference gap", caption, found, names, maker)


def _rates(blocks: Sequence[Block]) -> Gallery:
    caption = (
        "The ELBO as the price of a code: the rate is spent on the code, the distortion on the"
        " image given the code. Models with equal ELBO may trade one for the other."
    )
    return Gallery("rates", "Rate and distortion", caption, (), sheets=tuple(rates(blocks)))


def _decomposition(rows: pd.DataFrame, blocks: Sequence[Block], maker: FigureMaker) -> Gallery:
    found = _families(rows, blocks, "kl_decomposition")
    names = {"index_code_mi": "index-code mutual information"}
    caption = (
        "The rate, averaged over images, in three parts: mutual information between image and code;"
        " total correlation, by which the aggregate posterior's dimensions depend on each other;"
        " and the KL of each dimension's aggregate posterior to its prior. They add up to kl."
    )
    return _bars("decomposition", "What the rate consists of", caption, found, names, maker)


def _bars(
    name: str,
    title: str,
    caption: str,
    found: Sequence[Family],
    names: dict[str, str],
    maker: FigureMaker,
) -> Gallery:
    pictures = [
        maker.save(
            partplots.stacked(entry, names, entry.column.unit or "nats"),
            f"{name}-{i}",
            f"Stacked bars, {title.lower()}, {entry.block.protocol.short}",
        )
        for i, entry in enumerate(found, 1)
    ]
    below = "In nats, ± standard error over images."
    sheets = [part_sheet(entry, f"{name}-{i}", title, below) for i, entry in enumerate(found, 1)]
    return Gallery(name, title, caption, tuple(pictures), "large", tuple(sheets))


def _sweep(rows: pd.DataFrame, blocks: Sequence[Block], maker: FigureMaker) -> Gallery:
    found = _families(rows, blocks, "active_units_sweep")
    pictures = [
        maker.save(
            partplots.sweep(entry, maker.palette),
            f"sweep-{i}",
            f"Active units over the threshold, {entry.block.protocol.short}",
        )
        for i, entry in enumerate(found, 1)
    ]
    title = "Active units by threshold"
    caption = (
        "A latent dimension counts as active where the variance of its posterior mean over images"
        " exceeds a threshold, by custom 0.01. A flat line says that the count does not hang on it."
    )
    sheets = [
        part_sheet(entry, f"sweep-{i}", title, "Number of active dimensions.", "> {}".format)
        for i, entry in enumerate(found, 1)
    ]
    return Gallery("sweep", title, caption, tuple(pictures), "large", tuple(sheets))
