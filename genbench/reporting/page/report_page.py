"""The pages: what the templates are given."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from genbench.core import numbers
from genbench.core.protocol import Protocol
from genbench.reporting.figures.maker import FigureGroup
from genbench.reporting.page.chapters import Chapter
from genbench.reporting.page.rendering import as_text, render
from genbench.reporting.page.takeaways import takeaways
from genbench.reporting.tables.captions import ranking_caption, uncertainty_caption
from genbench.reporting.tables.comparison import comparison_table
from genbench.reporting.tables.small_table import SmallTable
from genbench.results.cells import Cell, ProtocolBlock, marks
from genbench.results.records import StoredRun, SuiteRecord
from genbench.results.studies import StoredStudy
from genbench.results.suite import StoredSuite

_SHOWN_TRAINING = ("epochs", "batch_size", "learning_rate")
_FIRST = (("takeaways", "Key takeaways"), ("comparison", "Comparison"))
_LAST = (
    ("figures", "Figures"),
    ("metrics", "How to read the numbers"),
    ("models", "Models and training"),
    ("reproduce", "Protocol and reproducibility"),
)


@dataclass(frozen=True)
class ModelView:
    """All runs of one model under one protocol."""

    first: StoredRun
    protocol: Protocol
    runs: tuple[StoredRun, ...]
    control: bool

    @property
    def seeds(self) -> str:
        """Seeds, in order."""
        return ", ".join(str(run.seed) for run in self.runs)

    @property
    def settings(self) -> list[tuple[str, str]]:
        """Options of the recipe and of training that have no column of their own."""
        rest = {k: v for k, v in self.first.train.items() if k not in _SHOWN_TRAINING}
        fitted = {f"fitted {name}": value for name, value in self.first.fitted.items()}
        known = {**self.first.options, **rest, **fitted}
        return [(key, as_text(value)) for key, value in known.items()]

    def seconds(self, field: str) -> str:
        """Shortest and longest time over the runs."""
        known = sorted(s for run in self.runs if (s := getattr(run, field)) is not None)
        ends = dict.fromkeys(numbers.seconds(value) for value in (known[:1] + known[-1:]))
        return " to ".join(ends) or "–"


def page(
    suite: StoredSuite,
    chapters: Sequence[Chapter],
    groups: Sequence[FigureGroup],
    palette: dict[str, str],
) -> str:
    """Fill in the template of ``index.html``; what is about models is left out without any."""
    record, blocks, studies = suite.record, suite.blocks, suite.studies
    models = model_views(record.runs, suite.controls)
    sections = _sections(record, chapters)
    members = {name: suite.member(name) for name in record.members}
    return render(
        "report.html.j2",
        record=record,
        titles=suite.titles,
        sections=sections,
        places={name: place for place, (name, _) in enumerate(sections, 1)},
        blocks=blocks,
        observations=_observations(record.runs),
        captions_of=lambda block: filter(
            None, (uncertainty_caption(block), ranking_caption(block))
        ),
        footnotes_of=lambda block: comparison_table(block).notes,
        marks=marks,
        note=_note,
        notes_of=_notes,
        zip=zip,
        takeaways=takeaways(blocks, suite.titles),
        chapters=chapters,
        groups=groups,
        palette=palette,
        models=models,
        protocols=list(dict.fromkeys(view.protocol for view in models)),
        summary=_summary(models, blocks, studies, record),
        unfinished=[run for run in record.runs if run.status != "ok"],
        failed_studies=[entry for entry in record.studies if entry.status != "ok"],
        failed_checks=[(study.record, c) for study in studies for c in study.failed_checks],
        members={name: member.record.title for name, member in members.items() if member},
        published=bool(record.published),
    )


def published_page(record: SuiteRecord, table: SmallTable) -> str:
    """Fill in the template of ``published.html``."""
    return render("published.html.j2", record=record, table=table)


def _observations(runs: Sequence[StoredRun]) -> dict[tuple[str, str], str]:
    """The small line below a model's name, by model and protocol."""
    texts_of: dict[tuple[str, str], dict[str, None]] = {}
    for run in runs:
        texts_of.setdefault((run.model, run.protocol), {})[_observation(run)] = None
    return {key: "; ".join(texts) for key, texts in texts_of.items()}


def _observation(run: StoredRun) -> str:
    name = "no observation model" if run.observation == "none" else run.observation or ""
    fitted, chosen = run.fitted.get("scale"), run.fitted.get("chosen_on")
    scale = f"scale {fitted:.4g}" if isinstance(fitted, float) else ""
    where = f"chosen on {chosen}" if scale and chosen not in (None, "stated") else ""
    return ", ".join(part for part in (name, scale, where) if part)


def model_views(runs: Sequence[StoredRun], controls: Collection[str] = ()) -> list[ModelView]:
    """Group runs that differ in the seed only."""
    groups: dict[tuple[str, str], list[StoredRun]] = {}
    for run in runs:
        groups.setdefault((run.model, run.protocol), []).append(run)
    return [
        ModelView(runs[0], Protocol.parse(protocol), tuple(runs), model in controls)
        for (model, protocol), runs in groups.items()
    ]


def _sections(record: SuiteRecord, chapters: Sequence[Chapter]) -> list[tuple[str, str]]:
    own = [(c.name, c.title) for c in chapters]
    members = [("members", "Suites of this collection")] if record.members else []
    if record.runs:
        return [*_FIRST, *own, *members, *_LAST]
    return [*own, *members, *_LAST[-1:]]


def _summary(
    models: Sequence[ModelView],
    blocks: Sequence[ProtocolBlock],
    studies: Sequence[StoredStudy],
    record: SuiteRecord,
) -> str:
    counted = ((len(studies), "study", "studies"), (len(record.members), "suite", "suites"))
    parts = [f"{n} {one if n == 1 else many}" for n, one, many in counted if n]
    n_checks = sum(len(study.record.checks) for study in studies)
    checks = f" with {n_checks} checks against known answers" if n_checks else ""
    about_models = _summary_of_models(models, blocks) if models else ""
    return f"{about_models} {' and '.join(parts)}{checks}{'.' if parts else ''}".strip()


def _summary_of_models(models: Sequence[ModelView], blocks: Sequence[ProtocolBlock]) -> str:
    n_models = len({view.first.model for view in models})
    n_runs = sum(len(view.runs) for view in models)
    seeds = sorted({run.seed for view in models for run in view.runs})
    sizes = dict.fromkeys(
        f"{view.protocol.dataset} ("
        + " / ".join(numbers.grouped(size) for size in view.protocol.sizes)
        + " images for training / validation / test)"
        for view in models
        if not view.protocol.unparsed
    )
    data = " and ".join(sizes) or ", ".join(dict.fromkeys(block.dataset for block in blocks))
    words = ("model" if n_models == 1 else "models", "seed" if len(seeds) == 1 else "seeds")
    return (
        f"{n_models} generative {words[0]} compared on {data}: {n_runs} training runs with"
        f" {len(seeds)} {words[1]}."
    )


def _notes(block: ProtocolBlock) -> dict[str, int]:
    """Number the notes of a block's cells in the order in which they are read."""
    notes = (_note(cell) for row in block.rows for cell in row.cells)
    return {note: place for place, note in enumerate(dict.fromkeys(filter(None, notes)), 1)}


def _note(cell: Cell) -> str:
    """What a cell's footnote says; empty where it has none."""
    reason = cell.reason or ("" if cell.ok else "no reason given")
    plain = not reason or cell.status in ("ok", "not_applicable")
    return reason if plain else f"{cell.word}: {reason}"
