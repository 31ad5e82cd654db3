"""A suite whose test images are coded by its models and decoded in another process."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import genbench
from genbench.certify.coding import apart, compress_suite
from genbench.certify.coding import suite as module
from genbench.certify.coding.decode import decode_file, main
from genbench.certify.coding.stored_claims import stored_claim
from genbench.core.errors import ConfigError, DataError, RunsFailedError, StorageError
from genbench.core.estimate import NotApplicableError
from genbench.results.run_folder import MODEL
from genbench.results.suite import StoredSuite
from genbench.training.checkpoint import read_weights, write_weights

N = 150
SUITE = f"""
title = "Coded"

[data]
name = "digits"
binarisation = "dynamic"
limit = {N}

[train]
epochs = 3
batch_size = 50

[[model]]
recipe = "vae"
hidden = [16]
latent_dim = 3

[[model]]
name = "vae_full"
recipe = "vae"
posterior = "full"
hidden = [16]
latent_dim = 3

[[model]]
recipe = "cvae"
hidden = [16]
latent_dim = 3

[[model]]
recipe = "mixture_vae"
hidden = [16]
latent_dim = 3
n_components = 3

[[model]]
recipe = "cvae_pixels"
hidden = [16]
latent_dim = 3

[[model]]
recipe = "nn_pixels"
hidden = [16]

[[model]]
recipe = "made"
hidden = [16]

[[model]]
recipe = "discrete_vae"
hidden = [16]
n_categories = 4

[[model]]
name = "levels"
recipe = "independent_pixels"
observation = "categorical"
n_levels = 17
binarisation = "none"

[[model]]
name = "vae_levels"
recipe = "vae"
hidden = [16]
latent_dim = 3
observation = {{ kind = "discretised_logistic", n_levels = 17 }}
binarisation = "none"

[[model]]
recipe = "gan"
hidden = [16]
latent_dim = 3

[[model]]
recipe = "linear_gaussian"
latent_dim = 3
binarisation = "none"
dequantisation = "uniform"

