"""The reference pages hold every record there is, because they are made from the records."""

import re
from types import SimpleNamespace
from typing import Annotated

import pytest
from annotated_types import Ge, Lt
from pydantic import PositiveInt

from genbench.cli import COMMANDS
from genbench.core.errors import ExitCode
from genbench.data import datasets
from genbench.evaluation import runner  # noqa: F401  registers the evaluators
from genbench.evaluation.spec import evaluators
from genbench.recipes import recipes
from genbench.recipes.options import OBSERVATION_HEADS
from genbench.results.columns import COLUMNS
from genbench.studies import studies
from genbench.suites.load import suite_files
from tests.docs.conftest import DOCS  # it puts the extension on the path

from records import MARK, PAGES, filled, pages_of_records  # isort: skip
from records.commands import parsers  # isort: skip
from records.options import type_text  # isort: skip
from records.suite_file import TABLES  # isort: skip


def sections_of(page):
    """Return the sections of a page of records by their headings."""
    return dict(re.findall(r"^## `([\w ]+)`\n(.*?)(?=^## |\Z)", PAGES[page](), re.M | re.S))


@pytest.mark.parametrize("name", PAGES)
def test_every_page_of_records_stands_somewhere(name):
    pages = [path.read_text(encoding="utf-8") for path in (DOCS / "reference").glob("*.md")]
    assert sum(f"<!-- records: {name} -->" in text for text in pages) == 1


@pytest.mark.parametrize(
    ("page", "registry"),
    [
        ("metrics", evaluators),
        ("recipes", recipes),
        ("studies", studies),
        ("data_sets", datasets),
    ],
)
def test_each_record_has_a_section_with_all_its_options(page, registry):
    sections = sections_of(page)
    assert set(sections) == set(registry)
    for name in registry:
        options = getattr(registry[name], "options", None)
        for key in options.model_fields if options else ():
            assert f"| `{key}` |" in sections[name]


def test_a_metrics_section_states_its_formula_and_version():
    sections = sections_of("metrics")
    for name in evaluators:
        record, section = evaluators[name].record, sections[name]
        formula = " ".join(record.formula.replace("|", r"\|").split())
        assert record.description in section
        assert not formula or f"`{formula}`" in section
        assert f"| version | {record.version} |" in section


def test_every_command_is_there_with_every_option():
    sections = sections_of("commands")
    assert len({name.split()[0] for name in sections}) == len(COMMANDS)
    for name, parser in parsers().items():
        for action in parser._actions:
            if action.option_strings and action.dest != "help":
                assert action.option_strings[-1] in sections[name]


def test_every_suite_exit_code_and_column_is_there():
    codes, columns = PAGES["exit_codes"](), PAGES["columns"]()
    assert list(sections_of("suites")) == list(suite_files())
    assert all(f"| {int(code)} |" in codes for code in ExitCode)
    assert all(f"| `{name}` |" in columns for name in COLUMNS)


def test_every_key_of_a_suite_file_is_there_with_its_meaning():
    text = PAGES["suite_file"]()
    for name, options in TABLES.items():
        section = text.split(f"## {name}\n")[1].split("\n## ")[0]
        lines = [re.split(r" (?<!\\)\| ", line.strip("| ")) for line in section.splitlines()]
        rows = {line[0].strip("`"): line[-1] for line in lines if len(line) > 2}
        del rows["key"], rows["---"]
        assert set(rows) == set(options.model_fields)
        assert all(rows.values()), f"{name}: a key without a meaning"


def test_every_source_of_a_metric_is_listed():
    text = (DOCS / "reference" / "metrics.md").read_text(encoding="utf-8")
    cited = {c.partition(":")[0] for name in evaluators for c in evaluators[name].record.cites}
    assert cited == set(re.findall(r"^\| (\w+\d{4}) \|", text, re.M))


def test_every_observation_model_is_there():
    assert all(f"| `{name}` |" in PAGES["observations"]() for name in OBSERVATION_HEADS)


def test_a_key_that_is_filled_in_is_not_called_required():
    required = {
        row.split("|")[1].strip(" `")
        for row in PAGES["suite_file"]().split("## `[data]`")[0].splitlines()
        if "*required*" in row
    }
    assert required == set()
    assert "| `recipe` | text | *required* |" in PAGES["suite_file"]()


def test_a_type_is_said_in_words():
    assert type_text(PositiveInt | None) == "integer > 0"
    assert type_text(Annotated[float, Ge(0), Lt(1)]) == "number ≥ 0 and < 1"
    assert type_text(tuple[float, ...]) == "list of: number"


def test_pages_of_records_are_read_again_at_each_build():
    names = {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")}
    env = SimpleNamespace(found_docs=names, doc2path=lambda name: DOCS / f"{name}.md")
    outdated = pages_of_records(None, env)
    assert {"reference/commands", "reference/metrics"} < set(outdated)
    assert len(outdated) < len(names) / 2


def test_a_mark_is_replaced_and_nothing_else():
    text = "before\n\n<!-- records: exit_codes -->\n\nafter\n"
    assert filled(text) == f"before\n\n{PAGES['exit_codes']()}\n\nafter\n"
    assert MARK.search("see <!-- records: exit_codes --> here") is None
