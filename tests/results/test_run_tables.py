"""The tables of runs that declared figures show."""

import math

import pandas as pd
import pytest

from genbench.results.records import StoredRun
from genbench.results.run_tables import history_table, metrics_table, of_models
from tests.results.fabricate import write_manifest

PROTOCOL = "digits@1a2b3c4d/static(seed=0)/50+10+20/mass"


def run_of(folder, train_id, columns, seed=0, **keys):
    """A run with a history of two epochs, all of whose values are those of ``columns``."""
    path = folder / "runs" / train_id
    path.mkdir(parents=True)
    history = pd.DataFrame({"epoch": [1, 2], "step": [4, 8], **columns})
    history.to_csv(path / "history.csv", index=False)
    write_manifest(path)
    known = {
        "train_id": train_id, "model": "vae", "recipe": "vae", "seed": seed, "dataset": "digits",
        "protocol": PROTOCOL, "train": {"batch_size": 12, "epochs": 2},
        "options": {"latent_dim": 3, "hidden": [4, 5], "kl": "written"},
        "data": {"name": "digits", "seed": 7, "limit": 50},
    }  # fmt: skip
    return StoredRun(**known | keys)


def test_history_counts_the_images_of_the_steps_and_names_the_bound_plainly(tmp_path):
    logged = {"train.vae.elbo": [-9.0, -8.0], "validation.vae.elbo": [-9.5, -8.5]}
    table = history_table(tmp_path, [run_of(tmp_path, "a", logged)])
    assert list(table["samples_seen"]) == [48, 96]  # four steps of 12, of 50 images
    assert list(table["train_elbo"]) == list(table["train.vae.elbo"]) == [-9.0, -8.0]
    assert list(table["validation_elbo"]) == [-9.5, -8.5]
    told = ["model", "recipe", "seed", "dataset", "latent_dim", "hidden", "limit", "batch_size"]
    assert table.loc[1, told].tolist() == ["vae", "vae", 0, "digits", 3, "[4,5]", 50, 12]


def test_options_of_a_table_have_columns_of_their_own(tmp_path):
    options = {"observation": {"kind": "gaussian", "scale": 0.25}}
    table = history_table(tmp_path, [run_of(tmp_path, "a", {}, options=options)])
    assert table.loc[0, ["observation.kind", "observation.scale"]].tolist() == ["gaussian", 0.25]
    assert table.loc[0, "observation"] == '{"kind":"gaussian","scale":0.25}'


def test_a_batch_is_never_larger_than_the_data(tmp_path):
    run = run_of(tmp_path, "a", {}, train={"batch_size": 500})
    assert list(history_table(tmp_path, [run])["samples_seen"]) == [200, 400]


def test_of_several_updates_the_first_that_logs_a_quantity_gives_it_the_plain_name(tmp_path):
    logged = {"train.wake.loss": [1.0, 1.0], "train.wake.elbo": [2.0, 2.0],
              "train.sleep.loss": [3.0, 3.0], "train.sleep.nll": [4.0, 4.0]}  # fmt: skip
    table = history_table(tmp_path, [run_of(tmp_path, "a", logged)])
    names = ["train_loss", "train_elbo", "train_nll"]
    assert table.loc[0, names].tolist() == [1.0, 2.0, 4.0]


def test_histories_of_different_columns_stand_in_one_table(tmp_path):
    first = run_of(tmp_path, "a", {"train.vae.elbo": [1.0, 2.0]})
    second = run_of(tmp_path, "b", {"train.gan.loss": [5.0, 6.0]}, 3, model="gan", options={})
    table = history_table(tmp_path, [first, second])
    assert list(table["seed"]) == [0, 0, 3, 3]
    assert list(table["train_loss"].isna()) == [True, True, False, False]


def test_runs_without_a_history_have_no_rows(tmp_path):
    bare = StoredRun(train_id="none", model="pca")
    assert len(history_table(tmp_path, [bare])) == 0


@pytest.fixture
def frame():
    row = {"train_id": "a", "model": "vae", "status": "ok", "stderr": 0.5}
    rows = [
        row | {"metric": "elbo", "value": -7.25},
        row | {"metric": "kl", "value": 2.0, "stderr": math.nan},
        row | {"metric": "log_likelihood", "value": math.nan, "status": "not_applicable"},
        row | {"metric": "elbo", "value": -9.0, "train_id": "b", "model": "gan"},
    ]
    return pd.DataFrame(rows)


def test_metrics_are_a_row_per_run_and_a_column_per_metric(tmp_path, frame):
    runs = [run_of(tmp_path, "a", {}), run_of(tmp_path, "b", {}, model="gan")]
    table = metrics_table(frame, runs)
    assert list(table["elbo"]) == [-7.25, -9.0]
    assert list(table["elbo_stderr"]) == [0.5, 0.5]
    assert table["kl"][0] == 2.0  # the number, and not the option of that name
    assert table.loc[:, ["kl_stderr", "log_likelihood"]].isna().all(axis=None)
    assert math.isnan(table["kl"][1])
    assert list(table["latent_dim"]) == [3, 3]


def test_a_model_is_found_by_its_name_whatever_was_fitted_to_it():
    table = pd.DataFrame({"model": ["gan+normal(0.1)", "gan", "ganet", "ae, normal(0.2)"]})
    assert list(of_models(table, ["gan"])["model"]) == ["gan"]
    assert list(of_models(table, ["gan+normal"])["model"]) == ["gan+normal(0.1)"]
    assert list(of_models(table, ["ae"])["model"]) == ["ae, normal(0.2)"]
    assert len(of_models(table, [])) == 4


def test_the_tables_of_a_stored_suite_have_all_its_runs(suite):
    record, frame = suite.record, suite.frame
    metrics = metrics_table(frame, record.runs)
    assert list(metrics["model"]) == [run.model for run in record.runs]
    assert set(frame["metric"]) <= set(metrics)
    history = history_table(suite.folder, record.runs)
    trained = {run.model for run in record.runs if run.status == "ok"} - {"linear_gaussian"}
    assert set(history["model"]) == trained
