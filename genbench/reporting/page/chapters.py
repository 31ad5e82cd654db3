"""The folded sections of the report: each holds the figures and tables of one question."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from genbench.core import numbers
from genbench.core.metric import Metric
from genbench.reporting.figures import multi_part_plots
from genbench.reporting.figures.maker import FIRST_SEED, FigureGroup, FigureMaker
from genbench.reporting.figures.style import EmbeddedFigure, styled
from genbench.reporting.page.charts import Chart, likelihood_charts, training_charts
from genbench.reporting.tables.budgets import budget_tables
from genbench.reporting.tables.differences import health_tables, paired_tables
from genbench.reporting.tables.multi_part_metrics import (
    MultiPartMetric,
    beside_cell,
    multi_part_metric,
    part_table,
    rate_tables,
)
from genbench.reporting.tables.ranks import Ranks, rank_table, ranks, verdict
from genbench.reporting.tables.sample_tests import sample_test_tables
from genbench.reporting.tables.small_table import SmallTable
from genbench.results.budgets import budgets_of
from genbench.results.cells import ProtocolBlock
from genbench.results.suite import StoredSuite

_TITLES = {
    "samples": "Samples and reconstructions",
    "likelihood": "How far the likelihoods can be trusted",
    "quality": "Sample quality",
    "code": "Rate, distortion and the latent code",
    "budgets": "Budgets and selection",
    "training": "Training",
    "differences": "Differences between models",
}


@dataclass(frozen=True)
class Chapter:
    """Tables and figures that answer one question, folded below a line that says what is inside.

    Attributes:
        name: Anchor on the page.
        title: Of the section.
        groups: What it shows.
        lead: The sentence that opens it.
        about: What is inside, where it is not just the titles of its groups.
        unfolded: Whether it stands open, because it is what its reader came for.
        charts: Interactive ones, above the figures.
    """

    name: str
    title: str
    groups: tuple[FigureGroup, ...]
    lead: str = ""
    about: str = ""
    unfolded: bool = False
    charts: tuple[Chart, ...] = ()

    @property
    def inside(self) -> str:
        """What is inside, in a few words."""
        return self.about or ", ".join(_in_a_sentence(group.title) for group in self.groups)


def _in_a_sentence(title: str) -> str:
    """A title as it stands within a line: ``Estimator health`` loses its capital, ``AIS`` none."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


def tables_of(chapters: Iterable[Chapter]) -> list[SmallTable]:
    """All tables of the chapters, in order."""
    return [table for c in chapters for group in c.groups for table in group.tables]


def chapters(
    suite: StoredSuite, maker: FigureMaker, figures: Mapping[str, Sequence[FigureGroup]]
) -> list[Chapter]:
    """Draw and collect what the results hold; chapters without content are left out.

    Args:
        suite: The results.
        maker: Draws the figures of numbers.
        figures: Those of models, by the name of their chapter.
    """
    in_parts = [metric for metric in suite.metrics.values() if metric.parts]
    in_parts.sort(key=lambda metric: metric.plot != "curve")
    with styled():
        shown = {metric.name: _multi_part(suite, metric, maker) for metric in in_parts}
        ranked = _ranks(suite, maker)
    about_code = [shown[m.name] for m in in_parts if m.role == "diagnostic"]
    about_bounds = [shown[m.name] for m in in_parts if m.role != "diagnostic"]
    health, rates = _health(suite.blocks), _rates(suite.blocks)
    groups = {
        "samples": figures["samples"],
        "likelihood": (*figures["likelihood"], *about_bounds, health, ranked),
        "quality": (*figures["quality"], _sample_tests(suite.blocks)),
        "code": (rates, *about_code, *figures["code"]),
        "budgets": (_budgets(suite),),
        "training": figures["training"],
        "differences": (_paired(suite),),
    }
    charts = {"likelihood": likelihood_charts(suite), "training": training_charts(suite)}
    kept = ((n, tuple(g for g in drawn if g.figures or g.tables)) for n, drawn in groups.items())
    return [
        Chapter(name, _TITLES[name], drawn, _lead(name, suite), charts=tuple(charts.get(name, ())))
        for name, drawn in kept
        if drawn
    ]


def _lead(name: str, suite: StoredSuite) -> str:
    """Of which seed the pictures and curves are, where there are several."""
    several = any(block.n_seeds > 1 for block in suite.blocks)
    return FIRST_SEED if several and name in ("samples", "training") else ""


def _budgets(suite: StoredSuite) -> FigureGroup:
    caption = (
        "A comparison is as fair as what its models were given: the steps and images of training,"
        " the effort spent on their settings, and the weights that were kept."
    )
    tables = tuple(budget_tables(budgets_of(suite)))
    return FigureGroup("budgets", "What each model was given", caption, (), tables=tables)


def _paired(suite: StoredSuite) -> FigureGroup:
    caption = (
        "All models are evaluated on the same images, so that two of them are compared image by"
        " image: what makes an image hard for both cancels. Each table holds the mean of row minus"
        " column, after each model's values were averaged over seeds. Only numbers of equal kind,"
        " options and n are compared, and ties are called ties."
    )
    tables = tuple(paired_tables(suite.blocks, suite.per_datum))
    return FigureGroup("paired", "Paired comparison", caption, (), tables=tables)


