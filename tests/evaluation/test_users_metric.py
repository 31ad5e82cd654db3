"""A metric that a user declares is treated like one of genbench's own, from its record alone."""

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
import torch

import genbench
from genbench import cli
from genbench.core.capabilities import Autoencodes, Variational
from genbench.core.errors import ConfigError, ExitCode
from genbench.core.metric import Parts
from genbench.evaluation.reconstruction import reconstruct
from genbench.evaluation.spec import PerDatum, evaluators
from genbench.gate import read_baseline
from genbench.testing import assert_no_regression, write_baseline

SUITE = """
title = "Ink"
seeds = [0, 1, 2]

[data]
name = "digits"
binarisation = "static"
limit = 80

[train]
epochs = 1
batch_size = 20
learning_rate = 5e-3

[[model]]
recipe = "vae"
name = "short"
hidden = [16]
latent_dim = 3

[[model]]
recipe = "vae"
name = "long"
epochs = 60
hidden = [64]
latent_dim = 8

[evaluate]
metrics = ["elbo", "ink", "ink_by_half"]
"""
WHOLE = "## digits, binarised once, probabilities (test)"
INK = {"unit": "share", "better": "lower", "kind": "exact", "version": 1}
NEEDS = (Autoencodes, Variational)


def misplaced(block):
    """The share of each pixel, (B, C, H, W), that a reconstruction gets wrong."""
    return (reconstruct(block.model, block.x) - block.x).abs()


def declare():
    @genbench.evaluator(name="ink", needs=NEEDS, title="Ink", margin=0.01, **INK)
    def ink(block, options):
        """Mean share of a pixel that the reconstruction gets wrong."""
        return PerDatum(misplaced(block).flatten(1).mean(dim=1))

    @genbench.evaluator(
        name="ink_by_half", needs=NEEDS, title="Ink by half", margin=0.02,
        parts=Parts(note="Shares of a pixel."), **INK,
    )  # fmt: skip
    def ink_by_half(block, options):
        """The same, of each half of the image."""
        halves = misplaced(block).chunk(2, dim=-2)
        values = torch.stack([half.flatten(1).mean(dim=1) for half in halves], dim=1)
        return PerDatum(values, parts=("top", "bottom"))


