"""The workflows run pinned actions, may only read, and stop in time."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))

every_workflow = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


@every_workflow
def test_every_action_is_pinned_to_a_commit_and_names_its_version(path):
    actions = re.findall(r"uses: (.*)", path.read_text())
    assert actions
    for action in actions:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


@every_workflow
def test_a_workflow_may_only_read_and_a_newer_push_ends_it(path):
    text = path.read_text()
    assert re.findall(r"^permissions:\n((?:  .*\n)+)", text, re.M) == ["  contents: read\n"]
    assert "\nconcurrency:\n" in text


@every_workflow
def test_no_job_may_do_more_but_the_one_that_publishes_the_documentation(path):
    of_jobs = re.findall(r"^    permissions:\n((?:      .*\n)+)", path.read_text(), re.M)
    publishing = ["      pages: write\n      id-token: write\n"]
    assert of_jobs == (publishing if path.stem == "docs" else [])


def test_the_documentation_is_published_from_main_only_and_built_without_warnings():
    text = (FOLDER / "docs.yml").read_text()
    assert "python -m sphinx -W -b html docs " in text
    assert "branches: [main]" in text
    assert "    if: github.event_name == 'push'\n" in text


@every_workflow
def test_every_job_has_a_time_limit(path):
    text = path.read_text()
    assert text.count("timeout-minutes:") == text.count("runs-on:") > 0


def test_the_tests_run_on_the_oldest_and_the_newest_python_and_the_lowest_versions():
    text = (FOLDER / "ci.yml").read_text()
    assert 'python: ["3.11", "3.13"]' in text
    assert "--resolution lowest-direct" in text


def test_the_tests_of_pages_are_not_skipped_for_want_of_a_browser():
    run = FOLDER.parents[1] / ".ci" / "run"
    for path in (run, FOLDER / "ci.yml"):
        tests = path.read_text().count("python -m pytest -q")
        assert path.read_text().count("GENBENCH_REQUIRE_BROWSER") == tests == 1
