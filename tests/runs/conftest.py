"""One small suite, its runs, and ways to look at what they leave."""

import copy
import csv
import shutil
from pathlib import Path

import pytest

from genbench.recipes import Built, recipe, recipes
from genbench.runs.run_options import RunOptions
from genbench.suites.run import run_suite

TINY = """
title = "Tiny"
seeds = [0]

[data]
name = "digits"
binarisation = "dynamic"
limit = 80

[train]
epochs = 2
batch_size = 20

[[model]]
recipe = "vae"
hidden = [16]
latent_dim = 3

[[model]]
recipe = "linear_gaussian"
latent_dim = 3
binarisation = "none"
dequantisation = "uniform"

[evaluate]
metrics = ["elbo", "iw_log_likelihood", "kl_per_dim", "log_likelihood", "active_units"]
iw_log_likelihood = { n_samples = 5, chunk_size = 5 }
"""


class Workplace:
    """A suite file and a results folder, with the suite run in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.suite = folder / "tiny.toml"
        self.suite.write_text(TINY)
        self.results = folder / "results"

    def options(self, *settings: str, **request) -> RunOptions:
        known = {"settings": settings, "report": False, "device": "cpu", "results": self.results}
        return RunOptions(suite=str(self.suite), **(known | request))

    def run(self, *settings: str, say=lambda line: None, **request):
        return run_suite(self.options(*settings, **request), say)

    def runs(self) -> list[Path]:
        return sorted((self.results / "tiny" / "runs").iterdir())

    def run_of(self, outcome, model: str) -> Path:
        (record,) = [r for r in outcome.records if r.spec.name == model]
        return self.results / "tiny" / "runs" / record.train_id

    def state(self) -> dict[str, tuple[int, bytes]]:
        """Return the time and content of every file below the results, except locks."""
        return {
            str(path.relative_to(self.results)): (path.stat().st_mtime_ns, path.read_bytes())
            for path in sorted(self.results.rglob("[!.]*"))
            if path.is_file()
        }

    def numbers(self) -> dict[str, bytes]:
        """Return every file whose content is science, not time or place."""
        places = ("provenance.json", "manifest.json", "suite.json")
        return {k: v[1] for k, v in self.state().items() if not k.endswith(places)}

    def rows(self, model: str) -> list[dict[str, str]]:
        with (self.results / "tiny" / "metrics.csv").open(newline="") as file:
            return [row for row in csv.DictReader(file) if row["model"] == model]


@pytest.fixture
def workplace(tmp_path) -> Workplace:
    """An empty workplace."""
    return Workplace(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Workplace:
    """A workplace in which the tiny suite was run, for all tests to copy."""
    workplace = Workplace(tmp_path_factory.mktemp("finished"))
    workplace.outcome = workplace.run()
    return workplace


@pytest.fixture
def done(workplace, finished) -> Workplace:
    """A workplace in which the tiny suite was run: a copy of the finished one."""
    shutil.copytree(finished.results, workplace.results)
    workplace.outcome = copy.deepcopy(finished.outcome)
    return workplace


@pytest.fixture
def untrained(monkeypatch):
    """Forbid any training from now on: ``untrained()``."""

    def fit(*args, **kwargs):
        raise AssertionError("trained again")

    return lambda: monkeypatch.setattr("genbench.runs.execute.fit", fit)


@pytest.fixture
def own_recipe():
    """Register recipes for one test: ``own_recipe(name, build)``."""
    added = []

    def register(name, build):
        recipe(name)(build)
        added.append(name)
        return Built

    yield register
    for name in added:
        recipes._entries.pop(name)
