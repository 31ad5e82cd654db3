"""``list`` reads the sources; it must say what the imported registries hold."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from genbench.commands import list as list_command
from genbench.evaluation import runner  # noqa: F401  registers the evaluators
from genbench.evaluation.spec import evaluators
from genbench.recipes import recipes
from genbench.studies import studies

HEAVY = ("torch", "numpy", "pandas", "pydantic", "scipy", "sklearn", "matplotlib")
LISTED = ("models", "datasets", "evaluators", "studies", "suites")


def genbench_list(what, path=""):
    """Run ``list`` in a process of its own, which ends by naming the heavy modules it imported."""
    program = f"""
import sys
from genbench.cli import main
code = main(["list", {what!r}])
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
sys.exit(code)
"""
    return subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("what", LISTED)
def test_listing_imports_nothing_heavy(what):
    done = genbench_list(what)
    assert (done.returncode, done.stderr) == (0, "[]\n")
    assert len(done.stdout.splitlines()) > 3


def test_the_recipes_listed_are_those_registered():
    own = [recipes[name] for name in recipes if recipes[name].build.__module__[:9] == "genbench."]
    assert list_command.models()[0] == [(recipe.name, recipe.about) for recipe in own]
    assert len(own) > 10


def test_the_evaluators_listed_are_those_registered():
    known = [evaluators[name] for name in evaluators]
    own = [entry for entry in known if entry.function.__module__[:9] == "genbench."]
    assert list_command.evaluators()[0] == [
        (r.name, f"v{r.version}", r.unit, r.better, r.kind, r.description)
        for r in (evaluator.record for evaluator in own)
    ]
    assert len(own) > 15


def test_the_studies_listed_are_those_registered():
    known = [studies[name] for name in studies]
    own = [entry for entry in known if entry.function.__module__[:9] == "genbench."]
    assert [row[:3] for row in list_command.studies()[0]] == [
        (entry.name, f"v{entry.version}", entry.title) for entry in own
    ]
    assert all(row[3] for row in list_command.studies()[0])


SOURCE = '''
import a_module_that_nobody_has

@evaluator(name="second", version=2, needs=(A, B), unit="nats")
def function(block, options):
    """What it is,
    in two lines.

    And more.
    """

@other
@evaluator(name="first", version=1, needs=A, unit="bits")
def another(block, options): ...

@recipe("not an evaluator")
def third(): ...
'''


def test_declarations_are_read_from_source_that_is_not_run(tmp_path):
    (tmp_path / "one.py").write_text(SOURCE)
    (tmp_path / "two.py").write_text("this is no Python, and declares nothing")
    first, second = list_command.declared(tmp_path, "evaluator")
    assert first == {"name": "first", "version": 1, "unit": "bits", "doc": ""}
    assert (second["name"], second["version"], second["unit"]) == ("second", 2, "nats")
    assert second["doc"] == "What it is,\nin two lines.\n\nAnd more."


@pytest.fixture
def installed(tmp_path):
    """A folder on the path with a package that registers two recipes and cannot be imported."""
    metadata = tmp_path / "theirs-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: their-models\nVersion: 1.0\n")
    points = "[genbench.recipes]\ntheir_vae = theirs:build\nvae = theirs:build\n"
    points += "[genbench.datasets]\ntheir_faces = theirs:faces\nmnist = theirs:faces\n"
    points += "[genbench.evaluators]\ntheir_ink = theirs:ink\n"
    (metadata / "entry_points.txt").write_text(points)
    (tmp_path / "theirs.py").write_text("raise RuntimeError('imported')\n")
    return Path(tmp_path)


def test_recipes_of_installed_packages_are_listed_with_the_package_and_not_imported(installed):
    done = genbench_list("models", installed)
    assert (done.returncode, done.stderr) == (0, "[]\n")
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    assert ["their_vae", "from the installed package 'their-models'"] in lines
    assert ["vae", recipes["vae"].about] in lines  # a name that is taken stays with its owner


THEIRS = [("datasets", "their_faces"), ("evaluators", "their_ink")]


@pytest.mark.parametrize(("what", "name"), THEIRS)
def test_so_are_their_data_sets_and_metrics(installed, what, name):
    done = genbench_list(what, installed)
    assert (done.returncode, done.stderr) == (0, "[]\n")
    lines = done.stdout.splitlines()
    assert f"{name} from the installed package 'their-models'" in " ".join(done.stdout.split())
    assert sum(line.startswith("mnist ") for line in lines) == (what == "datasets")
