"""The page: every section with its exhibits, checks, slips and commands, and the table of rows.

May import this package's readers and templates.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from markupsafe import Markup

from genbench.core.files import write_atomic
from genbench.reporting import numbers
from genbench.reporting.lectures.exhibits import Exhibit, exhibit
from genbench.reporting.lectures.prose import line, paragraphs
from genbench.reporting.lectures.shelf import Shelf
from genbench.reporting.lectures.topics import (
    Checks,
    LectureRow,
    RowTable,
    Topic,
    load_rows,
    load_topics,
)
from genbench.reporting.rendering import render
from genbench.reporting.studied import CheckRecord

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
    exhibits: tuple[Exhibit, ...]
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


def build(results_dir: Path, reports_dir: Path, suite: str) -> Path:
    """Write ``index.html`` of the teaching page and return its path; the same bytes each time.

    What was not run yet is named in its place, with its command.

    Raises:
        ConfigError: A topic or the table of rows is wrong.
        StorageError: A stored study or suite is damaged, or the page cannot be written.
    """
    topics = load_topics()
    table = load_rows(topics)
    path = reports_dir / suite / "index.html"
    write_atomic(path, page(topics, table, Shelf(results_dir, suite)))
    return path


def page(topics: Sequence[Topic], table: RowTable, shelf: Shelf) -> str:
    """Fill in the template."""
    sections = _numbered([_section(t, table, shelf) for t in topics])
    checks = [check for s in sections for group in s.checks for check in group.checks]
    rows = [_row(row, sections, shelf) for row in table.row]
    return render(
        "lectures.html.j2",
        sections=sections,
        rows=rows,
        named=table.named,
        sources=SOURCES,
        command=Command(shelf.suite_command(shelf.suite_name), ""),
        n_checks=len(checks),
        n_held=sum(check.passed for check in checks),
        n_slips=sum(len(section.slips) for section in sections),
        n_shown=sum(view.row.status == "shown" and not view.waiting for view in rows),
    )


def _section(topic: Topic, table: RowTable, shelf: Shelf) -> Section:
    slips = (SlipView(s.source, s.place, line(s.printed), line(s.instead)) for s in topic.slip)
    return Section(
        number=0,
        topic=topic,
        rows=tuple(row for row in table.row if row.topic == topic.name),
        text=paragraphs(topic.text),
        exhibits=tuple(exhibit(show, shelf) for show in topic.show),
        checks=tuple(_checks(wanted, shelf) for wanted in topic.checks),
        slips=tuple(slips),
        commands=tuple(_commands(topic, shelf)),
    )


def _numbered(sections: Sequence[Section]) -> list[Section]:
    """Count sections, figures and tables; what is missing has no number."""
    counts = {"Figure": 0, "Table": 0}
    found = []
    for place, section in enumerate(sections, 1):
        exhibits = []
        for made in section.exhibits:
            if not made.missing:
                counts[made.kind] += 1
            exhibits.append(replace(made, number=0 if made.missing else counts[made.kind]))
        found.append(replace(section, number=place, exhibits=tuple(exhibits)))
    return found


def _checks(wanted: Checks, shelf: Shelf) -> CheckTable:
    study, name = shelf.study(wanted.study), wanted.study.rpartition("/")[2]
    if study is None:
        return CheckTable(name, name, missing=shelf.study_command(wanted.study))
    chosen = [c for c in study.checks if not wanted.only or any(w in c.name for w in wanted.only)]
    return CheckTable(name, study.title, tuple(_check(check) for check in chosen))


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


def _commands(topic: Topic, shelf: Shelf) -> Iterator[Command]:
    for name in topic.suites:
        yield Command(shelf.suite_command(name), shelf.took(suite=name))
    for name in topic.studies:
        yield Command(shelf.study_command(name), shelf.took(study=name))


def _row(row: LectureRow, sections: Sequence[Section], shelf: Shelf) -> RowView:
    studies = [shelf.study(name) for name in row.studies]
    checks = [check for study in studies if study for check in study.checks]
    held = f"{sum(check.passed for check in checks)} of {len(checks)} hold" if checks else ""
    return RowView(
        row=row,
        check=line(row.check),
        section=next(s for s in sections if s.topic.name == row.topic),
        commands=(
            *(shelf.suite_command(name) for name in row.suites),
            *(shelf.study_command(name) for name in row.studies),
        ),
        held=held,
        waiting=None in studies or any(shelf.suite(name) is None for name in row.suites),
    )
