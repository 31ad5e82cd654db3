"""Trained models and data sets, loaded as a user would."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import genbench
from genbench import cli
from genbench.core.errors import ConfigError, DataError, StorageError
from genbench.core.files import canonical_json, sha256_bytes
from genbench.core.objective import Batch
from genbench.core.seeding import Stream
from genbench.data import DataConfig, load
from genbench.evaluation.runner import evaluate_model, make_task
from genbench.evaluation.spec import Context
from genbench.objectives.elbo import NegativeElbo
from genbench.recipes import recipes
from genbench.results.suite import StoredSuite
from genbench.runs.stored_model import stored_model
from tests.contracts.builders import SMALL
from tests.contracts.written import archive_of

HEAD = """
title = "Every recipe"

[data]
name = "digits"
binarisation = "dynamic"
limit = 60

[train]
epochs = 1
batch_size = 30

[evaluate]
metrics = ["elbo", "log_likelihood", "reconstruction_mse", "iw_log_likelihood"]
iw_log_likelihood = { n_samples = 5 }
"""
GREY = ("linear_gaussian", "linear_vae", "gaussian_mixture", "bayesian_mixture")
GREY += ("real_nvp", "diffusion", "flow_matching")
ASSUMED = """
[[model]]
name = "ae+gaussian"
recipe = "ae"
hidden = [11, 7]
latent_dim = 3
binarisation = "none"
dequantisation = "uniform"
assume = { prior = "gaussian", scale = 0.15 }

[[model]]
name = "ae+mixture"
recipe = "ae"
hidden = [11, 7]
latent_dim = 3
binarisation = "none"
dequantisation = "uniform"
assume = { prior = "mixture", n_components = 2, scale = 0.15 }