[evaluate]
metrics = ["elbo", "log_likelihood"]
elbo = {{ n_samples = 50 }}
"""
CODED = {
    "vae: elbo",
    "vae_full: elbo",
    "cvae: elbo",
    "mixture_vae: elbo",
    "cvae_pixels: elbo",
    "nn_pixels: log_likelihood",
    "made: log_likelihood",
    "discrete_vae: log_likelihood",
    "levels: log_likelihood",
    "vae_levels: elbo",
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coded")
    (folder / "coded.toml").write_text(SUITE)
    genbench.run(
        str(folder / "coded.toml"), results=folder / "results", report=False, device="cpu", seeds=1
    )
    return folder / "results"


@pytest.fixture(scope="module")
def started():
    """The processes that were started to decode: each with its command and its environment."""
    return []


@pytest.fixture(scope="module")
def certified(results, started):
    """The suite, the verdicts on it, and what was said of the others."""
    stored, told, run = StoredSuite.open(results, "coded"), [], apart.subprocess.run

    def watch(command, **options):
        started.append((command, options["env"]))
        return run(command, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apart.subprocess, "run", watch)
        return stored, compress_suite(stored, tell=told.append), told


@pytest.fixture
def own(certified, tmp_path):
    """A copy of the suite with its files."""
    stored = certified[0]
    shutil.copytree(stored.folder.parent, tmp_path / "results")
    return StoredSuite.open(tmp_path / "results", "coded")


def run_of(stored, model):
    return next(run for run in stored.record.runs if run.model == model)


def decoded_here(suite_folder, paths, plugins):
    """What the other process does, in this one."""
    return {path: decode_file(suite_folder, path).tobytes() for path in paths}


def file_of(stored, model):
    return stored.folder / "codes" / f"{run_of(stored, model).train_id}.code"


def test_every_model_with_masses_is_decoded_and_as_long_as_claimed(certified):
    _, verdicts, _ = certified
    assert {v.subject for v in verdicts} == CODED
    assert [v for v in verdicts if v.verdict != "pass"] == []
    checks = {v.subject: [u.check for u in verdicts if u.subject == v.subject] for v in verdicts}
    assert set(map(tuple, checks.values())) == {("decoded images", "length of the file")}


def test_the_others_are_told_with_the_reason(certified):
    _, _, told = certified
    names = [sentence.split(": ")[1] for sentence in told]
    assert names == ["gan", "linear_gaussian"]
    assert "density of pixels" in told[1]


def test_models_with_one_reason_are_told_in_one_sentence(certified, monkeypatch):
    def refuse(self, name):
        raise NotApplicableError("it is no model")

    monkeypatch.setattr(module._Sender, "send", refuse)
    told = []
    assert compress_suite(certified[0], ["vae", "discrete_vae"], tell=told.append) == []
    assert told == ["not certified by compression: vae, discrete_vae: it is no model"]


def test_the_claim_is_the_number_in_the_table(certified):
    stored, _, _ = certified
    for model, exact in (("vae", False), ("nn_pixels", True), ("cvae", False)):
        run, rows = run_of(stored, model), torch.arange(N)
        claim = stored_claim(stored.run_folder(run), run, exact=exact, rows=rows)
        frame = stored.frame
        row = frame[(frame["model"] == model) & (frame["metric"] == claim.metric)].iloc[0]
        assert claim.nats == pytest.approx(row["value"], rel=1e-6)
        assert (claim.draw_error > 0) == (not exact)


def test_a_claim_of_fewer_nats_an_image_fails(certified, monkeypatch):
    stored, _, _ = certified

    def boast(*args, **kwargs):
        claim = stored_claim(*args, **kwargs)
        return claim._replace(nats=claim.nats * 0.9)

    monkeypatch.setattr(module, "stored_claim", boast)
    monkeypatch.setattr(module, "decode_apart", lambda _, paths, __: dict.fromkeys(paths, b""))
    verdicts = compress_suite(stored, ["nn_pixels", "discrete_vae"])
    lengths = [v for v in verdicts if v.check == "length of the file"]
    assert [v.verdict for v in lengths] == ["fail", "fail"]
    assert all("promises more than the model keeps" in v.reason for v in lengths)


def test_images_with_another_pixel_fail(certified, monkeypatch):
    stored, _, _ = certified

    def change(suite_folder, paths, plugins):
        images = bytearray(decode_file(suite_folder, paths[0]).tobytes())
        images[-1] ^= 1
        return {paths[0]: bytes(images)}

    monkeypatch.setattr(module, "decode_apart", change)
    verdict = compress_suite(stored, ["discrete_vae"])[0]
    assert (verdict.verdict, verdict.found) == ("fail", 1.0)
    assert verdict.reason == f"1 of {N} images came back with other pixels"


def test_a_model_with_other_weights_is_refused(own):
    folder = own.run_folder(run_of(own, "vae"))
    weights = read_weights(folder / MODEL)
    write_weights(folder / MODEL, {name: tensor + 1 for name, tensor in weights.items()})
    folder.seal()
    with pytest.raises(StorageError, match="coded by a model with other weights"):
        decode_file(own.folder, file_of(own, "vae"))


def test_a_file_of_another_suite_is_refused(own):
    shutil.rmtree(own.run_folder(run_of(own, "vae")).path)
    with pytest.raises(StorageError, match="is unfinished"):
        decode_file(own.folder, file_of(own, "vae"))


def test_one_damaged_file_does_not_stop_the_others(own, tmp_path, capsys):
    good, bad = file_of(own, "nn_pixels"), file_of(own, "vae")
    bad.write_bytes(bad.read_bytes()[:-3])
    out = tmp_path / "out"
    assert main([str(own.folder), str(out), str(bad), str(good)]) == 0
    assert "bytes of code" in capsys.readouterr().out
    assert [path.name for path in out.iterdir()] == [good.stem]
    assert len((out / good.stem).read_bytes()) == N * 64


def test_the_process_that_decodes_is_given_models_and_files_and_no_data(certified, started):
    stored, _, _ = certified
    ((command, environment),) = started
    suite_folder, out, *files = command[3:]
    assert suite_folder == str(stored.folder)
    assert {Path(file) for file in files} == set((stored.folder / "codes").glob("*.code"))
    assert Path(out).parent == Path(environment["GENBENCH_DATA_DIR"])  # a folder that was empty


def answering(monkeypatch, tmp_path, program):
    """Let a program of one line stand for the process that decodes."""
    run = apart.subprocess.run

    def instead(command, **options):
        return run([command[0], "-c", program], **options)

    monkeypatch.setattr(apart.subprocess, "run", instead)
    path = tmp_path / "abc.code"
    return lambda: apart.decode_apart(tmp_path, [path])[path]


def test_what_a_plugin_prints_is_passed_over(monkeypatch, tmp_path):
    program = """print("hello"); print('{"abc":"it is damaged"}')"""
    assert answering(monkeypatch, tmp_path, program)() == "it is damaged"


def test_a_process_that_ends_without_an_answer_is_reported(monkeypatch, tmp_path):
    decode = answering(monkeypatch, tmp_path, "raise SystemExit('no memory')")
    with pytest.raises(RunsFailedError, match="ended with 1: no memory"):
        decode()


def test_files_are_not_written_through_a_link(own, tmp_path):
    shutil.rmtree(own.folder / "codes")
    (own.folder / "codes").symlink_to(tmp_path)
    with pytest.raises(StorageError, match="symbolic link"):
        compress_suite(own, ["nn_pixels"])


def test_only_the_models_that_are_named_are_coded(certified, monkeypatch):
    stored, _, _ = certified
    monkeypatch.setattr(module, "decode_apart", decoded_here)
    verdicts = compress_suite(stored, ["levels"], n_images=100)
    assert {v.subject for v in verdicts} == {"levels: log_likelihood"}
    assert all(v.passed for v in verdicts)
    with pytest.raises(ConfigError, match="did you mean 'levels'"):
        compress_suite(stored, ["level"])


def test_too_few_images_certify_nothing(certified):
    told = []
    assert compress_suite(certified[0], ["discrete_vae"], n_images=5, tell=told.append) == []
    assert "with 5 images" in told[0]


def test_a_model_that_fails_fails_its_check(certified, monkeypatch):
    stored, _, _ = certified

    def broken(*_):
        raise ArithmeticError("no number")

    monkeypatch.setattr(module, "encode", broken)
    (verdict,) = compress_suite(stored, ["vae"])
    assert (verdict.verdict, verdict.reason) == ("fail", "no number")


OWN = """
title = "Own images"

[data]
path = "own.npz"
binarisation = "threshold"

[[model]]
recipe = "independent_pixels"

[evaluate]
metrics = ["log_likelihood"]
"""


def own_images(path, seed):
    x = np.random.default_rng(seed).integers(2, size=(400, 6, 6), dtype=np.uint8)
    np.savez(path, x=255 * x)
    return path


def test_own_images_are_coded_where_their_place_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "decode_apart", decoded_here)
    (tmp_path / "own.toml").write_text(OWN)
    images, results, told = own_images(tmp_path / "own.npz", 0), tmp_path / "results", []
    genbench.run(str(tmp_path / "own.toml"), results=results, report=False, device="cpu", seeds=1)
    stored = StoredSuite.open(results, "own")
    assert compress_suite(stored, tell=told.append) == []
    assert "say where they lie" in told[0]
    assert [v.verdict for v in compress_suite(stored, own_data=images)] == ["pass", "pass"]
    with pytest.raises(DataError, match="has other images than"):
        compress_suite(stored, own_data=own_images(tmp_path / "other.npz", 1))
