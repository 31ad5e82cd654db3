"""The page: every section with its figures, checks, slips and commands, and the table of rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from genbench.core import numbers
from genbench.core.claims import SIGNS
from genbench.core.files import write_atomic
from genbench.reporting.page.lectures.figures import LectureFigure, figure_of
from genbench.reporting.page.lectures.prose import line, paragraphs
from genbench.reporting.page.lectures.sources import Sources
from genbench.reporting.page.lectures.topics import Checks, RowTable, Topic, load_rows, load_topics
from genbench.reporting.page.rendering import render
from genbench.reporting.report_folder import PAGE, ReportFolder
from genbench.reporting.tables.small_table import Row, SmallTable, TableCell, heads_of, row_of
from genbench.results.studies import CheckRecord, StoredStudy
from genbench.results.suite import StoredSuite

NOTES = {
    "A": "CSC413 Neural Networks and Deep Learning, lecture 10 (2021)",
    "B": "Machine Learning II, fractal 3, class 3 (2021)",
    "C": "16:198:520/536, notes on variational autoencoders",
    "D": "Advanced Topics in Machine Learning, lecture 6 (2020)",
    "E": "Tutorial on variational autoencoders, slides after Doersch 2016 (2024)",
}
_SMALL = 1e-3


@dataclass(frozen=True)
class StudyChecks:
    """Checks of one study that a section shows; ``study`` is None where it was not run yet."""

    name: str
    study: StoredStudy | None
    checks: tuple[CheckRecord, ...]


@dataclass(frozen=True)
class Section:
    """A topic with what it shows of the results."""

    topic: Topic
    figures: tuple[LectureFigure, ...]
    checks: tuple[StudyChecks, ...]

    @property
    def all_checks(self) -> list[CheckRecord]:
        """The checks of all its studies."""
        return [check for group in self.checks for check in group.checks]


def build(suite: StoredSuite, reports: Path) -> Path:
    """Write ``index.html`` of the teaching page and return its path; the same bytes each time.

    What was not run yet is named in its place, with its command.

    Raises:
        ConfigError: A topic or the table of rows is wrong.
        StorageError: A stored study or suite is damaged, or the page cannot be written.
    """
    topics = load_topics()
    table = load_rows(topics)
    folder = ReportFolder.of(suite, reports)
    write_atomic(folder / PAGE, page(topics, table, Sources(suite)))
    folder.seal_with(suite)
    return folder / PAGE


def page(topics: Sequence[Topic], table: RowTable, sources: Sources) -> str:
    """Fill in the template."""
    sections = [
        Section(
            topic,
            tuple(figure_of(show, sources) for show in topic.show),
            tuple(_checks(shown, sources) for shown in topic.checks),
        )
        for topic in topics
    ]
    return render(
        "lectures.html.j2",
        sections=_numbered(sections),
        table=table,
        notes=NOTES,
        sources=sources,
        checks=[check for section in sections for check in section.all_checks],
        checks_table=_checks_table,
        n_slips=sum(len(topic.slip) for topic in topics),
        n_shown=sum(row.status == "shown" and not sources.lack(row) for row in table.row),
        line=line,
        paragraphs=paragraphs,
    )


def _numbered(sections: Sequence[Section]) -> list[Section]:
    """Count figures and tables; what is missing has no number."""
    counts = {"Figure": 0, "Table": 0}

    def counted(figure: LectureFigure) -> LectureFigure:
        if figure.missing:
            return figure
        counts[figure.kind] += 1
        return replace(figure, number=counts[figure.kind])

    return [replace(s, figures=tuple(counted(figure) for figure in s.figures)) for s in sections]


def _checks(shown: Checks, sources: Sources) -> StudyChecks:
    study = sources.study(shown.study)
    known = study.record.checks if study else ()
    parts = shown.only or ("",)
    chosen = tuple(check for check in known if any(part in check.name for part in parts))
    return StudyChecks(shown.study, study, chosen)


def _checks_table(shown: StudyChecks) -> SmallTable:
    """Each check: what must be, what was found, how far they are apart."""
    heads = heads_of("check", "expected", "found", "off by", "tolerance")
    title = f"Checks of {shown.study.record.title}" if shown.study else "Checks"
    return SmallTable(f"checks-{shown.name}", title, heads, tuple(map(_check_row, shown.checks)))


def _check_row(check: CheckRecord) -> Row:
    known = check.expected is not None and check.found is not None
    off = (check.found or 0.0) - (check.expected or 0.0)
    below = (check.note,) if check.note else ()
    return row_of(
        TableCell(check.name, badge="holds" if check.passed else "fails", below=below),
        TableCell(SIGNS[check.claim] + _number(check.expected), value=check.expected),
        TableCell(_number(check.found), value=check.found),
        TableCell(_number(off, 3), value=off) if known else "–",
        TableCell(_number(check.tolerance, 3), value=check.tolerance),
    )


def _number(value: float | None, digits: int = 6) -> str:
    """So many digits, or two of what is very small: there only the size matters."""
    if value is None:
        return "not finite"
    small = 0 < abs(value) < _SMALL
    text = f"{value:.1e}".replace(".0e", "e") if small else numbers.plain(value, digits)
    return numbers.minus(text.replace("e-0", "e-"))
