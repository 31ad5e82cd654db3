"""Stored results to compare: invented numbers in exactly the stored format."""

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from genbench.comparison import compare, resolve
from tests.results import rich

SUITE = ("vae", "vae_twin", "beta_vae", "linear_gaussian", "cvae", "gan+normal(0.126)")


def fabricate(root, models=SUITE, seeds=(0, 1), heights=()):
    """Write suite ``tiny``; ``heights`` replaces the bound of a model."""
    with pytest.MonkeyPatch.context() as patch:
        for model, height in dict(heights).items():
            recipe, _, parzen = rich.MODELS[model]
            patch.setitem(rich.MODELS, model, (recipe, height, parzen))
        return rich.fabricate_rich(root, models=models, seeds=seeds)


@dataclass
class Place:
    """A results folder that a test may change."""

    results: Path

    def rewrite(self, change, suite="tiny"):
        """Pass each row of the table, a dictionary, through ``change``; None drops it.

        What ``suite.json`` says of the runs follows.
        """
        path = self.results / suite / "metrics.csv"
        with path.open(newline="") as file:
            pairs = [(row, change(dict(row))) for row in csv.DictReader(file)]
        kept = [row for _, row in pairs if row is not None]
        record = json.loads((self.results / suite / "suite.json").read_text())
        for run in record["runs"]:
            followed = (
                new
                for old, new in pairs
                if new and all(old[key] == run[key] for key in ("train_id", "protocol"))
            )
            changed = next(followed, run)
            run |= {"model": changed["model"], "protocol": changed["protocol"]}
        (self.results / suite / "suite.json").write_text(json.dumps(record))
        with path.open("w", newline="") as file:
            table = csv.DictWriter(file, list(pairs[0][0]), lineterminator="\n")
            table.writeheader()
            table.writerows(kept)

    def copy(self, name):
        """Copy the suite under another name."""
        shutil.copytree(self.results / "tiny", self.results / name)
        return name

    def compare(self, first, second, suite=None):
        return compare(*(resolve(text, self.results, suite) for text in (first, second)))


@pytest.fixture(scope="session")
def stored(tmp_path_factory):
    """Two seeds, to be read only."""
    return Place(fabricate(tmp_path_factory.mktemp("stored")))


@pytest.fixture
def place(stored, tmp_path):
    """A copy, to be changed."""
    shutil.copytree(stored.results, tmp_path / "results")
    return Place(tmp_path / "results")


@pytest.fixture(scope="session")
def five(tmp_path_factory):
    """Five seeds of two models; in suite ``worse`` the first is 1 nat lower."""
    root = tmp_path_factory.mktemp("five")
    seeds = range(5)
    fabricate(root, ("vae", "beta_vae"), seeds)
    lower = fabricate(root / "other", ("vae", "beta_vae"), seeds, {"vae": -21.0})
    shutil.move(lower / "tiny", root / "worse")
    return Place(root)
