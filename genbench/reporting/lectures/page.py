"""The page: every section with its figures, checks, slips and commands, and the table of rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from markupsafe import Markup

from genbench.core import numbers
from genbench.core.files import write_atomic
from genbench.reporting.lectures.figures import LectureFigure, figure_of
from genbench.reporting.lectures.prose import line, paragraphs
from genbench.reporting.lectures.sources import Sources
from genbench.reporting.lectures.topics import (
    Checks,
    LectureRow,
    RowTable,
    Topic,
    load_rows,
    load_topics,
)
from genbench.reporting.rendering import render
from genbench.results.studies import CheckRecord
from genbench.results.suite import StoredSuite

SOURCES = {
    "A": "CSC413 Neural Networks and Deep Learning, lecture 10 (2021)",
    "B": "Machine Learning II, fractal 3, class 3 (2021)",
    "C": "16:198:520/536, notes on variational autoencoders",
    "D": "Advanced Topics in Machine Learning, lecture 6 (2020)",
    "E": "Tutorial on variational autoencoders, slides after Doersch 2016 (2024)",
}
_SMALL = 1e-3
_CLAIMS = {"=": "", "<=": "≤ ", ">=": "≥ "}


@dataclass(frozen=True)
class CheckView:
    """One line of a table of checks."""

    name: str
    expected: str
    found: str
    off: str
    tolerance: str
    note: str
    passed: bool


@dataclass(frozen=True)
class CheckTable:
    """The checks of one study; ``missing`` is the command that would make them."""

    study: str
    title: str
    checks: tuple[CheckView, ...] = ()
    missing: str = ""


@dataclass(frozen=True)
class Command:
    """A line for the shell, and how long it took."""

    text: str
    took: str


@dataclass(frozen=True)
class SlipView:
    """A slip of the notes, set."""

    source: str
    place: str
    printed: Markup
    instead: Markup


@dataclass(frozen=True)
class Section:
    """A topic as the template shows it."""

    number: int
    topic: Topic
    rows: tuple[LectureRow, ...]
    text: Markup
    figures: tuple[LectureFigure, ...]
    checks: tuple[CheckTable, ...]
    slips: tuple[SlipView, ...]
    commands: tuple[Command, ...]


@dataclass(frozen=True)
class RowView:
    """A line of the last table."""

    row: LectureRow
    check: Markup
    section: Section
    commands: tuple[str, ...]
    held: str
    waiting: bool


def build(suite: StoredSuite, reports: Path) -> Path:
    """Write ``index.html`` of the teaching page and return its path; the same bytes each time.

    What was not run yet is named in its place, with its command.

    Raises:
        ConfigError: A topic or the table of rows is wrong.
        StorageError: A stored study or suite is damaged, or the page cannot be written.
    """
    topics = load_topics()
    table = load_rows(topics)
    path = reports / suite.name / "index.html"
    write_atomic(path, page(topics, table, Sources(suite)))
    return path


def page(topics: Sequence[Topic], table: RowTable, sources: Sources) -> str:
    """Fill in the template."""
    sections = _numbered([_section(t, table, sources) for t in topics])
    checks = [check for s in sections for group in s.checks for check in group.checks]
    rows = [_row(row, sections, sources) for row in table.row]
    return render(
        "lectures.html.j2",
        sections=sections,
        rows=rows,
        named=table.named,
        sources=SOURCES,
        command=Command(sources.suite_command(sources.name), ""),
        n_checks=len(checks),
        n_held=sum(check.passed for check in checks),
        n_slips=sum(len(section.slips) for section in sections),
        n_shown=sum(view.row.status == "shown" and not view.waiting for view in rows),
    )


def _section(topic: Topic, table: RowTable, sources: Sources) -> Section:
    slips = (SlipView(s.source, s.place, line(s.printed), line(s.instead)) for s in topic.slip)
    return Section(
        number=0,
        topic=topic,
        rows=tuple(row for row in table.row if row.topic == topic.name),
        text=paragraphs(topic.text),
        figures=tuple(figure_of(show, sources) for show in topic.show),
        checks=tuple(_checks(wanted, sources) for wanted in topic.checks),
        slips=tuple(slips),
        commands=tuple(_commands(topic, sources)),
    )


def _numbered(sections: Sequence[Section]) -> list[Section]:
    """Count sections, figures and tables; what is missing has no number."""
    counts = {"Figure": 0, "Table": 0}
    found = []
    for place, section in enumerate(sections, 1):
        figures = []
        for figure in section.figures:
            if not figure.missing:
                counts[figure.kind] += 1
            number = 0 if figure.missing else counts[figure.kind]
            figures.append(replace(figure, number=number))
        found.append(replace(section, number=place, figures=tuple(figures)))
    return found


def _checks(wanted: Checks, sources: Sources) -> CheckTable:
    study, name = sources.study(wanted.study), wanted.study.rpartition("/")[2]
    if study is None:
        return CheckTable(name, name, missing=sources.study_command(wanted.study))
    chosen = [
        c for c in study.record.checks if not wanted.only or any(w in c.name for w in wanted.only)
    ]
    return CheckTable(name, study.record.title, tuple(_check(check) for check in chosen))


def _check(check: CheckRecord) -> CheckView:
    known = check.expected is not None and check.found is not None
    off = _number((check.found or 0.0) - (check.expected or 0.0), 3) if known else "–"
    return CheckView(
        check.name,
        f"{_CLAIMS[check.claim]}{_number(check.expected)}",
        _number(check.found),
        off,
        _number(check.tolerance, 3),
        check.note,
        check.passed,
    )


def _number(value: float | None, digits: int = 6) -> str:
    """So many digits, or two of what is very small: there only the size matters."""
    if value is None:
        return "not finite"
    small = 0 < abs(value) < _SMALL
    text = f"{value:.1e}".replace(".0e", "e") if small else numbers.plain(value, digits)
    return text.replace("e-0", "e-").replace("-", "−")


def _commands(topic: Topic, sources: Sources) -> Iterator[Command]:
    for name in topic.suites:
        yield Command(sources.suite_command(name), sources.suite_seconds(name))
    for name in topic.studies:
        yield Command(sources.study_command(name), sources.study_seconds(name))


def _row(row: LectureRow, sections: Sequence[Section], sources: Sources) -> RowView:
    studies = [sources.study(name) for name in row.studies]
    checks = [check for study in studies if study for check in study.record.checks]
    held = f"{sum(check.passed for check in checks)} of {len(checks)} hold" if checks else ""
    return RowView(
        row=row,
        check=line(row.check),
        section=next(s for s in sections if s.topic.name == row.topic),
        commands=(
            *(sources.suite_command(name) for name in row.suites),
            *(sources.study_command(name) for name in row.studies),
        ),
        held=held,
        waiting=None in studies or any(sources.suite(name) is None for name in row.suites),
    )
