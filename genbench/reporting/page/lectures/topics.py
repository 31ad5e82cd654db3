"""The texts of the page as data: topics in teaching order and the table of all rows, checked."""

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Literal, TypeVar

from pydantic import Field, model_validator

from genbench.core.errors import ConfigError, did_you_mean
from genbench.core.options import Options

Status = Literal["shown", "in part", "named without a system"]
Checked = TypeVar("Checked", bound=Options)


class Shown(Options):
    """One figure or table: of a study, or of a suite.

    Attributes:
        study: Name of a study, as ``suite/study`` if it is not of the suite ``lectures``; either
            this or ``suite``.
        suite: Name of a suite.
        plot: A figure that the study or the suite file declares.
        figure: Images that the suite's models stored, such as ``samples``.
        table: A table of the study.
        metrics: Columns of a table of the suite's models.
        published: Whether to set what papers report beside the suite's numbers.
        models: Only these models, in this order; all if empty.
        columns: Columns of the study's table with the words above them; all if empty.
        title: Above it, where it states none itself.
        caption: Below it: what is shown, and how it is read.
    """

    study: str = ""
    suite: str = ""
    plot: str = ""
    figure: str = ""
    table: str = ""
    metrics: tuple[str, ...] = ()
    published: bool = False
    models: tuple[str, ...] = ()
    columns: dict[str, str] = Field(default_factory=dict)
    title: str = ""
    caption: str = ""

    @model_validator(mode="after")
    def _one_source(self) -> "Shown":
        if bool(self.study) == bool(self.suite):
            raise ValueError("write either `study` or `suite`")
        of_study = (self.plot, self.table)
        of_suite = (self.plot, self.figure, self.metrics, self.published)
        if sum(map(bool, of_study if self.study else of_suite)) != 1:
            raise ValueError(
                "a study shows a `plot` or a `table`, a suite a `plot`, a `figure`, `metrics` or"
                " what is `published`"
            )
        return self


class Checks(Options):
    """The exact checks of a study; ``only`` keeps those whose names contain one of its texts."""

    study: str
    only: tuple[str, ...] = ()


class Slip(Options):
    """A misprint or slip of the notes: where, what is printed, and what holds instead."""

    source: Literal["A", "B", "C", "D", "E"]
    place: str
    printed: str
    instead: str


class Topic(Options):
    """One section of the page."""

    name: str
    title: str
    question: str
    sources: str
    text: str
    show: tuple[Shown, ...] = ()
    checks: tuple[Checks, ...] = ()
    slip: tuple[Slip, ...] = ()

    @property
    def studies(self) -> list[str]:
        """Studies that the section needs, each once."""
        shown = (show.study for show in self.show if show.study)
        return list(dict.fromkeys([*shown, *(check.study for check in self.checks)]))

    @property
    def suites(self) -> list[str]:
        """Suites that the section needs, each once."""
        return list(dict.fromkeys(show.suite for show in self.show if show.suite))


class LectureRow(Options):
    """One row of the notes' list of models (M), estimators and identities (E) and figures (F).

    Attributes:
        name: Such as ``M1``.
        what: One line in our words.
        source: Which of the five notes, and where in it.
        status: How much of it is on the page.
        topic: The section that shows it.
        suites: Suites that compute it; its commands follow from these.
        studies: Studies that compute it, as ``suite/study`` if not of the suite ``lectures``.
        check: What is held against what.
        tests: The tests that do it, as ``file::name``.
        remark: What is done otherwise than in the notes, or left out, and why.
    """

    name: str = Field(pattern=r"^[MEF]\d+$")
    what: str
    source: str
    status: Status
    topic: str
    suites: tuple[str, ...] = ()
    studies: tuple[str, ...] = ()
    check: str
    tests: tuple[str, ...] = ()
    remark: str = ""


class Named(Options):
    """Something that the notes name without a system to build."""

    what: str
    source: str
    why: str


class RowTable(Options):
    """The content of ``rows.toml``."""

    row: tuple[LectureRow, ...]
    named: tuple[Named, ...] = ()


def load_topics() -> list[Topic]:
    """Read every topic in the order of the files' names.

    Raises:
        ConfigError: Names the file and the key that is wrong.
    """
    folder = files("genbench.reporting.page.lectures") / "topics"
    paths = sorted((path for path in folder.iterdir()), key=lambda path: path.name)
    return [
        _checked(path, Topic, name=path.name.removesuffix(".toml").partition("_")[2])
        for path in paths
        if path.name.endswith(".toml")
    ]


def load_rows(topics: list[Topic]) -> RowTable:
    """Read the table of rows; each must point to a topic.

    Raises:
        ConfigError: Names the key or the row that is wrong.
    """
    table = _checked(files("genbench.reporting.page.lectures") / "rows.toml", RowTable)
    known = [topic.name for topic in topics]
    for row in table.row:
        if row.topic not in known:
            raise ConfigError(f"rows.toml: {row.name}.topic: {did_you_mean(row.topic, known)}")
    return table


def _checked(path: Traversable, kind: type[Checked], **given: Any) -> Checked:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name}: {error}") from error
    return kind.read(content | given, path.name.removesuffix(".toml"))
