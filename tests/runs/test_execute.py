"""What a run leaves behind, what is reused of it, and what is done again."""

import json
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from genbench.core.errors import ConfigError
from genbench.core.files import sha256_file
from genbench.evaluation.spec import evaluators
from genbench.recipes import Built, DataFacts, Options
from genbench.results.per_datum import value_key
from genbench.results.run_folder import RunFolder
from genbench.runs import execute
from genbench.training import loop as training
from genbench.training.config import TrainConfig

FILES = {
    "spec.json",
    "provenance.json",
    "metrics.json",
    "model.safetensors",
    "artifacts/figures.safetensors",
    "artifacts/per_datum.safetensors",
}
TRAINED = FILES | {"history.csv", "artifacts/last_model.safetensors"}


def files_below(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("[!.]*") if p.is_file()}


def test_a_run_leaves_exactly_the_files_of_the_contract(done):
    vae = done.run_of(done.outcome, "vae")
    assert files_below(vae) == TRAINED | {"manifest.json"}
    assert files_below(done.run_of(done.outcome, "linear_gaussian")) == FILES | {"manifest.json"}


def test_the_manifest_lists_every_file_with_its_digest_and_is_written_last(done):
    for folder in done.runs():
        listed = json.loads((folder / "manifest.json").read_text())["files"]
        assert set(listed) == files_below(folder) - {"manifest.json"}
        assert listed == {name: sha256_file(folder / name) for name in listed}
        last = max((folder / name).stat().st_mtime_ns for name in listed)
        assert (folder / "manifest.json").stat().st_mtime_ns >= last


def test_the_folder_is_named_by_the_identity_that_it_states(done):
    from genbench.core.files import canonical_json, sha256_bytes

    for folder in done.runs():
        stated = json.loads((folder / "spec.json").read_text())
        stated.pop("description")
        assert sha256_bytes(canonical_json(stated).encode())[:12] == folder.name


