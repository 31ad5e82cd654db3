"""``[[samples]]``: images that somebody made are a row of a suite, evaluated as models are."""

import json

import numpy as np
import pytest

import genbench
from genbench.core.errors import ConfigError, DataError
from genbench.suites.spec import load_suite

SUITE = """
seeds = 1

[data]
name = "digits"
binarisation = "dynamic"

[train]
epochs = 1

[[model]]
recipe = "mean_image"

[[samples]]
name = "theirs"
path = "theirs.npz"
note = "from their paper"

[evaluate]
metrics = ["elbo", "fd", "authenticity"]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a suite and its samples, which are test images."""
    monkeypatch.chdir(tmp_path)
    x = genbench.load_data("digits").test.x.numpy()
    np.savez("theirs.npz", samples=np.round(255 * x).astype(np.uint8))
    (tmp_path / "mine.toml").write_text(SUITE)
    return tmp_path


def run():
    frame = genbench.run("mine.toml", report=False, device="cpu", jobs=1)
    theirs = frame[frame["model"] == "external:theirs"]
    return theirs.assign(metric=theirs["metric"].str.partition("[")[0]).set_index("metric")


def test_an_archive_is_a_row_with_numbers_of_samples_and_no_likelihood(folder):
    theirs = run()
    assert theirs.loc["fd", "status"] == "ok"
    assert theirs.loc["fd", "value"] < 0.2
    assert theirs.loc["authenticity", "value"] > 0.4
    assert theirs.loc["elbo", "status"] == "not_applicable"


def test_it_is_evaluated_again_where_its_images_are_others_and_only_there(folder):
    first = run()
    (folder / "theirs.npz").rename(folder / "moved.npz")
    text = SUITE.replace("theirs.npz", "moved.npz")
    (folder / "mine.toml").write_text(text)
    assert run()["train_id"].tolist() == first["train_id"].tolist()
    np.savez("moved.npz", samples=np.zeros((500, 8, 8), np.uint8))
    other = run()
    assert set(other["train_id"]).isdisjoint(first["train_id"])
    assert other.loc["fd", "value"] > first.loc["fd", "value"]


def test_no_folder_of_this_machine_is_stored(folder):
    run()
    stored = folder / "results" / "mine"
    for path in stored.rglob("*.json"):
        assert str(folder) not in path.read_text(), path
    entry = json.loads((stored / "suite.json").read_text())["spec"]["model"][-1]
    assert (entry["name"], entry["note"]) == ("external:theirs", "from their paper")
    assert entry["options"] == {"path": "theirs.npz"}


@pytest.mark.parametrize(
    ("old", "new", "error", "said"),
    [
        ('path = "theirs.npz"\n', "", ConfigError, "samples.0.path: must be stated"),
        ("note", "nte", ConfigError, "samples.0.nte: unknown key; did you mean 'note'?"),
        ('"theirs"', '"a/b"', ConfigError, "samples.name: a name holds no /"),
        ("[[samples]]", "[samples]", ConfigError, "samples: expected [[samples]] tables"),
        ('"theirs.npz"', '"their.npz"', DataError, "did you mean 'theirs.npz'?"),
    ],
)
def test_a_mistake_is_named_before_anything_runs(folder, old, new, error, said):
    (folder / "mine.toml").write_text(SUITE.replace(old, new, 1))
    with pytest.raises(error) as caught:
        run()
    assert said in str(caught.value)
    assert not (folder / "results" / "mine" / "runs").exists()


def test_the_name_is_by_default_that_of_the_file(folder):
    (folder / "mine.toml").write_text(SUITE.replace('name = "theirs"', ""))
    assert [entry.name for entry in load_suite("mine.toml").model][-1] == "external:theirs"


def test_images_of_another_size_stop_the_suite_at_once(folder):
    np.savez("theirs.npz", samples=np.zeros((9, 7, 7), np.uint8))
    with pytest.raises(DataError, match=r"shape \(9, 7, 7\) does not fit the data"):
        run()