[[model]]
name = "gan+normal"
recipe = "gan"
hidden = [11, 7]
latent_dim = 3
binarisation = "none"
dequantisation = "uniform"
assume = { scale = 0.13 }
"""


def entries():
    """An entry of a suite file for each recipe."""
    for name in sorted(recipes):
        keys = recipes[name].options.model_fields
        options = {k: list(v) if isinstance(v, tuple) else v for k, v in SMALL.items() if k in keys}
        if "path" in keys:
            options["path"] = str(archive_of((1, 8, 8), 0))
        if name in GREY:
            options |= {"binarisation": "none", "dequantisation": "uniform"}
        yield "\n".join(["[[model]]", f'recipe = "{name}"', *map(_toml, options.items()), ""])


def _toml(option):
    return f"{option[0]} = {json.dumps(option[1])}"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("every")
    (folder / "every.toml").write_text(HEAD + "\n".join(entries()) + ASSUMED)
    genbench.run(
        str(folder / "every.toml"), results=folder / "results", report=False, device="cpu", seeds=2
    )
    return folder / "results"


@pytest.fixture
def own_results(results, tmp_path):
    return shutil.copytree(results, tmp_path / "results")


@pytest.fixture(scope="module")
def stored(results):
    return StoredSuite.open(results, "every")


def test_every_model_that_was_trained_gives_its_stored_numbers_to_the_bit(results, stored):
    assert len(stored.models) == len(list(recipes)) + 3
    for run in stored.record.runs:
        model = genbench.load_model("every", run.model, run.seed, results)
        assert isinstance(model, nn.Module)
        assert not any(module.training for module in model.modules()), run.model
        rows = stored.frame[stored.frame["train_id"] == run.train_id].set_index("metric")
        x, y = load(DataConfig.read(run.data, "data")).held_out("test")
        context = Context(model, Stream(run.seed, ("evaluate", "test")))
        options = {"iw_log_likelihood": {"n_samples": 5}}
        tasks = [make_task(name, options.get(name)) for name in rows.index]
        for (row,) in (result.rows for result in evaluate_model(x, y, tasks, context)):
            expected = rows.loc[row.metric]
            assert row.status == expected["status"], (run.model, row)
            if row.status == "ok":
                assert row.value == expected["value"], (run.model, row.metric)


def test_evaluate_on_load_data_repeats_the_stored_numbers(results, stored):
    model = genbench.load_model("every", "vae", results=results)
    data = genbench.load_data("digits", binarisation="dynamic", limit=60)
    names = ("elbo", "reconstruction_mse")
    frame = genbench.evaluate(model, data.test.x, evaluators=names).set_index("metric")
    rows = stored.frame[(stored.frame["model"] == "vae") & (stored.frame["seed"] == 0)]
    expected = rows.set_index("metric").loc[list(names), "value"]
    assert frame["value"]["reconstruction_mse"] == expected["reconstruction_mse"]
    error = abs(frame["value"]["elbo"] - expected["elbo"])  # another stream of 10 draws each
    assert 0 < error < 4 * frame["stderr"]["elbo"] / 10**0.5


def test_a_loaded_model_samples_encodes_and_goes_on_training(results):
    model = genbench.load_model("every", "vae", seed=1, results=results)
    x, y = genbench.load_data("digits", binarisation="dynamic", limit=60).train
    assert model.sample(4).shape == (4, 1, 8, 8)
    z = model.posterior(x).mean
    assert model.observation_model(z).log_prob(x).shape == (60,)
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    torch.manual_seed(0)
    for _ in range(200):
        loss = NegativeElbo()(model, Batch(x, y)).value
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-10:]) / 10 < losses[0] - 1


def test_a_model_with_a_fitted_scale_has_its_short_name_too(results, stored):
    (label,) = {run.model for run in stored.record.runs if run.model.startswith("gan+normal")}
    assert label == "gan+normal(0.13)"
    by_label, by_name = (
        genbench.load_model("every", n, results=results) for n in (label, "gan+normal")
    )
    assert by_label.scale.item() == pytest.approx(0.13)
    for key, value in by_label.state_dict().items():
        assert torch.equal(value, by_name.state_dict()[key])


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("evry", "vae"), StorageError, "did you mean 'every'"),
        (("every", "vaee"), ConfigError, "suite 'every' has no model 'vaee'; did you mean 'vae'"),
        (("every", "vae", 5), ConfigError, "model 'vae' of 'every' has no seed 5; known: 0, 1"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(results, arguments, error, words):
    with pytest.raises(error, match=words):
        genbench.load_model(*arguments, results=results)
    with pytest.raises(ConfigError, match="unknown device 'tpu'"):
        genbench.load_model("every", "vae", results=results, device="tpu")


def folder_of(results, model, seed=0):
    suite = StoredSuite.open(results, "every")
    (run,) = [r for r in suite.record.runs if (r.model, r.seed) == (model, seed)]
    return suite.run_folder(run)


@pytest.mark.parametrize("name", ["model.safetensors", "spec.json", "metrics.json"])
def test_a_damaged_run_is_refused(own_results, name):
    path = folder_of(own_results, "vae") / name
    content = bytearray(path.read_bytes())
    content[-9] ^= 1
    path.write_bytes(content)
    with pytest.raises(StorageError, match=f"{name} is damaged.*redoes it"):
        genbench.load_model("every", "vae", results=own_results)


def test_an_unfinished_run_is_refused(own_results):
    folder_of(own_results, "vae").break_seal()
    with pytest.raises(StorageError, match="is unfinished"):
        genbench.load_model("every", "vae", results=own_results)


def test_a_model_stored_by_the_first_version_is_loaded(own_results):
    """Its identity left out what was added later, and named TF32 apart."""
    folder = folder_of(own_results, "vae")
    spec = folder.read("spec.json")
    description = spec.pop("description")
    train = {k: v for k, v in spec["train"].items() if k not in ("precision", "weight_decay")}
    old = spec | {"schema": 1, "train": train | {"tf32": True}}
    del old["assume"]
    older = folder.sibling(sha256_bytes(canonical_json(old).encode())[:12])
    shutil.copytree(folder.path, older.path)
    older.write("spec.json", old | {"description": description})
    older.seal()
    new, loaded = (stored_model(each, "vae").state_dict() for each in (folder, older))
    assert all(torch.equal(new[key], loaded[key]) for key in new)


def test_weights_of_another_model_are_refused(own_results):
    folder = folder_of(own_results, "vae")
    shutil.copy(folder_of(own_results, "ae") / "model.safetensors", folder / "model.safetensors")
    folder.seal()
    with pytest.raises(StorageError, match="does not fit the model"):
        genbench.load_model("every", "vae", results=own_results)


@pytest.mark.parametrize(
    "change", [{"recipe_version": 99}, {"seed": 3}, {"options": {"latent_dimm": 3}}]
)
def test_a_specification_that_is_not_the_runs_is_refused(own_results, change):
    folder = folder_of(own_results, "vae")
    folder.write("spec.json", folder.read("spec.json") | change)
    folder.seal()
    with pytest.raises(StorageError, match=r"spec\.json is of another run"):
        genbench.load_model("every", "vae", results=own_results)


def test_a_run_of_another_version_of_its_recipe_is_refused(own_results, monkeypatch):
    newer = dataclasses.replace(recipes["vae"], version=99)
    monkeypatch.setitem(recipes._entries, "vae", newer)
    words = "version 1 of recipe 'vae', which has version 99 here"
    with pytest.raises(StorageError, match=words):
        genbench.load_model("every", "vae", results=own_results)


def test_a_run_that_diverged_has_no_model(tmp_path, results):
    suite = results.parent / "every.toml"
    argv = ["run", "--suite", str(suite), "--models", "vae", "--results", str(tmp_path),
            "--set", "model.vae.learning_rate=1e18", "--no-report", "--device", "cpu"]  # fmt: skip
    assert cli.main(argv) == 4
    with pytest.raises(StorageError, match=r"has no model: diverged: .*step"):
        genbench.load_model("every", "vae", results=tmp_path)


def test_a_recipe_that_is_not_registered_here_is_named(own_results, monkeypatch):
    entry = recipes._entries.pop("sparse_ae")
    try:
        with pytest.raises(ConfigError, match="sparse_ae"):
            genbench.load_model("every", "sparse_ae", results=own_results)
    finally:
        recipes._entries["sparse_ae"] = entry


@pytest.mark.parametrize("binarisation", ["none", "threshold", "static", "dynamic"])
def test_data_are_those_that_runs_are_tested_on(binarisation):
    data = genbench.load_data("digits", binarisation=binarisation)
    expected = load(DataConfig(name="digits", binarisation=binarisation))
    for split, n in (("train", 1097), ("validation", 200), ("test", 500)):
        found = getattr(data, split)
        assert found.x.shape == (n, 1, 8, 8)
        assert torch.equal(found.x, expected.held_out(split).x)
        assert torch.equal(found.y, expected.held_out(split).y)
    assert data.protocol == expected.protocol.text == repr(data)[5:-1]
    assert (data.facts.image_shape, data.facts.n_classes) == ((1, 8, 8), 10)
    assert torch.equal(data.facts.mean_image, data.train.x.double().mean(0).float())


def test_training_batches_are_drawn_anew_where_training_does_so():
    indices = torch.arange(50)
    static, dynamic = (
        genbench.load_data("digits", binarisation=how, limit=50) for how in ("static", "dynamic")
    )
    assert torch.equal(static.train_batch(indices).x, static.train.x)
    first, second = (dynamic.train_batch(indices).x for _ in range(2))
    assert not torch.equal(first, second)
    assert torch.equal(dynamic.train.x, static.train.x)
    assert torch.equal(dynamic.test.x, static.test.x)


def test_options_of_data_are_checked_and_named():
    with pytest.raises(ConfigError, match="did you mean 'mnist'"):
        genbench.load_data("mnits")
    with pytest.raises(ConfigError, match=r"load_data\.binarisation"):
        genbench.load_data("digits", binarisation="dinamic")
    sizes = genbench.load_data("digits", limit=30, validation_size=20, seed=3)
    assert [len(part.x) for part in (sizes.train, sizes.validation, sizes.test)] == [30, 20, 30]
    other = genbench.load_data("digits", binarisation="static", seed=1, limit=30)
    assert "seed=1" in other.protocol


def test_damaged_data_are_a_data_error(tmp_path):
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(b"no images")
    with pytest.raises(DataError, match="train-images"):
        genbench.load_data("mnist", data_dir=tmp_path)


# --- load_data of own images ---------------------------------------------------------------------


@pytest.fixture
def shots(tmp_path):
    """An ``.npz`` of 50 images with three named classes, of 17 levels."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 17, (50, 5, 4), dtype=np.uint8)
    np.savez(tmp_path / "shots.npz", images=images, y=np.array(["a", "b", "c"])[np.arange(50) % 3])
    return tmp_path / "shots.npz"


