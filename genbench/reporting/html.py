"""The page: what the template is given, and the template filled in with everything escaped.

May import jinja2 and this package's tables and figures.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from genbench.core.files import canonical_json
from genbench.reporting import numbers
from genbench.reporting.figures import Gallery
from genbench.reporting.protocols import Protocol, parse
from genbench.reporting.stored import RunRecord, SuiteRecord
from genbench.reporting.tables import Block, Cell, Row, uncertainty_caption
from genbench.reporting.takeaways import takeaways

_BADGES = {
    "exact": "exact",
    "lower_bound": "lower bound",
    "upper_bound": "upper bound",
    "estimate": "estimate",
}
_SHOWN_TRAINING = ("epochs", "batch_size", "learning_rate")
_MATHS = re.compile(
    r"(?P<base>[A-Za-zΑ-Ωα-ω‖)\]])(?P<mark>[_^])(?P<index>\{[^{}]*\}|[A-Za-z0-9]{1,2}(?![A-Za-z]))"
    r"|(?<![A-Za-z])(?P<letter>[A-Za-zα-ω])(?![A-Za-z])"
)


@dataclass(frozen=True)
class NotedCell:
    """A cell and the number of its footnote; 0 where it has none."""

    cell: Cell
    note: int


@dataclass(frozen=True)
class TableView:
    """One protocol's table with its footnotes."""

    anchor: str
    block: Block
    caption: str
    rows: tuple[tuple[Row, str, tuple[NotedCell, ...]], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class ModelView:
    """All runs of one model under one protocol."""

    first: RunRecord
    protocol: Protocol
    runs: tuple[RunRecord, ...]

    @property
    def seeds(self) -> str:
        """Seeds, in order."""
        return ", ".join(str(run.seed) for run in self.runs)

    @property
    def settings(self) -> list[tuple[str, str]]:
        """Options of the recipe and of training that have no column of their own."""
        rest = {k: v for k, v in self.first.train.items() if k not in _SHOWN_TRAINING}
        return [(key, as_text(value)) for key, value in {**self.first.options, **rest}.items()]

    def seconds(self, field: str) -> str:
        """Shortest and longest time over the runs."""
        known = sorted(s for run in self.runs if (s := getattr(run, field)) is not None)
        ends = dict.fromkeys(numbers.seconds(value) for value in (known[:1] + known[-1:]))
        return " to ".join(ends) or "–"


def page(
    record: SuiteRecord,
    blocks: Sequence[Block],
    galleries: Sequence[Gallery],
    palette: dict[str, str],
) -> str:
    """Fill in the template."""
    titles = {metric.name: metric.title for metric in record.metrics}
    observations = {(run.model, run.protocol): run.observation or "" for run in record.runs}
    tables = [_table(i, block, observations) for i, block in enumerate(blocks, 1)]
    models = model_views(record.runs)
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            record=record,
            titles=titles,
            tables=tables,
            takeaways=takeaways(blocks, titles),
            galleries=galleries,
            palette=palette,
            models=models,
            protocols=list(dict.fromkeys(view.protocol for view in models)),
            summary=_summary(models, blocks),
            unfinished=[run for run in record.runs if run.status != "ok"],
        )
    )


def model_views(runs: Sequence[RunRecord]) -> list[ModelView]:
    """Group runs that differ in the seed only."""
    groups: dict[tuple[str, str], list[RunRecord]] = {}
    for run in runs:
        groups.setdefault((run.model, run.protocol), []).append(run)
    return [
        ModelView(group[0], parse(group[0].protocol), tuple(group)) for group in groups.values()
    ]


def _summary(models: Sequence[ModelView], blocks: Sequence[Block]) -> str:
    n_models = len({view.first.model for view in models})
    n_runs = sum(len(view.runs) for view in models)
    seeds = sorted({run.seed for view in models for run in view.runs})
    sizes = dict.fromkeys(
        f"{view.protocol.dataset} ("
        + " / ".join(numbers.grouped(size) for size in view.protocol.sizes)
        + " images for training / validation / test)"
        for view in models
        if view.protocol.known
    )
    data = " and ".join(sizes) or ", ".join(dict.fromkeys(block.dataset for block in blocks))
    words = ("model" if n_models == 1 else "models", "seed" if len(seeds) == 1 else "seeds")
    return (
        f"{n_models} generative {words[0]} compared on {data}: {n_runs} training runs with"
        f" {len(seeds)} {words[1]}."
    )


def _table(number: int, block: Block, observations: dict[tuple[str, str], str]) -> TableView:
    notes: dict[str, int] = {}
    rows = []
    for row in block.rows:
        cells = tuple(NotedCell(cell, _note(cell, notes)) for cell in row.cells)
        rows.append((row, observations.get((row.model, block.protocol.text), ""), cells))
    caption = uncertainty_caption(block)
    return TableView(f"table-{number}", block, caption, tuple(rows), tuple(notes))


def _note(cell: Cell, notes: dict[str, int]) -> int:
    reason = cell.reason or ("" if cell.ok else "no reason given")
    if not reason:
        return 0
    text = reason if cell.status in ("ok", "not_applicable") else f"{cell.word}: {reason}"
    return notes.setdefault(text, len(notes) + 1)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("genbench.reporting"),
        autoescape=select_autoescape(("html", "j2"), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        badge=lambda kind: _BADGES.get(kind, kind),
        maths=maths,
        minus=lambda text: text.replace("-", "−"),
        grouped=numbers.grouped,
        as_text=as_text,
        measured=lambda cell: numbers.measured(cell.value, cell.stderr),
    )
    environment.globals["styles"] = Markup(_styles())
    return environment


def _styles() -> str:
    loader = PackageLoader("genbench.reporting")
    return loader.get_source(Environment(autoescape=True), "report.css")[0]


def as_text(value: Any) -> str:
    """An option's value on one line."""
    return value if isinstance(value, str) else canonical_json(value)


def maths(formula: str) -> Markup:
    """Set single letters in italics and indices low or high; everything else stays as it is.

    Example:
        >>> maths("E_q[log p(x)] < 0")
        Markup('E<sub>q</sub>[log <i>p</i>(<i>x</i>)] &lt; 0')
    """
    return Markup("").join(_maths_parts(formula))


def _maths_parts(formula: str) -> Iterator[Markup]:
    end = 0
    for match in _MATHS.finditer(formula):
        yield escape(formula[end : match.start()])
        end = match.end()
        if match["letter"]:
            yield Markup("<i>{}</i>").format(match["letter"])
        else:
            tag = "sub" if match["mark"] == "_" else "sup"
            index = match["index"].strip("{}")
            yield Markup(f"{{}}<{tag}>{{}}</{tag}>").format(match["base"], index)
    yield escape(formula[end:])
