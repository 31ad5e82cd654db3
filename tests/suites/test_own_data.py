"""Own images through whole suites: one identity whatever holds them, and none without need."""

import csv
import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

import genbench
from genbench import cli
from genbench.core.errors import ConfigError, DataError
from genbench.runs.run_options import RunOptions
from genbench.suites.dry_run import dry_run
from genbench.suites.run import run_suite

SUITE = """
[data]
path = "{path}"
binarisation = "dynamic"

[train]
epochs = 1
batch_size = 200

[[model]]
recipe = "vae"
hidden = [8]
latent_dim = 2

[[model]]
recipe = "independent_pixels"

[evaluate]
metrics = ["elbo", "log_likelihood"]
elbo = {{ n_samples = 2 }}
"""
SIZE = (8, 7)


def images(n=1_000):
    draw = np.random.default_rng(0)
    return (draw.random((n, 1, 1)) * draw.integers(0, 256, (n, *SIZE))).astype(np.uint8)


def as_folder(path, x):
    path.mkdir()
    for i, pixels in enumerate(x):
        Image.fromarray(pixels).save(path / f"{i:04}.png", compress_level=0)


def as_parquet(path, x):
    pyarrow = pytest.importorskip("pyarrow")
    from io import BytesIO

    from pyarrow import parquet

    files = []
    for pixels in x:
        file = BytesIO()
        Image.fromarray(pixels).save(file, "PNG", compress_level=0)
        files.append({"bytes": file.getvalue(), "path": None})
    parquet.write_table(pyarrow.table({"image": files}), path)


HOLDERS = {
    "shots": as_folder,
    "a.npz": lambda path, x: np.savez(path, x[::-1]),
    "b.npz": lambda path, x: np.savez_compressed(path, images=x[:, :, :, None]),
    "c.npz": lambda path, x: np.savez(path, x_train=x[np.random.permutation(len(x)), None]),  # noqa: NPY002
    "d.npy": np.save,
    "e.parquet": as_parquet,
}


class Place:
    """A folder with a suite file beside the images that it names."""

    def __init__(self, folder):
        self.folder = folder

    def suite(self, path, name="own"):
        file = self.folder / f"{name}.toml"
        file.write_text(SUITE.format(path=path))
        return str(file)

    def run(self, path, *settings, results="results", name="own"):
        options = RunOptions(
            self.suite(path, name),
            settings,
            results=self.folder / results,
            device="cpu",
            report=False,
        )
        return run_suite(options)

    def rows(self, results="results", name="own"):
        """The suite's table, without what names the data set."""
        with (self.folder / results / name / "metrics.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            assert row.pop("dataset") == row["protocol"].partition("@")[0]
            row["protocol"] = row["protocol"].partition("@")[2]
        return rows


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("finished"))
    np.save(place.folder / "shots.npy", images(200))
    place.outcome = place.run("shots.npy")
    return place


@pytest.fixture
def done(finished, tmp_path):
    shutil.copytree(finished.folder, tmp_path / "done")
    return Place(tmp_path / "done")


@pytest.fixture
def untrained(monkeypatch):
    def fit(*args, **kwargs):
        raise AssertionError("trained again")

    monkeypatch.setattr("genbench.runs.execute.fit", fit)


def test_the_same_images_give_the_same_runs_and_numbers_whatever_holds_them(place):
    tables, ids = {}, {}
    for name, write in HOLDERS.items():
        write(place.folder / name, images())
        outcome = place.run(name, results=f"results of {name}")
        ids[name] = [record.train_id for record in outcome.records]
        tables[name] = place.rows(f"results of {name}")
    assert [row["status"] for row in tables["shots"]].count("ok") == 2
    assert all(found == ids["shots"] for found in ids.values())
    assert all(found == tables["shots"] for found in tables.values())


def test_own_images_may_be_moved_and_renamed_without_training_again(done, untrained):
    (done.folder / "elsewhere").mkdir()
    (done.folder / "shots.npy").rename(done.folder / "elsewhere" / "pictures.npy")
    outcome = done.run("elsewhere/pictures.npy")
    assert all(record.cached for record in outcome.records)
    assert {row["protocol"].partition("/")[2] for row in done.rows()} == {
        "dynamic(seed=0)/144+16+40 drawn(seed=0) validation(seed=0)/mass"
    }


def test_other_images_are_other_runs(done):
    before = {record.train_id for record in done.run("shots.npy").records}
    changed = images(200)
    changed[0, 0, 0] ^= 1
    np.save(done.folder / "shots.npy", changed)
    after = {record.train_id for record in done.run("shots.npy").records}
    assert before.isdisjoint(after)


@pytest.mark.parametrize("setting", ["data.split={test=50}", "data.split={seed=1}"])
def test_another_split_is_another_run_under_another_protocol(done, setting):
    before = done.run("shots.npy").records
    after = done.run("shots.npy", setting).records
    for old, new in zip(before, after, strict=True):
        assert old.train_id != new.train_id
        assert old.protocol.text != new.protocol.text


def test_a_trained_model_is_loaded_with_the_data_gone(done):
    results = done.folder / "results"
    data = genbench.load_data(done.folder / "shots.npy", binarisation="dynamic")
    (done.folder / "shots.npy").unlink()
    (done.folder / "own.toml").unlink()
    model = genbench.load_model("own", "independent_pixels", results=results)
    with (results / "own" / "metrics.csv").open(newline="") as file:
        (value,) = (
            float(row["value"])
            for row in csv.DictReader(file)
            if row["model"] == "independent_pixels" and row["metric"] == "log_likelihood"
        )
    assert float(model.log_prob(data.test.x).double().mean()) == pytest.approx(value, abs=1e-5)
    vae = genbench.load_model("own", "vae", results=results)
    assert vae.sample(2).shape == (2, 1, *SIZE)