def _health(blocks: Sequence[ProtocolBlock]) -> FigureGroup:
    caption = (
        "An importance estimate is as good as its weights are even. These diagnostics say where"
        " few draws decide the number."
    )
    tables = tuple(health_tables(blocks))
    return FigureGroup("health", "Estimator health", caption, (), tables=tables)


def _sample_tests(blocks: Sequence[ProtocolBlock]) -> FigureGroup:
    caption = (
        "A number of samples means little without the one that a perfect model would have. A test"
        " says how likely the number is for such a model."
    )
    tables = tuple(sample_test_tables(blocks))
    return FigureGroup("sample-tests", "Tests of samples", caption, (), tables=tables)


def _rates(blocks: Sequence[ProtocolBlock]) -> FigureGroup:
    caption = (
        "The ELBO as the price of a code: the rate is spent on the code, the distortion on the"
        " image given the code. Models with equal ELBO may trade one for the other."
    )
    tables = tuple(rate_tables(blocks))
    return FigureGroup("rates", "Rate and distortion", caption, (), tables=tables)


def _ranks(suite: StoredSuite, maker: FigureMaker) -> FigureGroup:
    ranked = [r for block in suite.blocks if (r := ranks(block, suite.per_datum)) is not None]
    figures = [
        maker.save(
            multi_part_plots.rank_chart(entry, maker.palette),
            f"ranks-{i}",
            f"Numbers and ranks of the models by estimator, {entry.block.protocol.short}",
            title=entry.block.protocol.short,
            note=_images(entry),
        )
        for i, entry in enumerate(ranked, 1)
    ]
    caption = (
        "The same models by several estimators, each panel with a scale of its own; bars are 95 %"
        " intervals over images. Ranks are among numbers of equal kind; models that no test tells"
        " apart share a range of them. AIS and importance weighting estimate one quantity, log p(x)"
        " of the model. A Parzen window (‡, shaded) does not: it measures samples, its order is not"
        " that of the models' likelihoods, and its numbers must not be compared with those beside"
        " it."
    )
    tables = tuple(rank_table(entry, f"ranks-{i}") for i, entry in enumerate(ranked, 1))
    title = "Estimators side by side"
    return FigureGroup("ranks", title, caption, tuple(figures), "wide", tables)


def _images(ranked: Ranks) -> str:
    return (
        f"All numbers over the same {numbers.grouped(ranked.n)} images. {verdict(ranked)}".strip()
    )


def _multi_part(suite: StoredSuite, metric: Metric, maker: FigureMaker) -> FigureGroup:
    """Draw a metric of several parts as its record says, and put its numbers below.

    A ``bars`` metric is left to the figures of models, which show one seed of each.
    """
    per_block = (multi_part_metric(suite.rows, block, metric) for block in suite.blocks)
    shown = [entry for entry in per_block if entry is not None and metric.plot != "bars"]
    name = metric.name.replace("_", "-")
    figures: list[EmbeddedFigure] = []
    for i, entry in enumerate(shown, 1):
        plot = _PLOTS.get(metric.plot if entry.is_numbered else "points")
        figures += plot(entry, f"{name}-{i}", maker) if plot and metric.plot != "none" else ()
    tables = tuple(part_table(entry, f"{name}-{i}") for i, entry in enumerate(shown, 1))
    caption = metric.parts.caption if metric.parts else ""
    shape = "medium" if metric.plot == "curve" else "large"
    return FigureGroup(name, metric.title, caption, tuple(figures), shape, tables)


Figures = Iterable[EmbeddedFigure]


def _curves(shown: MultiPartMetric, name: str, maker: FigureMaker) -> Figures:
    """One panel per model: the curve, and what belongs beside it."""
    for row, cells in shown.lines:
        beside = {
            head: (cell, shown.block.columns[shown.block.column(metric) or 0].kind)
            for metric, head in shown.shown_as.beside.items()
            if (cell := beside_cell(shown, row, metric))
        }
        colour = maker.palette[row.model]
        figure = multi_part_plots.curve(cells, beside, row.label, colour)
        alt = f"{shown.column.record.title}, {row.label}; the numbers stand in the table below"
        yield maker.save(figure, f"{name}-{row.label}", alt)


def _stacked(shown: MultiPartMetric, name: str, maker: FigureMaker) -> Figures:
    figure = multi_part_plots.stacked(shown, shown.column.unit or "nats")
    alt = f"Stacked bars: {shown.column.record.title}, {shown.block.protocol.short}"
    yield maker.save(figure, name, alt)


def _steps(shown: MultiPartMetric, name: str, maker: FigureMaker) -> Figures:
    figure = multi_part_plots.steps(shown, maker.palette)
    alt = f"{shown.column.record.title}, {shown.block.protocol.short}"
    yield maker.save(figure, name, alt)


def _points(shown: MultiPartMetric, name: str, maker: FigureMaker) -> Figures:
    values = [
        (shown.shown_as.name(part), row.label, cell.value, cell.stderr)
        for row, cells in shown.lines
        for part, cell in cells.items()
    ]
    table = pd.DataFrame(values, columns=["part", "model", "value", "error"])
    yield maker.points_of(table, shown.column.record, name, shown.block.protocol.short)


_PLOTS: dict[str, Callable[[MultiPartMetric, str, FigureMaker], Figures]] = {
    "curve": _curves,
    "stacked": _stacked,
    "steps": _steps,
    "points": _points,
}