def test_history_has_one_row_per_epoch(done):
    text = (done.run_of(done.outcome, "vae") / "history.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in text] == ["epoch", "1", "2"]


def test_a_suite_states_what_training_has_found(done):
    stored = json.loads((done.results / "tiny" / "suite.json").read_text())["runs"]
    vae, closed = (next(run for run in stored if run["model"] == name) for name in
                   ("vae", "linear_gaussian"))  # fmt: skip
    metrics = json.loads((done.run_of(done.outcome, "vae") / "metrics.json").read_text())
    for key in ("selected_epoch", "validation_fall", "validation_fall_stderr"):
        assert vae[key] == metrics[key] is not None
        assert closed[key] is None
    assert (vae["steps"], vae["closed_form"]) == (2 * (80 // 20), False)
    assert (closed["steps"], closed["closed_form"]) == (None, True)


def version(metric):
    return evaluators[metric].record.version


def per_datum_keys(folder, condition=""):
    """Return the rows of each evaluation by the key of its values."""
    evaluations = json.loads((folder / "metrics.json").read_text())["evaluations"]
    rows = {rows[0]["metric"].partition("[")[0]: rows for rows in evaluations.values()}
    return {
        value_key(
            "test", metric, condition, version(metric), json.dumps(found[0]["options"])
        ): found
        for metric, found in rows.items()
    }


def test_per_datum_values_average_to_the_stored_numbers(done):
    for model in ("vae", "linear_gaussian"):
        folder = done.run_of(done.outcome, model)
        values = load_file(folder / "artifacts" / "per_datum.safetensors")
        by_key = per_datum_keys(folder)
        for key, tensor in values.items():
            rows = by_key[key]
            means = tensor.double().reshape(len(tensor), -1).mean(dim=0).tolist()
            assert [row["value"] for row in rows] == pytest.approx(means, rel=1e-12)
            assert all(row["n"] == 80 for row in rows)
        assert any(
            key.startswith(f"iw_log_likelihood/test/v{version('iw_log_likelihood')}")
            for key in values
        )


def test_an_evaluator_that_does_not_apply_takes_no_values_from_another(done):
    metric = "iw_log_likelihood"  # the name of the marginal one in tables, too
    options = "evaluate.label_marginal_log_likelihood.n_samples=5"
    chunk = "evaluate.label_marginal_log_likelihood.chunk_size=5"
    metrics = f"evaluate.metrics=['{metric}', 'label_marginal_log_likelihood']"
    done.run(metrics, options, chunk, results=done.folder / "both")
    (path,) = (done.folder / "both" / "tiny" / "runs").glob(
        f"{done.run_of(done.outcome, 'vae').name}/artifacts/per_datum.safetensors"
    )
    assert [key.partition("/")[0] for key in load_file(path)] == [metric]


def test_a_number_that_lost_the_values_behind_it_is_evaluated_again(done):
    folder = done.run_of(done.outcome, "vae")
    path = folder / "artifacts" / "per_datum.safetensors"
    before, table = load_file(path), done.outcome.frame
    (lost,) = [key for key in before if key.startswith("iw_log_likelihood/")]
    save_file({key: tensor for key, tensor in before.items() if key != lost}, path)
    RunFolder(done.results / "tiny", folder.name).seal()
    again = done.run()
    cached = {record.spec.name: record.cached for record in again.records}
    assert cached == {"vae": False, "linear_gaussian": True}
    assert bool((load_file(path)[lost] == before[lost]).all())
    assert again.frame.equals(table)
    assert done.run().cached


def test_values_under_an_older_version_s_keys_are_renamed_and_not_evaluated_again(done, untrained):
    untrained()
    folder = done.run_of(done.outcome, "vae")
    path = folder / "artifacts" / "per_datum.safetensors"
    before, metrics = load_file(path), (folder / "metrics.json").read_bytes()
    of_rows = {key: rows[0]["metric"] for key, rows in per_datum_keys(folder).items()}
    evaluations = json.loads(metrics)["evaluations"]
    old = {rows[0]["metric"]: key for key, rows in evaluations.items()}
    save_file({old[of_rows[key]]: tensor for key, tensor in before.items()}, path)
    RunFolder(done.results / "tiny", folder.name).seal()
    records = {record.spec.name: record for record in done.run().records}
    assert not records["vae"].cached
    assert records["linear_gaussian"].cached
    after = load_file(path)
    assert after.keys() == before.keys()
    assert all(bool((after[key] == before[key]).all()) for key in before)
    assert (folder / "metrics.json").read_bytes() == metrics
    assert done.run().cached


def test_the_closed_form_row_agrees_with_itself(done):
    rows = {row["metric"]: row for row in done.rows("linear_gaussian")}
    exact = float(rows["log_likelihood"]["value"])
    assert rows["log_likelihood"]["kind"] == "exact"
    for bound in ("elbo", "iw_log_likelihood"):
        assert float(rows[bound]["value"]) == pytest.approx(exact, rel=1e-12)


def test_a_second_run_does_nothing(done):
    before = done.state()
    again = done.run()
    assert again.cached
    assert again.unchanged
    assert done.state() == before


def test_the_second_run_returns_the_same_table(done):
    import pandas as pd

    pd.testing.assert_frame_equal(done.run().frame, done.outcome.frame)


def written(path):
    """Return which file stands at the path and when it was written; a reader changes neither."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


def test_a_new_metric_is_added_without_training(done, monkeypatch):
    from genbench.runs import execute

    def no_training(*args, **kwargs):
        raise AssertionError("trained again")

    monkeypatch.setattr(execute, "fit", no_training)
    folder = done.run_of(done.outcome, "vae")
    model, rows = written(folder / "model.safetensors"), done.rows("vae")
    wanted = "['elbo', 'iw_log_likelihood', 'kl_per_dim', 'log_likelihood', 'active_units', 'kl']"
    again = done.run(f"evaluate.metrics={wanted}")
    assert not again.cached
    assert written(folder / "model.safetensors") == model
    more = done.rows("vae")
    assert [row for row in more if row["metric"] != "kl"] == rows
    (kl,) = [row for row in more if row["metric"] == "kl"]
    per_dim = [float(row["value"]) for row in rows if row["metric"].startswith("kl_per_dim[")]
    assert len(per_dim) == 3
    assert float(kl["value"]) == pytest.approx(sum(per_dim), rel=1e-5)


def test_a_metric_added_later_equals_one_asked_for_at_once(done, tmp_path):
    wanted = "evaluate.metrics=['kl', 'elbo', 'reconstruction_mse']"
    done.run(wanted)
    later = done.rows("vae")
    shutil.rmtree(done.results)
    done.run(wanted)
    assert done.rows("vae") == later


def test_other_options_of_a_metric_stand_beside_the_old_ones(done):
    folder = done.run_of(done.outcome, "vae")
    before = json.loads((folder / "metrics.json").read_text())["evaluations"]
    done.run("evaluate.iw_log_likelihood.n_samples=7")
    after = json.loads((folder / "metrics.json").read_text())["evaluations"]
    assert {k: after[k] for k in before} == before
    (added,) = after.keys() - before.keys()
    assert '"n_samples":7' in added


def test_fresh_does_everything_again_and_ends_in_the_same_bits(done):
    numbers, times = done.numbers(), {k: v[0] for k, v in done.state().items()}
    again = done.run(fresh=True)
    assert not again.cached
    assert done.numbers() == numbers
    runs = [k for k in times if "/runs/" in k]
    assert all(done.state()[k][0] > times[k] for k in runs)


def test_fresh_runs_in_an_empty_place_end_in_the_same_bits(done, tmp_path):
    numbers = done.numbers()
    shutil.rmtree(done.results)
    done.run()
    assert done.numbers() == numbers


# --- damage --------------------------------------------------------------------------------------


def truncate(path):
    path.write_bytes(path.read_bytes()[:-7])


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def delete(path):
    path.unlink()


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [truncate, flip, delete, empty])
@pytest.mark.parametrize("name", sorted(TRAINED))
def test_a_damaged_file_is_made_again_with_the_same_bits(vae_done, name, damage):
    numbers = vae_done.numbers()
    suite = (vae_done.results / "tiny" / "suite.json").read_text()
    folder = vae_done.run_of(vae_done.outcome, "vae")
    damage(folder / name)
    again = vae_done.run()
    assert not again.cached
    assert vae_done.numbers() == numbers
    assert selected_epochs(suite) == selected_epochs(
        (vae_done.results / "tiny" / "suite.json").read_text()
    )
    assert vae_done.run().cached


def selected_epochs(suite):
    return [run["selected_epoch"] for run in json.loads(suite)["runs"]]


@pytest.fixture
def vae_done(workplace, vae_template):
    """A workplace in which only the VAE was run, copied from a finished one."""
    text, results, outcome = vae_template
    workplace.suite.write_text(text)
    shutil.copytree(results, workplace.results)
    workplace.outcome = outcome
    return workplace


@pytest.fixture(scope="module")
def vae_template(tmp_path_factory):
    from genbench.runs.run_options import RunOptions
    from genbench.suites.run import run_suite

    folder = tmp_path_factory.mktemp("template")
    text = """
title = "Tiny"
[data]
name = "digits"
binarisation = "dynamic"
limit = 60
[train]
epochs = 2
batch_size = 20
[[model]]
recipe = "vae"
hidden = [8]
latent_dim = 2
[evaluate]
metrics = ["elbo", "kl_per_dim", "log_likelihood"]
"""
    (folder / "tiny.toml").write_text(text)
    request = RunOptions(
        suite=str(folder / "tiny.toml"), results=folder / "results", report=False, device="cpu"
    )
    return text, folder / "results", run_suite(request)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "3", '{"files": []}', '{"files": {"model.safetensors": 3}}', None]
)
def test_a_damaged_or_missing_manifest_is_done_again_with_the_same_bits(vae_done, content):
    numbers = vae_done.numbers()
    manifest = vae_done.run_of(vae_done.outcome, "vae") / "manifest.json"
    good = json.loads(manifest.read_text())
    manifest.write_text(content) if content is not None else manifest.unlink()
    assert not vae_done.run().cached
    assert vae_done.numbers() == numbers
    assert set(json.loads(manifest.read_text())["files"]) == set(good["files"])


def test_a_deleted_run_comes_back_with_the_same_bits(done):
    numbers = done.numbers()
    shutil.rmtree(done.run_of(done.outcome, "vae"))
    done.run()
    assert done.numbers() == numbers


@pytest.mark.parametrize("name", ["metrics.csv", "suite.json"])
def test_the_suites_own_files_are_written_again_when_damaged(vae_done, name):
    path = vae_done.results / "tiny" / name
    good = path.read_bytes()
    path.write_bytes(b"\xff\xfe damaged")
    assert vae_done.run().cached
    assert path.read_bytes() == good


def test_leftovers_of_a_killed_write_are_not_sealed(vae_done):
    folder = vae_done.run_of(vae_done.outcome, "vae")
    (folder / "manifest.json").unlink()
    (folder / ".metrics.json.abc.tmp").write_text("half a fi")
    vae_done.run()
    listed = json.loads((folder / "manifest.json").read_text())["files"]
    assert not any(name.endswith(".tmp") for name in listed)


# --- runs that do not finish ---------------------------------------------------------------------

WILD = """
[[model]]
name = "wild"
recipe = "vae"
hidden = [16]
latent_dim = 3
learning_rate = 1e18
"""


def with_wild(workplace):
    text = workplace.suite.read_text()
    head, tail = text.split("[[model]]", 1)
    workplace.suite.write_text(f"{head}{WILD}\n[[model]]{tail}")


def test_a_diverging_run_is_stored_with_its_step_and_the_others_go_on(workplace):
    with_wild(workplace)
    outcome = workplace.run()
    assert {r.spec.name: r.status for r in outcome.records} == {
        "wild": "diverged",
        "vae": "ok",
        "linear_gaussian": "ok",
    }
    (wild,) = outcome.failures
    assert "'vae'" in wild.reason
    assert "step" in wild.reason
    folder = workplace.run_of(outcome, "wild")
    stored = json.loads((folder / "metrics.json").read_text())
    assert (stored["status"], stored["reason"]) == ("diverged", wild.reason)
    assert not (folder / "model.safetensors").exists()


def test_a_diverged_run_has_a_row_for_every_metric_and_no_number(workplace):
    with_wild(workplace)
    workplace.run()
    rows = workplace.rows("wild")
    wanted = ["elbo", "iw_log_likelihood", "kl_per_dim", "log_likelihood", "active_units"]
    assert [row["metric"] for row in rows] == wanted
    for row in rows:
        assert row["status"] == "diverged"
        assert row["value"] == row["stderr"] == row["n"] == ""
        assert "step" in row["reason"]


def test_a_diverged_run_is_not_repeated(workplace, monkeypatch):
    with_wild(workplace)
    workplace.run()
    before = workplace.state()
    monkeypatch.setattr("genbench.runs.execute.fit", None)
    again = workplace.run()
    assert again.cached
    assert [r.status for r in again.failures] == ["diverged"]
    assert workplace.state() == before


def test_a_diverged_run_is_not_trained_again_for_a_new_metric(workplace, monkeypatch):
    with_wild(workplace)
    workplace.run()
    monkeypatch.setattr("genbench.runs.execute.fit", None)
    workplace.run("evaluate.metrics=['elbo', 'kl']")
    assert [row["metric"] for row in workplace.rows("wild")] == ["elbo", "kl"]


def broken_recipe(error):
    """Return a recipe like the VAE whose objective raises in the second step of training."""
    from genbench.recipes import Built, DataFacts, recipes
    from genbench.recipes.options import VaeOptions
    from genbench.training.update import Update

    calls = []

    def build(data: DataFacts, options: VaeOptions, train: TrainConfig) -> Built:
        """A recipe that breaks."""
        built = recipes["vae"].build(data, options, train)
        good = built.updates[0]

        def objective(model, batch):
            calls.append(1)
            if len(calls) == 2:
                raise error
            return good.objective(model, batch)

        return Built(built.model, (Update("broken", good.parameters, objective),))

    return build, calls


def test_a_recipe_that_cannot_be_built_at_all_stops_the_suite_before_training(
    workplace, own_recipe
):
    def boom(data: DataFacts, options: Options, train: TrainConfig) -> Built:
        """Never builds."""
        raise RuntimeError("no luck")

    own_recipe("boom", boom)
    text = workplace.suite.read_text()
    head, _, rest = text.partition('[[model]]\nrecipe = "vae"')
    others = rest[rest.index("[[model]]") :]
    workplace.suite.write_text(f'{head}[[model]]\nrecipe = "boom"\n\n{others}')
    words = r"model\.boom\.recipe: boom\(data, options, train\) raised RuntimeError: no luck \(test"
    with pytest.raises(ConfigError, match=words):
        workplace.run()


@pytest.mark.parametrize(
    "error",
    [RuntimeError("shapes differ"), KeyError("a key"), TypeError("no"), AssertionError(),
     IndexError("far"), AttributeError("gone"), NotImplementedError("later"), MemoryError()],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_a_recipe_that_raises_fails_alone_and_is_tried_again(workplace, own_recipe, error):
    build, calls = broken_recipe(error)
    own_recipe("broken", build)
    text = workplace.suite.read_text()
    workplace.suite.write_text(
        text.replace('[[model]]\nrecipe = "vae"', '[[model]]\nrecipe = "broken"')
    )
    outcome = workplace.run()
    assert [(r.spec.name, r.status) for r in outcome.records] == [
        ("broken", "failed"),
        ("linear_gaussian", "ok"),
    ]
    assert type(error).__name__ in outcome.failures[0].reason
    rows = workplace.rows("broken")
    assert {row["status"] for row in rows} == {"failed"}
    assert len(rows) == 5
    assert len(workplace.rows("linear_gaussian")) > 5
    again = workplace.run()  # the objective raises once only: it must have been tried again
    assert not again.failures
    assert len(calls) > 2
    assert {row["status"] for row in workplace.rows("broken")} == {"ok", "not_applicable"}


def test_bernoulli_on_grey_pixels_is_refused_before_any_training(workplace, monkeypatch):
    monkeypatch.setattr("genbench.runs.execute.fit", None)
    with pytest.raises(ConfigError, match=r"model\.vae\.observation.*data\.binarisation"):
        workplace.run("data.binarisation=none")
    assert not (workplace.results / "tiny" / "runs").exists()


def test_a_mistake_in_the_last_model_is_found_before_the_first_trains(workplace, monkeypatch):
    monkeypatch.setattr("genbench.runs.execute.fit", None)
    with pytest.raises(ConfigError, match=r"model\.linear_gaussian\.latent_dim.*64"):
        workplace.run("model.linear_gaussian.latent_dim=64")


def test_stored_json_holds_no_nan_or_infinity(workplace):
    with_wild(workplace)
    workplace.run()

    def refuse(constant):
        raise AssertionError(constant)

    found = list(workplace.results.rglob("*.json"))
    assert len(found) == 3 * 4 + 2  # of runs, and of the suite
    for path in found:
        json.loads(path.read_text(), parse_constant=refuse)


def test_pictures_are_intensities_of_the_right_shape(done):
    figures = load_file(done.run_of(done.outcome, "vae") / "artifacts" / "figures.safetensors")
    assert figures["samples"].shape == (64, 1, 8, 8)
    assert len(figures["originals"]) == 16
    assert set(np.unique(figures["originals"].numpy())) == {0, 255}  # the binary test digits
    assert len(figures["latent_dims"]) == 2
    assert figures["latent_means"].isfinite().all()


def test_provenance_says_where_and_how_long(done):
    found = json.loads((done.run_of(done.outcome, "vae") / "provenance.json").read_text())
    assert found["versions"].keys() >= {"genbench", "python", "torch", "numpy"}
    assert math.isfinite(found["train_seconds"])
    assert found["evaluate_seconds"] > 0
    assert found["device"].startswith("CPU")


def test_a_run_whose_steps_were_not_recorded_on_a_gpu_says_why(workplace, monkeypatch):
    def unrecorded(*arguments):
        return replace(training.fit(*arguments), not_recorded="a step waits for the device")

    monkeypatch.setattr(execute, "fit", unrecorded)
    outcome = workplace.run()
    told = json.loads((workplace.run_of(outcome, "vae") / "provenance.json").read_text())
    assert told["not_recorded"] == "a step waits for the device"
    exact = json.loads(
        (workplace.run_of(outcome, "linear_gaussian") / "provenance.json").read_text()
    )
    assert "not_recorded" not in exact


def test_a_run_on_the_processor_says_nothing_of_recording(done):
    told = json.loads((done.run_of(done.outcome, "vae") / "provenance.json").read_text())
    assert "not_recorded" not in told


# --- devices without float64 ---------------------------------------------------------------------


@pytest.fixture
def mps(monkeypatch):
    """Let ``mps`` seem to be there, and train on the processor in its place; return where."""
    trained_on, real = [], execute.loop_of

    def loop_of(run, built, device):
        trained_on.append(device.type)
        assert run.dataset.levels.device.type == "cpu"
        return real(run, built, torch.device("cpu"))

    generator = torch.Generator()
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "_get_default_mps_generator", lambda: generator)
    monkeypatch.setattr(execute, "loop_of", loop_of)
    return trained_on


def test_mps_trains_and_the_processor_does_all_else(workplace, finished, mps):
    said = []
    outcome = workplace.run(device="mps", say=said.append)
    assert mps == ["mps"]  # the closed form is fitted on the processor
    assert workplace.numbers() == finished.numbers()
    stored = json.loads((workplace.run_of(outcome, "vae") / "provenance.json").read_text())
    assert stored["device"].startswith("MPS, ")
    assert stored["evaluated_on"].endswith("in float64")
    remark = "trained on mps, which has no float64, and evaluated on the processor."
    assert said[0] == f"vae, linear_gaussian: {remark}"