def test_report_compare_and_check_need_no_data(done, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (done.folder / "shots.npy").unlink()
    results = str(done.folder / "results")
    baseline = ("check", "--suite", "own", "--baseline", "own.json", "--results", results)
    assert cli.main(["report", "--suite", "own", "--results", results]) == 0
    copy = shutil.copytree(done.folder / "results" / "own", tmp_path / "copy")
    assert cli.main(["compare", f"{results}/own", str(copy)]) == 0
    assert cli.main([*baseline, "--update"]) == 0
    assert cli.main(baseline) == 0
    page = (tmp_path / "reports" / "own" / "index.html").read_text()
    assert "split by genbench with seed 0" in page


def test_no_folder_of_this_machine_is_stored_or_shown(done, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done.run("shots.npy", f"data.path={done.folder / 'shots.npy'}", "train.epochs=2")
    results = done.folder / "results"
    assert cli.main(["report", "--suite", "own", "--results", str(results)]) == 0
    written = [*results.rglob("*.json"), *results.rglob("*.csv"), *tmp_path.glob("reports/**/*.*")]
    texts = {path: path.read_bytes() for path in written}
    assert [path for path, text in texts.items() if str(tmp_path).encode() in text] == []
    stored = json.loads((results / "own" / "suite.json").read_text())
    assert stored["spec"]["data"]["path"] == "shots.npy"
    assert "data.path=shots.npy" in stored["command"]


def test_the_path_in_a_suite_file_is_relative_to_it_and_that_of_a_setting_to_this_folder(
    done, tmp_path, monkeypatch, untrained
):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    assert all(record.cached for record in done.run("shots.npy").records)
    shutil.move(done.folder / "shots.npy", here / "mine.npy")
    outcome = done.run("shots.npy", "data.path=mine.npy")
    assert all(record.cached for record in outcome.records)


def test_images_that_are_not_there_are_missed_with_the_nearest_name(place):
    np.save(place.folder / "shots.npy", images(20))
    for name in ("shotz.npy", "nowhere/shots.npy"):
        with pytest.raises(DataError, match="no such file or folder"):
            place.run(name)
    with pytest.raises(DataError, match=r"did you mean 'shots\.npy'\?$"):
        place.run("shotz.npy")
    plan = dry_run(RunOptions(place.suite("shotz.npy"), device="cpu"))
    assert {row.state for row in plan.rows} == {"data missing"}
    assert len(plan.problems) == 1
    assert "did you mean 'shots.npy'?" in plan.problems[0]


def test_images_that_cannot_be_read_are_told_by_a_dry_run(place):
    (place.folder / "shots.npy").write_text("no array")
    plan = dry_run(RunOptions(place.suite("shots.npy"), device="cpu"))
    assert {row.state for row in plan.rows} == {"data damaged"}
    assert plan.problems[0].startswith("shots.npy")


def test_the_name_of_a_file_as_the_name_of_a_data_set_is_told(place):
    with pytest.raises(ConfigError, match=r'write path = "shots\.npy"'):
        place.run("shots.npy", "data={name='shots.npy'}")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (["data.validation_size=160"], "160 of the 160 training images of shots.npy leave none"),
        (["data.name=digits"], "'digits' is another data set than path"),
        (["data.split={test=0}"], "split.test: expected a share"),
        (["data.split={tset=3}"], "did you mean 'test'"),
    ],
)
def test_a_key_that_does_not_fit_the_images_is_named(done, settings, reason):
    with pytest.raises(ConfigError, match=reason):
        done.run("shots.npy", *settings)


def test_a_split_of_divided_images_is_refused(place):
    np.savez(place.folder / "shots.npz", x_train=images(20), x_test=images(25)[20:])
    with pytest.raises(ConfigError, match=r"data\.split: shots\.npz has a test set of its own"):
        place.run("shots.npz", "data.split={seed=1}")


def test_models_on_different_images_are_not_trained_as_one(place):
    """Their identities differ in the digest alone, which is known only once they are read."""
    from genbench.runs.joint_runs import joint_groups
    from genbench.suites.spec import expand, load_suite

    text = SUITE.format(path="a.npy") + '\n[[model]]\nname = "other"\nrecipe = "vae"\n'
    text = text.replace("[evaluate]", "").replace('metrics = ["elbo", "log_likelihood"]', "")
    text = text.replace("elbo = { n_samples = 2 }", "")
    (place.folder / "two.toml").write_text(f'{text}hidden = [8]\nlatent_dim = 2\npath = "b.npy"\n')
    specs = expand(load_suite(str(place.folder / "two.toml")))
    assert len(specs) == 3
    assert len(joint_groups(specs)) == 3


def test_the_views_of_one_file_read_it_once(place, monkeypatch):
    from genbench.data.own import load

    np.save(place.folder / "shots.npy", images(40))
    reads = []
    read = load.read_images
    monkeypatch.setattr(load, "read_images", lambda *given: reads.append(given) or read(*given))
    views = [
        genbench.load_data(place.folder / "shots.npy", binarisation=view)
        for view in ("none", "static", "dynamic", "threshold")
    ]
    assert len(reads) == 1
    assert {view.test.x.shape for view in views} == {torch.Size([8, 1, *SIZE])}
    np.save(place.folder / "shots.npy", images(50))
    assert len(genbench.load_data(place.folder / "shots.npy").test.x) == 10
    assert len(reads) == 2