@dataclass
class Place:
    """A suite with a user's metrics, run and reported."""

    folder: Path
    frame: pd.DataFrame

    @property
    def report(self):
        return self.folder / "reports" / "inked"

    def section(self, title):
        """The rows of a table of ``table.md``, without the line below its head."""
        text = (self.report / "table.md").read_text().partition(title)[2]
        lines = text.partition("\n## ")[0].splitlines()
        rows = [line for line in lines if line.startswith("|") and "---" not in line]
        return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]

    def worsened(self, name):
        """A copy of the table, without its runs, in which each number of ``ink`` is worse."""
        suite = self.folder / name / "inked"
        suite.mkdir(parents=True)
        for file in ("metrics.csv", "suite.json"):
            shutil.copy(self.folder / "results" / "inked" / file, suite / file)
        path = suite / "metrics.csv"
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            if row["metric"] == "ink":
                row["value"] = repr(float(row["value"]) + 0.2)
        with path.open("w", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            table.writeheader()
            table.writerows(rows)
        return self.folder / name


@pytest.fixture(scope="module")
def own_metrics():
    kept = dict(evaluators._entries)
    declare()
    yield
    evaluators._entries.clear()
    evaluators._entries.update(kept)


@pytest.fixture(scope="module")
def place(own_metrics, tmp_path_factory):
    folder = tmp_path_factory.mktemp("inked")
    (folder / "inked.toml").write_text(SUITE)
    places = {"results": folder / "results", "reports": folder / "reports"}
    frame = genbench.run(str(folder / "inked.toml"), device="cpu", **places)
    return Place(folder, frame)


def test_a_users_metric_is_paired_marked_compared_drawn_and_gated(place, capsys):
    # marked in the comparison table, and paired datum by datum
    short, long = (row[2] for row in place.section(WHOLE)[1:])
    assert place.section(WHOLE)[0][2] == "ink ↓ (share, exact)"
    assert long.startswith("**0.")
    assert "**" not in short
    (head, row) = place.section("## ink (exact)")
    assert (head, row[0]) == (["row − column", "short"], "long")
    assert row[1].startswith("-0.0")
    # drawn in a figure of its own
    assert (place.report / "figures" / "ink-1.png").stat().st_size > 1000
    # compared between two suites, over images and seeds
    results = place.folder / "results"
    shutil.copytree(results / "inked", results / "other")
    argv = ["compare", "inked:long", "other:short", "--results", str(results), "--format", "json"]
    assert cli.main(argv) == 0
    lines = {line["metric"]: line for line in json.loads(capsys.readouterr().out)["lines"]}
    assert (lines["ink"]["verdict"], lines["ink"]["better"]) == ("A", "lower")
    assert lines["ink"]["test"] == "two-sided t-test over images and seeds"
    # gated, with the margin that it declares
    check = ["check", "--suite", "inked", "--baseline", str(place.folder / "b.json"), "--results"]
    assert cli.main([*check, str(results), "--update"]) == 0
    capsys.readouterr()
    assert cli.main([*check, str(results)]) == 0
    assert verdicts(capsys) == {("long", "ink"): "same", ("short", "ink"): "same"}
    assert cli.main([*check, str(place.worsened("worse"))]) == ExitCode.REGRESSION
    assert verdicts(capsys) == {("long", "ink"): "worse", ("short", "ink"): "worse"}


def verdicts(capsys):
    """What the printed table of the gate says of ``ink``."""
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    return {(row[1], row[2]): row[0] for row in rows if len(row) > 2 and row[2] == "ink"}


def test_a_users_metric_in_parts_has_its_table_and_its_figure(place):
    head, *rows = place.section("## Ink by half")
    assert head == ["model", "top", "bottom"]
    assert [row[0] for row in rows] == ["short", "long"]
    assert "Shares of a pixel." in (place.report / "table.md").read_text()
    assert (place.report / "figures" / "ink-by-half-1.png").stat().st_size > 1000
    whole = place.section(WHOLE)[0]
    assert not any("half" in column for column in whole)


def test_the_table_that_run_returns_is_gated_by_the_same_margins(place):
    stored = genbench.load_results("inked", place.folder / "results")
    for name, frame in (("run", place.frame), ("stored", stored), ("joined", halves(stored))):
        path = place.folder / f"{name}.json"
        write_baseline(frame, path)
        margins = {entry.metric: entry.margin for entry in read_baseline(path).metrics}
        parts = {"ink_by_half[top]": 0.02, "ink_by_half[bottom]": 0.02}
        assert margins == {"elbo": 0.5, "ink": 0.01} | parts, name
        assert_no_regression(frame, path)


def halves(frame):
    """The same table, taken apart by seed and put together again."""
    return pd.concat([frame[frame["seed"] == seed] for seed in (0, 1, 2)], ignore_index=True)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"beter": "lower"}, r"evaluator\.ink2\.beter: .*did you mean 'better'"),
        ({"unit": None}, r"evaluator\.ink2\.unit: "),
        ({"better": "less"}, r"evaluator\.ink2\.better: .*higher, lower, none"),
        ({"margin": -1.0}, r"evaluator\.ink2\.margin: .*greater than 0"),
        ({"parts": {"name": {}}}, r"evaluator\.ink2\.parts\.name: "),
        ({"plot": "curve"}, r"evaluator\.ink2: .*plot 'curve': .* without parts has one of none, "),
        ({"plot": "bounds", "parts": {}}, r"evaluator\.ink2: .*plot 'bounds': .* several parts "),
    ],
)
def test_a_wrong_or_missing_field_of_a_record_is_named_with_the_nearest(changes, words):
    fields = INK | {"title": "Ink"} | changes
    stated = {name: value for name, value in fields.items() if value is not None}
    with pytest.raises(ConfigError, match=words):
        genbench.evaluator(name="ink2", needs=NEEDS, **stated)(lambda block, options: None)
    assert "ink2" not in evaluators
