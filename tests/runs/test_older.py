"""Runs of an older version stay where they are, are said, and are trained anew."""

import shutil

import pytest

from genbench.core.files import canonical_json, sha256_bytes
from genbench.results.run_folder import RunFolder
from genbench.runs.older import older_runs


@pytest.fixture
def old(done, tmp_path):
    """Store the finished suite as version 1 of runs would have done, in another folder."""

    def make(schema=1, **changes):
        suite = tmp_path / "old" / "tiny"
        for path in done.runs():
            folder = RunFolder(done.results / "tiny", path.name)
            spec = folder.read("spec.json") | {"schema": schema, **changes}
            identity = {key: value for key, value in spec.items() if key != "description"}
            train_id = sha256_bytes(canonical_json(identity).encode())[:12]
            shutil.copytree(path, suite / "runs" / train_id)
            copied = RunFolder(suite, train_id)
            copied.write("spec.json", spec)
            copied.seal()
        return suite

    return make


def test_what_an_older_version_stored_is_said_and_stays(done, old):
    suite, said = old(), []
    before = sorted((suite / "runs").iterdir())
    done.run(say=said.append, results=suite.parent, models=("linear_gaussian",))
    (line,) = (line for line in said if "older version" in line)
    assert line.startswith("2 runs in ")
    after = sorted((suite / "runs").iterdir())
    assert set(before) < set(after)
    assert len(after) == 3
    said.clear()
    done.run(say=said.append, results=suite.parent, models=("linear_gaussian",))
    assert not any("older version" in line for line in said)  # nothing is trained anew


def test_runs_of_this_version_are_nothing_to_say(done):
    assert older_runs(done.results / "tiny" / "runs") == ""


def test_what_cannot_be_read_is_passed_over(old, tmp_path):
    suite = old()
    first, _ = sorted((suite / "runs").iterdir())
    (first / "spec.json").write_text("[]")
    (suite / "runs" / "notes").mkdir()
    (suite / "runs" / "text").write_text("x")
    assert older_runs(suite / "runs").startswith("1 run in ")
    assert older_runs(tmp_path / "nothing") == ""
