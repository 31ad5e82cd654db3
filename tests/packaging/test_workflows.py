"""Workflows, ours and those that the documentation shows: pinned, least privilege, short."""

import re
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / ".github" / "workflows"
OURS = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.y*ml"))}


def shown():
    """Return the workflows in the documentation: its YAML files and the blocks of its pages."""
    texts = {}
    for path in [*sorted((REPOSITORY / "docs").rglob("*")), REPOSITORY / "README.md"]:
        if path.suffix in (".yml", ".yaml"):
            blocks = [path.read_text()]
        elif path.suffix == ".md":
            blocks = re.findall(r"```ya?ml\n(.*?)```", path.read_text(), re.DOTALL)
        else:
            blocks = []
        for block in blocks:
            if "runs-on:" in block:
                texts[f"{path.relative_to(REPOSITORY)}:{len(texts)}"] = block
    return texts


EVERY = OURS | shown()
our_workflow = pytest.mark.parametrize("text", OURS.values(), ids=OURS)
every_workflow = pytest.mark.parametrize("text", EVERY.values(), ids=EVERY)


def jobs(text):
    return yaml.safe_load(text)["jobs"]


def steps(text):
    return [step for job in jobs(text).values() for step in job["steps"]]


def test_the_documentation_shows_a_workflow_that_is_checked_here():
    assert len(EVERY) > len(OURS) == 3


@every_workflow
def test_every_action_is_pinned_to_a_commit_and_names_its_version(text):
    actions = re.findall(r"uses: (.*)", text)
    assert actions
    for action in actions:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action)


@every_workflow
def test_a_workflow_may_only_read(text):
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}


@our_workflow
def test_no_job_may_do_more_but_the_one_that_publishes_the_documentation(text):
    of_jobs = {name: job["permissions"] for name, job in jobs(text).items() if "permissions" in job}
    publishing = {"publish": {"pages": "write", "id-token": "write"}}
    assert of_jobs == (publishing if text == OURS["docs"] else {})


@every_workflow
def test_a_checkout_leaves_no_credentials_behind(text):
    checkouts = [step for step in steps(text) if "actions/checkout" in step.get("uses", "")]
    assert checkouts or text == OURS["docs"]
    for step in checkouts:
        assert step["with"]["persist-credentials"] is False


@every_workflow
def test_no_command_holds_text_that_others_can_write(text):
    commands = [step["run"] for step in steps(text) if "run" in step]
    assert commands
    assert not [command for command in commands if "${{" in command]


@every_workflow
def test_strangers_code_never_runs_with_our_rights(text):
    assert not re.search(r"pull_request_target|workflow_run|secrets\.", text)


@every_workflow
def test_every_job_has_a_time_limit(text):
    assert all(job["timeout-minutes"] <= 40 for job in jobs(text).values())


@our_workflow
def test_a_newer_push_ends_a_workflow(text):
    assert yaml.safe_load(text)["concurrency"]["cancel-in-progress"] is True


@our_workflow
def test_what_is_installed_has_its_hash_checked_but_for_the_lowest_versions(text):
    for name, job in jobs(text).items():
        lines = "\n".join(step.get("run", "") for step in job["steps"]).splitlines()
        for line in lines if name != "lowest" else []:
            if "pip install" in line:
                assert "--require-hashes" in line or line.endswith("--no-build-isolation -e .")


def test_ci_installs_nothing_beyond_the_lock():
    lines = (REPOSITORY / ".ci" / "run").read_text().splitlines()
    locked, ours = (line for line in lines if "pip install" in line)
    (offline,) = (line for line in lines if line.startswith("offline="))
    assert locked.endswith("--require-hashes --only-binary :all: -r requirements.lock")
    assert ours.startswith("install=$(")
    assert "--no-index" in offline
    assert 'eval "$install $offline"' in lines


def test_the_documentation_is_published_from_main_only_and_built_without_warnings():
    text = OURS["docs"]
    assert "python -m sphinx -W -b html docs " in text
    assert "branches: [main]" in text
    assert jobs(text)["publish"]["if"] == "github.event_name == 'push'"


def test_the_tests_run_on_the_oldest_and_the_newest_python_and_the_lowest_versions():
    assert jobs(OURS["ci"])["check"]["strategy"]["matrix"]["python"] == ["3.11", "3.13"]
    assert "--resolution lowest-direct" in OURS["ci"]


def test_the_tests_of_pages_are_not_skipped_for_want_of_a_browser():
    for text in ((REPOSITORY / ".ci" / "run").read_text(), OURS["ci"]):
        tests = text.count("python -m pytest -q")
        assert text.count("GENBENCH_REQUIRE_BROWSER") == tests == 1
