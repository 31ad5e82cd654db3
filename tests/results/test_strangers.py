"""A results folder from a stranger: nothing outside is touched, one sentence says what is wrong.

``GENBENCH_FUZZ=2000`` does so many damages.
"""

import json
import os
import random
import resource
import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from genbench import cli
from genbench.core.errors import ExitCode, GenbenchError, StorageError
from genbench.core.files import canonical_json, sha256_bytes
from genbench.results.run_folder import RunFolder
from genbench.results.suite import StoredSuite
from genbench.runs.run_options import RunOptions
from genbench.runs.stored_model import stored_model
from genbench.suites.run import run_suite
from tests.results.damages import (
    CONTENTS,
    EVIL,
    GB,
    NAMES,
    at,
    change_json,
    damage,
    places,
    reseal,
    reseal_all,
    retyped,
    sealed_folders,
)
from tests.results.stored import SUITE, store
from tests.studies.tiny import register

N = int(os.environ.get("GENBENCH_FUZZ", "80"))
SECRET = "what only the owner may read"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Results of a suite that was run, to be read only."""
    return store(tmp_path_factory.mktemp("stored"))


@pytest.fixture
def results(kept, tmp_path):
    """A copy, to be damaged; beside it a file that nobody may read or change."""
    (tmp_path / "secret.json").write_text(json.dumps(SECRET))
    return shutil.copytree(kept, tmp_path / "results")


def first_run(results) -> Path:
    """The folder of a run with values per datum and figures."""
    record = json.loads((results / "small" / "suite.json").read_text())
    return results / "small" / "runs" / record["runs"][0]["train_id"]


def read_everything(results):
    """Read all that commands read, without drawing it."""
    suite = StoredSuite.open(results, "small")
    return suite, suite.leaderboards, suite.figure_inputs(), suite.studies


def refusal(results):
    """What is said of the results; empty where they are accepted. Anything else fails a test."""
    said = ""
    try:
        read_everything(results)
    except GenbenchError as error:
        said = str(error)
    assert len(said.splitlines()) <= 1
    assert said.isprintable()
    assert len(said) < 1000
    assert SECRET not in said
    return said


def test_damages_by_chance_are_refused_with_one_sentence_or_do_no_harm(kept, tmp_path):
    outside = tmp_path / "secret.json"
    outside.write_text(json.dumps(SECRET))
    for seed in range(N):
        shutil.rmtree(tmp_path / "results", ignore_errors=True)
        folder = shutil.copytree(kept, tmp_path / "results") / "small"
        rng = random.Random(seed)
        done, started = damage(folder, rng), time.monotonic()
        try:
            refusal(tmp_path / "results")
        except Exception as error:
            raise AssertionError(f"seed {seed}: {done}") from error
        assert time.monotonic() - started < 20, done
    assert outside.read_text() == json.dumps(SECRET)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 * 2**20  # KiB


@pytest.mark.parametrize("name", ["spec.json", "metrics.json", "provenance.json", "manifest.json"])
def test_a_value_of_another_type_in_a_run_is_no_internal_error(results, name):
    run, rng = first_run(results), random.Random(name)
    file = run / name
    text = file.read_text()
    seals = {path: path.read_text() for path in results.rglob("manifest.json")}
    for path, value in rng.sample(list(retyped(file)), 40):
        change_json(file, path, value)
        if name != "manifest.json":
            reseal(run)
        refusal(results)
        file.write_text(text)
        for seal, content in seals.items():
            seal.write_text(content)


@pytest.mark.parametrize("name", ["suite.json", "studies/coins/study.json"])
def test_a_value_of_another_type_in_a_suite_is_no_internal_error(results, name):
    file = results / "small" / name
    text = file.read_text()
    for path, value in random.Random(name).sample(list(retyped(file)), 60):
        change_json(file, path, value)
        reseal_all(results / "small")
        refusal(results)
        file.write_text(text)


@pytest.mark.parametrize("what", CONTENTS)
def test_no_json_is_too_odd(results, what):
    content = CONTENTS[what]
    raw = content if isinstance(content, bytes) else content.encode()
    for name in ("manifest.json", "metrics.json", "spec.json"):
        file = first_run(results) / name
        before = file.read_bytes()
        file.write_bytes(raw)
        if name != "manifest.json":
            reseal(file.parent)
        assert "damaged" in refusal(results)
        file.write_bytes(before)
        reseal(file.parent)
    for name in ("manifest.json", "suite.json"):
        file = results / "small" / name
        before = file.read_bytes()
        file.write_bytes(raw)
        assert "damaged" in refusal(results)
        file.write_bytes(before)
    assert refusal(results) == ""


def test_files_of_20_gb_are_refused_before_they_are_read(results):
    small, run = results / "small", first_run(results)
    names = ("metrics.json", "manifest.json", "history.csv", "artifacts/figures.safetensors")
    files = [run / name for name in names]
    files += [small / name for name in ("metrics.csv", "suite.json", "manifest.json")]
    files += sorted((small / "studies" / "coins").glob("[!.]*"))
    for file in files:
        size, started = file.stat().st_size, time.monotonic()
        os.truncate(file, 20 * GB)
        said = refusal(results)
        os.truncate(file, size)
        assert "20000000000 bytes" in said, (file, said)
        assert time.monotonic() - started < 10
    assert refusal(results) == ""


def test_names_that_lead_out_of_the_folder_are_refused(results):
    for folder in sealed_folders(results / "small"):
        file = folder / "manifest.json"
        text = file.read_text()
        for name in (*NAMES, "../../../secret.json"):
            content = json.loads(text)
            content["files"][name] = content["files"].popitem()[1]
            file.write_text(json.dumps(content))
            refusal(results)
        file.write_text(text)
    record = results / "small" / "suite.json"
    text = record.read_text()
    for name in NAMES:
        for path in (("name",), ("runs", 0, "train_id"), ("studies", 0, "name")):
            change_json(record, path, name)
            reseal_all(results / "small")
            assert "damaged" in refusal(results) or "still being written" in refusal(results)
            record.write_text(text)
        change_json(record, ("members",), [name])
        assert "damaged" in refusal(results)
        record.write_text(text)


def test_no_link_is_followed(results):
    """A link to an equal file or folder outside is refused, so nothing outside is ever read."""
    small, run = results / "small", first_run(results)
    for path in (
        run / "metrics.json", run / "manifest.json", run / "artifacts", run, small / "runs",
        small / "studies" / "coins", small / "metrics.csv", small / "suite.json", small,
    ):  # fmt: skip
        away = results.parent / "outside"
        path.rename(away)
        path.symlink_to(away)
        assert "link" in refusal(results), path
        path.unlink()
        away.rename(path)
    assert refusal(results) == ""


def test_neither_pipes_nor_devices_are_waited_for(results):
    run = first_run(results)
    for name in ("metrics.json", "manifest.json", "history.csv", "artifacts/figures.safetensors"):
        kept = (run / name).read_bytes()
        for make in (os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir):
            (run / name).unlink()
            make(run / name)
            said = refusal(results)
            assert said or name == "manifest.json"
            (run / name).rmdir() if (run / name).is_dir() else (run / name).unlink()
            (run / name).write_bytes(kept)


def test_what_a_stranger_wrote_never_reaches_the_terminal_or_the_page_raw(results, capsys):
    record = results / "small" / "suite.json"
    content = json.loads(record.read_text())
    texts = [p for p in places(content) if isinstance(at(content, p), str) and "runs" not in p]
    evil = [text for text in EVIL if text != "a\nb"]
    for number, path in enumerate(texts):
        if path[0] in ("title", "description", "command") or path[-1] in ("title", "about"):
            change_json(record, path, evil[number % len(evil)])
    change_json(record, ("title",), "".join(evil))
    reseal_all(results / "small")
    where = ["--results", str(results), "--reports", str(results.parent / "reports")]
    assert cli.main(["report", "--suite", "small", *where]) == ExitCode.OK
    said = capsys.readouterr()
    page = (results.parent / "reports" / "small" / "index.html").read_text()
    for text in (said.out, said.err, page):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\x00" not in text
    assert "<script>alert(1)</script>" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_run_makes_damaged_runs_anew_and_trusts_no_digest(results):
    small = results / "small"
    table = (small / "metrics.csv").read_bytes()
    runs = [run["train_id"] for run in json.loads((small / "suite.json").read_text())["runs"]]
    ended = [*runs[:4], *runs[6:8]]  # between them those that diverged
    linked, piped, typed, weights, drawn, values = (small / "runs" / run for run in ended)
    away = results.parent / "outside"
    linked.rename(away)
    linked.symlink_to(away)
    before = {path: path.read_bytes() for path in away.rglob("*") if path.is_file()}
    (piped / "metrics.json").unlink()
    os.mkfifo(piped / "metrics.json")
    change_json(typed / "metrics.json", ("evaluations",), [])
    (weights / "model.safetensors").write_bytes(b"\x00" * 5000)
    for name, array in (("samples", np.zeros((3, 4), np.uint8)), ("latent_dims", np.zeros(9))):
        arrays = load_file(drawn / "artifacts" / "figures.safetensors") | {name: array}
        save_file(arrays, drawn / "artifacts" / "figures.safetensors")
    shutil.rmtree(values / "artifacts")
    (values / "artifacts").write_text("x")
    for run in (typed, weights, drawn):
        reseal(run)
    change_json(small / "suite.json", ("runs", 0, "n_parameters"), 1)
    with pytest.MonkeyPatch.context() as patch:
        register(patch)
        suite = str(results.parent / "small.toml")
        Path(suite).write_text(SUITE)
        done = run_suite(RunOptions(suite, results=results, device="cpu", jobs=1))
    assert {record.train_id for record in done.records if not record.cached} == set(ended)
    assert (small / "metrics.csv").read_bytes() == table
    assert refusal(results) == ""
    assert not linked.is_symlink()
    assert {path: path.read_bytes() for path in away.rglob("*") if path.is_file()} == before


def test_a_run_with_another_model_in_it_is_refused_by_its_identity(results):
    spec = first_run(results) / "spec.json"
    change_json(spec, ("seed",), 7)
    reseal(spec.parent)
    with pytest.raises(StorageError, match=r"spec\.json is of another run"):
        StoredSuite.open(results, "small")


def test_a_model_larger_than_any_memory_is_refused_before_it_is_built(results):
    run = first_run(results)
    for path, value in (
        (("options", "latent_dim"), 10**9),
        (("options", "hidden"), [10**9]),
        (("description", "image_shape"), [1, 10**6, 10**6]),
    ):
        spec = json.loads((run / "spec.json").read_text())
        at(spec, path[:-1])[path[-1]] = value
        identity = {key: spec[key] for key in spec if key != "description"}
        train_id = sha256_bytes(canonical_json(identity).encode())[:12]
        forged = run.parent / train_id
        if not forged.exists():  # a description is no part of the identity
            shutil.copytree(run, forged)
        (forged / "spec.json").write_text(json.dumps(spec))
        reseal(forged)
        with pytest.raises(StorageError, match="damaged"):
            stored_model(RunFolder(results / "small", train_id), "vae")
