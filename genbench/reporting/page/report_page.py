"""The pages: what the templates are given."""

from collections.abc import Sequence

from genbench.core import numbers
from genbench.core.protocol import Protocol
from genbench.core.texts import noun
from genbench.reporting.figures.maker import FigureGroup
from genbench.reporting.made_by import made_by
from genbench.reporting.page.chapters import Chapter
from genbench.reporting.page.leaderboard import boards_of, signs_of
from genbench.reporting.page.rendering import render
from genbench.reporting.tables.comparison import comparison_table
from genbench.reporting.tables.runs import runs_table
from genbench.reporting.tables.small_table import SmallTable
from genbench.results.part_of_suite import PartOfSuite
from genbench.results.records import StoredRun, SuiteRecord
from genbench.results.suite import StoredSuite

MOST_ALERTS = 4
"""Failed runs that are listed at the top; more of them are folded."""
MOST_UNFINISHED = 200
"""Failed runs that are listed at all."""
_COMPARISON = (
    "Numbers may be compared within a table, never between tables, and ranked only within a column"
    " among numbers of equal kind and n."
)


def page(shown: StoredSuite, chapters: Sequence[Chapter], palette: dict[str, str]) -> str:
    """Fill in the template of ``index.html``; what is about models is left out without any."""
    suite = shown.whole if isinstance(shown, PartOfSuite) else shown
    record = suite.record
    unfinished = [run for run in record.runs if run.status != "ok"]
    members = {name: suite.member(name) for name in record.members}
    return render(
        "report.html.j2",
        record=record,
        made_by=made_by(record),
        facts=_facts(suite),
        left_out=_left_out(suite, shown),
        boards=boards_of(shown, shown.figure_inputs()),
        signs=signs_of(shown),
        chapters=[*chapters, *_all_metrics(shown)],
        has_charts=any(chapter.charts for chapter in chapters),
        palette=palette,
        protocols={Protocol.parse(run.protocol): _images(run) for run in record.runs},
        runs=runs_table(record.runs),
        most_alerts=MOST_ALERTS,
        unfinished=unfinished[:MOST_UNFINISHED],
        n_unfinished=len(unfinished),
        failed_studies=[entry for entry in record.studies if entry.status != "ok"],
        failed_checks=[(s.record, check) for s in suite.studies for check in s.failed_checks],
        members={name: member.record.title for name, member in members.items() if member},
    )


def _left_out(suite: StoredSuite, shown: StoredSuite) -> str:
    """Say that not all models are shown, and where the others are; mostly nothing."""
    if shown is suite:
        return ""
    n, of = (numbers.grouped(len(each.models)) for each in (shown, suite))
    return (
        f"This page shows the {n} best of {of} models; ranks and marks are those among all."
        " The others stand in table.md beside it, and in metrics.csv."
    )


def _images(run: StoredRun) -> str:
    """A sentence on size and colour of the images, where they are known."""
    return f"Images have {numbers.image_size(run.image_shape)}." if run.image_shape else ""


def published_page(record: SuiteRecord, tables: Sequence[SmallTable]) -> str:
    """Fill in the template of ``published.html``."""
    return render("published.html.j2", record=record, made_by=made_by(record), tables=tables)


def _facts(suite: StoredSuite) -> list[str]:
    """The short line beside the title: how much was run, by what, in which time."""
    record = suite.record
    checks = [check for study in suite.studies for check in study.record.checks]
    held = sum(check.passed for check in checks)
    counted = (
        (len({run.model for run in record.runs}), "model", "models"),
        (len(record.runs), "run", "runs"),
        (len(suite.studies), "study", "studies"),
        (len(record.members), "suite", "suites"),
    )
    seconds = suite.seconds + sum(study.record.seconds for study in suite.studies)
    facts = [
        *(f"{n} {noun(n, one, many)}" for n, one, many in counted if n),
        f"{held} of {len(checks)} checks hold" if checks else "",
        f"genbench {record.versions.get('genbench') or ''}".strip(),
        f"made in {numbers.seconds(seconds)}" if seconds else "",
    ]
    return [fact for fact in facts if fact]


def _all_metrics(suite: StoredSuite) -> list[Chapter]:
    """The whole comparison, one table per protocol; unfolded where no log-likelihood leads."""
    remarks = _observations(suite.record.runs)
    tables = tuple(
        comparison_table(
            block,
            f"comparison-{place}",
            {m: text for (m, protocol), text in remarks.items() if protocol == block.protocol.text},
        )
        for place, block in enumerate(suite.blocks, 1)
    )
    group = FigureGroup("comparison", "Comparison", _COMPARISON, (), tables=tables)
    about = f"{len(suite.metrics)} metrics with all their errors and reasons, a table per protocol"
    led = any(entry.rank for board in suite.leaderboards for entry in board.entries)
    chapter = Chapter("all-metrics", "All metrics", (group,), about=about, unfolded=not led)
    return [chapter] if tables else []


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
