"""The suite's table: columns, order, and that it reads back as what was returned."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from pydantic import model_validator

from genbench.core.errors import ConfigError
from genbench.recipes import recipes
from genbench.results.metrics_table import read_table
from genbench.runs.run_options import RunOptions
from genbench.suites.dry_run import dry_run
from genbench.suites.run import run_suite
from genbench.suites.spec import load_suite

CONTRACT = [
    "suite", "dataset", "protocol", "model", "seed", "split", "metric", "value", "stderr", "n",
    "unit", "better", "kind", "status", "reason", "evaluator_version", "train_id",
]  # fmt: skip


@pytest.fixture
def run(suite_file, tmp_path):
    path = suite_file()

    def go(*settings, **request):
        return run_suite(
            RunOptions(
                path, settings=settings, results=tmp_path / "results", device="cpu", **request
            )
        )

    return go


def test_columns_are_those_of_the_contract_in_order(run, tmp_path):
    outcome = run()
    header = (tmp_path / "results" / "small" / "metrics.csv").read_text().splitlines()[0]
    assert header.split(",")[: len(CONTRACT)] == CONTRACT
    assert list(outcome.frame.columns)[: len(CONTRACT)] == CONTRACT
    assert set(header.split(",")) - set(CONTRACT) == {"options", "mc_stderr", "health"}


def test_rows_follow_the_file_the_seeds_the_metrics_and_the_dimensions(run):
    frame = run("seeds=[3, 1]").frame
    keys = list(zip(frame["model"], frame["seed"], frame["metric"], strict=True))
    metrics = ["elbo", "kl_per_dim[0]", "kl_per_dim[1]", "log_likelihood"]
    expected = [(m, s, k) for m in ("vae", "pca") for s in (3, 1) for k in metrics]
    assert keys == expected


def test_dimensions_are_sorted_as_numbers(run):
    frame = run("model.*.latent_dim=12", models=["vae"]).frame
    dims = [m for m in frame["metric"] if m.startswith("kl_per_dim")]
    assert dims == [f"kl_per_dim[{i}]" for i in range(12)]


def test_the_stored_table_reads_back_equal_to_the_returned_one(run, tmp_path):
    frame = run().frame
    stored = read_table(tmp_path / "results" / "small")
    pd.testing.assert_frame_equal(stored, frame, check_dtype=False, check_exact=True)


def test_numbers_are_complete_or_explained(run):
    frame = run().frame
    good = frame[frame["status"] == "ok"]
    assert np.isfinite(good["value"].astype(float)).all()
    assert (good["n"] == 70).all()
    rest = frame[frame["status"] != "ok"]
    assert list(rest["status"].unique()) == ["not_applicable"]
    assert (rest["reason"].str.len() > 0).all()
    assert rest["value"].isna().all()


def test_protocols_keep_apart_what_does_not_compare(run):
    frame = run().frame
    protocols = frame.groupby("model")["protocol"].unique()
    assert len(protocols["vae"]) == len(protocols["pca"]) == 1
    assert protocols["vae"][0].endswith("/mass")
    assert protocols["pca"][0].endswith("/density")


def test_models_run_one_at_a_time_share_the_table(run):
    first = run(models=["pca"]).frame
    assert set(first["model"]) == {"pca"}
    both = run(models=["vae"]).frame
    assert list(dict.fromkeys(both["model"])) == ["vae", "pca"]
    pd.testing.assert_frame_equal(
        both[both["model"] == "pca"].reset_index(drop=True), first, check_dtype=False
    )
    assert run().cached


def test_an_unknown_model_is_answered_with_the_nearest(run):
    with pytest.raises(ConfigError, match="did you mean 'pca'"):
        run(models=["pcaa"])


def test_suite_json_holds_what_a_report_needs(run, tmp_path):
    run()
    found = json.loads((tmp_path / "results" / "small" / "suite.json").read_text())
    assert [record["name"] for record in found["metrics"]] == [
        "elbo",
        "kl_per_dim",
        "log_likelihood",
    ]
    assert [(r["model"], r["status"]) for r in found["runs"]] == [("vae", "ok"), ("pca", "ok")]
    assert found["runs"][0]["options"]["hidden"] == [8]


def test_a_seal_that_lists_more_than_table_and_record_is_written_anew(run, tmp_path):
    run(models=["pca"])
    seal = tmp_path / "results" / "small" / "manifest.json"
    before = json.loads(seal.read_text())
    more = before["files"] | {"../outside": "0" * 64}
    seal.write_text(json.dumps(before | {"files": more}))
    run(models=["pca"])
    assert json.loads(seal.read_text()) == before


def test_another_budget_is_another_run_and_replaces_the_row(run, tmp_path):
    before = run(models=["vae"]).frame
    after = run("train.epochs=2", models=["vae"]).frame
    assert set(before["train_id"]).isdisjoint(after["train_id"])
    assert len(list((tmp_path / "results" / "small" / "runs").iterdir())) == 2


def test_dry_run_tells_what_is_to_do_and_writes_nothing(suite_file, tmp_path):
    request = RunOptions(suite_file(), results=tmp_path / "results", device="cpu")
    rows = dry_run(request).rows
    assert [(row.name, row.seed, row.state) for row in rows] == [
        ("vae", 0, "to do"),
        ("pca", 0, "to do"),
    ]
    assert not (tmp_path / "results").exists()
    run_suite(RunOptions(suite_file(), models=["pca"], results=tmp_path / "results", device="cpu"))
    assert [row[3] for row in dry_run(request).rows] == ["to do", "stored"]


def test_a_model_that_is_not_asked_for_need_not_fit(run, suite_file, tmp_path):
    """Two latent dimensions of ``pca`` need four training images."""
    few = {"limit": 3, "results": tmp_path / "results", "device": "cpu"}
    with pytest.raises(ConfigError, match=r"model\.pca\.latent_dim: 2 needs at least 4"):
        run(limit=3)
    with pytest.raises(ConfigError, match=r"model\.pca\.latent_dim"):
        dry_run(RunOptions(suite_file(), **few))
    (row,) = dry_run(RunOptions(suite_file(), models=["vae"], **few)).rows
    assert row.state == "to do"
    assert set(run(limit=3, models=["vae"]).frame["model"]) == {"vae"}


def counted(options, seen):
    """Return a subclass of a recipe's options that counts how often it is validated."""

    def count(self):
        seen[options.__name__] += 1
        return self

    namespace = {"__module__": __name__, "count": model_validator(mode="after")(count)}
    return type(options)(options.__name__, (options,), namespace)


