"""The folder of a study: its form, what counts as stored, and what is refused."""

import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file

from genbench.core.errors import ConfigError
from genbench.core.files import sha256_file
from genbench.core.plot import Plot
from genbench.studies import Findings, Setting, StudyCheck
from genbench.studies.store import StudyFolder, StudySpec, perform, record_of, require_complete
from tests.studies.tiny import DESCRIPTION, CoinOptions, raise_version


@pytest.fixture
def folder(tmp_path):
    return StudyFolder(tmp_path / "results", "small", "thrown")


def spec(**options):
    return StudySpec("thrown", "coins", CoinOptions(**options))


def do(folder, **options):
    asked = spec(**options)
    return perform(asked, Setting(asked.stream), folder)


def test_the_stored_form_is_the_one_that_others_read(coins, folder):
    do(folder, n=8)
    assert folder.path.parts[-3:] == ("small", "studies", "thrown")
    names = {path.name for path in folder.path.iterdir()}
    tables = {"means.csv", "odd_cells.csv"}
    assert names == {"study.json", "manifest.json", "arrays.safetensors"} | tables
    record = json.loads((folder / "study.json").read_text())
    seconds = record.pop("seconds")
    assert seconds >= 0
    plots = record.pop("plots")
    assert [Plot.model_validate(plot).name for plot in plots] == ["mean", "faces"]
    assert record == {
        "schema": 2,
        "name": "thrown",
        "study": "coins",
        "title": "Coins that are tossed",
        "version": 1,
        "description": DESCRIPTION,
        "options": {"n": 8, "limit": None, "off": 0.0, "fails": False},
        "seed": 0,
        "tables": ["means", "odd_cells"],
        "checks": [
            {"name": "one minus one half", "expected": 0.5, "found": 0.5, "tolerance": 1e-9,
             "claim": "=", "note": "By hand.", "passed": True},
            {"name": "mean of fair coins", "expected": 0.0, "tolerance": 0.0, "claim": ">=",
             "note": "", "passed": True, "found": record["checks"][1]["found"]},
        ],
    }  # fmt: skip


def test_the_manifest_holds_the_digest_of_each_file(coins, folder):
    do(folder)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    assert files == {
        path.name: sha256_file(path)
        for path in folder.path.iterdir()
        if path.name != "manifest.json"
    }


def test_tables_and_arrays_are_stored_to_the_last_digit(coins, folder):
    do(folder, n=9)
    uniform = torch.rand(9, generator=spec().stream.generator()).numpy()
    assert np.array_equal(load_file(folder / "arrays.safetensors")["faces"].ravel(), uniform[:6])
    lines = (folder / "means.csv").read_text().splitlines()[1:]
    means = [float(line.split(",")[1]) for line in lines]
    assert np.array_equal(means, np.cumsum(uniform > 0.5) / np.arange(1, 10))


def test_the_same_study_gives_the_same_bytes_whatever_it_is_called(coins, tmp_path):
    first, second = (StudyFolder(tmp_path, "small", name) for name in ("thrown", "other"))
    do(first)
    asked = StudySpec("other", "coins", CoinOptions())
    torch.rand(3)  # the state of the default generator plays no part
    perform(asked, Setting(asked.stream), second)
    for name in ("means.csv", "arrays.safetensors"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_what_is_asked_and_stored_is_found(coins, folder):
    record = do(folder, n=6)
    assert folder.stored(spec(n=6)) == record


def test_other_options_another_version_or_nothing_are_not_what_is_asked(coins, folder, monkeypatch):
    assert folder.stored(spec()) is None
    do(folder)
    assert folder.stored(spec(n=21)) is None
    raise_version(monkeypatch)
    assert folder.stored(spec()) is None


@pytest.mark.parametrize("name", ["study.json", "means.csv", "arrays.safetensors", "manifest.json"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_what_is_damaged_is_not_stored(coins, folder, name, damage):
    do(folder)
    if damage == "gone":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes((folder / name).read_bytes()[:-5])
    assert folder.stored(spec()) is None


def test_doing_it_again_leaves_nothing_of_before(coins, folder):
    do(folder)
    (folder / "means_of_before.csv").write_text("k\n1\n")
    do(folder, n=7)
    assert not (folder / "means_of_before.csv").exists()
    assert len(pd.read_csv(folder / "means.csv")) == 7
    assert folder.stored(spec(n=7))


def test_numbers_that_are_not_finite_are_null(coins):
    wrong = StudyCheck("undefined", 1.0, math.nan, math.inf)
    (check,) = record_of(spec(), Findings(checks=(wrong,)), 0.0)["checks"]
    assert (check["found"], check["tolerance"], check["passed"]) == (None, None, False)


TABLE = {"t": pd.DataFrame({"x": [1], "y": [2]})}
LINES = {"title": "T", "table": "t", "x": "x", "y": ("y",)}


@pytest.mark.parametrize(
    ("findings", "told"),
    [
        (Findings({"T 1": TABLE["t"]}), "table 'T 1'"),
        (Findings(TABLE, (), (Plot(name="p", **LINES | {"table": "u"}),)), "plot.p.table: no tab"),
        (Findings(TABLE, (), (Plot(name="p", **LINES | {"x": "xx"}),)), "did you mean 'x'"),
        (Findings(TABLE, (), (Plot(name="p", **LINES, hue="h"),)), "plot.p.hue: no column 'h'"),
        (Findings(TABLE, (), (Plot(name="p", **LINES),) * 2), "two plots are named 'p'"),
        (Findings({}, (), (Plot(name="p", title="T", kind="images", array="a"),)), "no array 'a'"),
        (
            Findings({}, (), (Plot(name="p", title="T", kind="images", array="a"),),
                     {"a": np.zeros((2, 3, 4))}),
            "has shape (2, 3, 4)",
        ),
    ],
)  # fmt: skip
def test_figures_of_what_is_not_there_are_refused(findings, told):
    with pytest.raises(ConfigError) as caught:
        require_complete(findings)
    assert told in str(caught.value)


def test_grids_in_grey_and_in_colour_are_accepted():
    plot = Plot(name="p", title="T", kind="images", array="a")
    for shape in ((2, 3, 4, 4), (2, 3, 4, 4, 3)):
        require_complete(Findings({}, (), (plot,), {"a": np.zeros(shape)}))
