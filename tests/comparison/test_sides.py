import json
import shutil

import pytest

from genbench.comparison import resolve
from genbench.core.errors import ConfigError, StorageError
from genbench.results.columns import COLUMNS
from genbench.results.metrics_table import suite_folder


@pytest.mark.parametrize(
    ("text", "suite"),
    [("tiny:vae", None), ("vae", "tiny"), ("{folder}:vae", None)],
    ids=["suite and model", "model of --suite", "folder and model"],
)
def test_every_way_to_name_a_model_leads_to_its_rows(stored, text, suite):
    side = resolve(text.format(folder=stored.results / "tiny"), stored.results, suite)
    assert (side.labels, side.model) == (("vae",), "vae")


@pytest.mark.parametrize("text", ["tiny", "{folder}"])
def test_a_suite_and_its_folder_are_the_same(stored, text):
    side = resolve(text.format(folder=stored.results / "tiny"), stored.results)
    assert set(side.labels) == {
        "vae", "vae_twin", "beta_vae", "linear_gaussian", "cvae", "gan+normal(0.126)",
    }  # fmt: skip
    assert side.model == ""


def test_folder_with_a_colon_in_its_name_is_a_folder(place):
    folder = place.results / "at 10:30"
    shutil.copytree(place.results / "tiny", folder)
    assert "vae" in resolve(str(folder), place.results).labels
    assert resolve(f"{folder}:vae", place.results).labels == ("vae",)


def test_unknown_model_names_the_nearest(stored):
    with pytest.raises(ConfigError, match="'tiny' has no model 'vea'; did you mean 'vae'"):
        resolve("tiny:vea", stored.results)


def test_unknown_suite_names_the_nearest(stored):
    with pytest.raises(StorageError, match=r"no results of suite 'tinny'.*did you mean 'tiny'"):
        resolve("tinny", stored.results)


@pytest.mark.parametrize("path", ["tiny.toml", "suites/tiny.toml"])
def test_a_suite_file_is_answered_with_the_name_of_its_results(stored, path):
    with pytest.raises(StorageError, match="those of a suite file go by its name: 'tiny'"):
        suite_folder(stored.results, path)


def test_a_collection_is_answered_with_its_suites(tmp_path):
    folder = tmp_path / "all"
    folder.mkdir()
    cells = {"seed": "0", "value": "1", "n": "1", "status": "ok"}
    rows = [",".join({"suite": s, **cells}.get(c, "") for c in COLUMNS) for s in ("one", "two")]
    (folder / "metrics.csv").write_text("\n".join([",".join(COLUMNS), *rows, ""]))
    record = {"schema": 2, "name": "all", "members": ["one", "two"]}
    (folder / "suite.json").write_text(json.dumps(record))
    with pytest.raises(ConfigError, match=r"'all' is a collection; .*: one, two"):
        resolve("all", tmp_path)