def test_options_are_validated_once_for_each_model_entry(monkeypatch, tmp_path):
    seen = Counter()
    for name, recipe in list(recipes._entries.items()):
        changed = replace(recipe, options=counted(recipe.options, seen))
        monkeypatch.setitem(recipes._entries, name, changed)
    dry_run(RunOptions("digits", results=tmp_path / "results", device="cpu"))
    entries = load_suite("digits").model
    assert len(entries) > 10
    names = [recipes[entry.recipe].options.__name__ for entry in entries]
    assert seen == Counter(names)


def test_every_metric_list_may_be_empty(run):
    assert len(run("evaluate.metrics=[]").frame) == 0


def _whose_about_says(told, results):
    stored = json.loads((results / "small" / "suite.json").read_text())["runs"]
    return {run["model"]: run["about"].endswith(told) for run in stored}


def test_a_batch_larger_than_the_data_is_said_once_for_each_model_and_on_its_page(
    suite_file, tmp_path
):
    said, path = [], suite_file()
    options = RunOptions(path, ("seeds=2", "train.batch_size=71"), results=tmp_path, device="cpu")
    run_suite(options, said.append)
    told = "batch_size = 71 exceeds the 70 training images: an epoch is one step."
    assert [line for line in said if "batch" in line] == [f"vae: {told}"]
    assert _whose_about_says(told, tmp_path) == {"vae": True, "pca": False}
    said.clear()
    run_suite(replace(options, settings=("train.batch_size=70",)), said.append)
    assert [line for line in said if "batch" in line] == []


def test_tf32_on_a_processor_is_float32_with_the_same_bits_and_said_so(suite_file, tmp_path):
    said, tables = [], []
    for precision in ("float32", "tf32"):
        settings, results = (f"train.precision={precision}",), tmp_path / precision
        options = RunOptions(suite_file(), settings, results=results, device="cpu")
        tables.append(run_suite(options, said.append).frame.drop(columns="train_id"))
    pd.testing.assert_frame_equal(*tables)
    told = "precision = tf32 has no effect without a GPU that has it: products are in float32."
    assert [line for line in said if "precision" in line] == [f"vae: {told}"]
    assert _whose_about_says(told, tmp_path / "tf32") == {"vae": True, "pca": False}
    assert not any(_whose_about_says(told, tmp_path / "float32").values())
    files = (tmp_path / "tf32" / "small" / "runs").glob("*/provenance.json")
    stated = [json.loads(file.read_text()).get("precision") for file in files]
    assert set(stated) == {"float32", None}  # None: nothing was trained


def test_a_suite_may_be_evaluated_on_validation_data(run, tmp_path):
    on_test = run("data.validation_size=50").frame
    frame = run("data.validation_size=50", "evaluate.split=validation").frame
    assert set(on_test["split"]) == {"test"}
    assert set(frame["split"]) == {"validation"}
    models = tmp_path / "results" / "small" / "runs"
    for pair in zip(frame["train_id"].unique(), on_test["train_id"].unique(), strict=True):
        weights = [(models / name / "model.safetensors").read_bytes() for name in pair]
        assert weights[0] == weights[1]
    good = frame["status"] == "ok"
    assert (frame["n"][good] == 50).all()
    assert (frame["value"][good] != on_test["value"][good]).all()
    again = run("data.validation_size=50")
    assert again.cached
    pd.testing.assert_frame_equal(again.frame, on_test)


def test_an_unknown_split_is_refused(run):
    with pytest.raises(ConfigError, match=r"evaluate.split: unknown split 'tset'.*'test'"):
        run("evaluate.split=tset")