def test_own_images_are_loaded_by_path_like_a_registered_set(shots):
    data = genbench.load_data(shots, "static", levels=17, split={"test": 8, "seed": 2})
    assert "/static(seed=0, levels=17)/38+4+8 drawn(seed=2) " in data.protocol
    assert (data.train.x.shape, data.test.x.shape) == ((38, 1, 5, 4), (8, 1, 5, 4))
    assert data.test.x.unique().tolist() == [0.0, 1.0]
    assert (data.classes, data.facts.n_classes) == (("a", "b", "c"), 3)
    labels = torch.cat([data.train.y, data.validation.y, data.test.y])
    assert labels.bincount().tolist() == [17, 17, 16]
    assert repr(data) == f"Data({data.protocol})"


def test_own_images_keep_their_levels_exactly(shots):
    data = genbench.load_data(str(shots), levels=17)
    with np.load(shots) as arrays:
        expected = {image.tobytes() for image in arrays["images"]}
    splits = (data.train, data.validation, data.test)
    levels = torch.cat([split.x for split in splits]).mul(16)
    assert torch.equal(levels, levels.round())
    assert {image.byte().numpy().tobytes() for image in levels} == expected


def test_classes_of_registered_sets_are_their_labels():
    assert genbench.load_data("digits", limit=9).classes == tuple("0123456789")


def test_more_than_256_classes_are_kept_apart(tmp_path):
    draw = np.random.default_rng(0)
    np.savez(tmp_path / "many.npz", x=draw.integers(0, 256, (600, 3, 3), dtype=np.uint8),
             y=np.arange(600) % 300)  # fmt: skip
    data = genbench.load_data(tmp_path / "many.npz")
    assert len(data.classes) == data.facts.n_classes == 300
    assert int(torch.cat([data.train.y, data.validation.y, data.test.y]).max()) == 299


def test_a_name_or_path_that_leads_nowhere_is_told(shots, monkeypatch):
    monkeypatch.chdir(shots.parent)
    with pytest.raises(DataError, match=r"shotz\.npz: no such file or folder; did you mean 'shots"):
        genbench.load_data("shotz.npz")
    with pytest.raises(DataError, match="no such file or folder"):
        genbench.load_data(Path("digits"))
    with pytest.raises(ConfigError, match=r"split\.tset: unknown key; did you mean 'test'"):
        genbench.load_data("shots.npz", split={"tset": 0.1})
    with pytest.raises(ConfigError, match="levels is for own images"):
        genbench.load_data("digits", levels=17)
