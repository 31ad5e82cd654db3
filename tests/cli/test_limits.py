"""Numbers that overflow a machine, and files that are no suites: exit 2, one short message."""

import os

import pytest

DRY = ("run", "--suite", "tiny.toml", "--device", "cpu", "--dry-run")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--set", "model.vae.latent_dim=1000000000"), "GB are available"),
        (("--set", "model.vae.hidden=[10000000, 10000000]"), "hidden = 10000000"),
        (("--set", "model.vae.n_samples=1000000000000"), "images in a step would need"),
        (("--set", "evaluate.iw_log_likelihood.n_samples=1000000000000"), "at most 1000000000"),
        (
            ("--set", "evaluate.elbo.n_samples=1000000000"),
            "evaluate.elbo: evaluating with n_samples",
        ),
        (("--set", "evaluate.ais_log_likelihood.n_chains=1000000000"), "would need"),
        (
            ("--set", "evaluate.ais_log_likelihood.n_temperatures=1000000000000"),
            "at most 1000000000",
        ),
        (("--set", "train.epochs=1000000000000000000"), "the history would need 500 EB"),
        (("--set", "model.vae.epochs=9223372036854775807"), "model.vae: train.epochs = 92233"),
        (("--seeds", "1000000"), "seeds: 1000000 runs, at most 10000"),
        (("--seeds", "100000000"), "seeds: 100000000 runs, at most 10000"),
        (("--set", "seeds=[-1]"), "seeds.0: Input should be greater than or equal to 0"),
        (("--set", "seeds=[true]"), "seeds.0: Input should be a valid integer"),
        (("--set", "data.seed=-1"), "data.seed: Input should be greater than or equal to 0"),
        (("--set", "train.epochs=true"), "train.epochs: Input should be a valid integer"),
        (("--set", "train.epochs='3'"), "train.epochs: Input should be a valid integer"),
        (("--set", "train.learning_rate=1e400"), "train.learning_rate: Input should be a finite"),
        (("--set", "train.learning_rate=nan"), "train.learning_rate: Input should be a finite"),
        (("--set", "train.learning_rate=-0.0"), "train.learning_rate: Input should be greater"),
        (("--set", "train.epochs=1979-05-27"), "train.epochs: Input should be a valid integer"),
        (("--set", "model.vae.hidden=[" + "1," * 101 + "]"), "model.vae.hidden: "),
        (("--set", "model.².latent_dim=1"), "no model '²'"),
        (("--set", "study.*.n=1"), "no study '*'; known: none"),
        (("--models", ""), "expected one or more names"),
        (("--models", " , "), "expected one or more names"),
        (("--studies", ""), "expected one or more names"),
        (("--results", "a\0b"), "a path cannot hold a NUL character"),
        (("--results", "x" * 256), "a file's name has at most 255 bytes"),
        (("--reports", "y/" + "é" * 128), "a file's name has at most 255 bytes"),
        (("--data-dir", "a\0b"), "a path cannot hold a NUL character"),
        (("--seeds", "1" + "0" * 30), "seeds: an integer lies between"),
        (("--set", "seeds=[9223372036854775808]"), "seeds.0: an integer lies between"),
        (("--limit", "1" + "0" * 30), "data.limit: an integer lies between"),
        (("--set", "model.vae.train.epochs=1" + "0" * 30), "an integer lies between"),
        (("--set", "name=a\nb"), "name: a name holds no control characters"),
        (("--set", "model.vae.name==1+1"), "cannot begin with ="),
    ],
)
def test_what_overflows_a_machine_is_refused_before_anything_is_made(
    place, command, arguments, told
):
    found = command(*DRY, *arguments)
    assert (found.code, found.out) == (2, "")
    assert told in found.err
    assert len(found.err) < 1600
    assert not place.results.exists()


def test_a_run_is_refused_too_and_leaves_nothing_behind(place, command):
    huge = "model.vae.latent_dim=1000000000"
    found = command("run", "--suite", "tiny.toml", "--device", "cpu", "--set", huge)
    assert found.code == 2
    assert "model.vae: training" in found.err
    assert not place.results.exists()


def test_a_million_epochs_are_a_matter_of_time(place, command):
    assert command(*DRY, "--set", "train.epochs=1000000").code == 0


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"x = 1\n" * (20 * 2**20 // 6), "larger than 256 KiB"),
        (b"x = " + b"[" * 3000 + b"]" * 3000, "levels of tables and lists"),
        (b"seeds = " + b"9" * 5000, "an integer lies between"),
        (b"\xff\xfe[\x00d\x00", "utf-8"),
        (b'name = "a\\u0000b"\n', "name: "),
        (b"[evaluate]\nmetrics = [['elbo']]\n", "evaluate.metrics: unknown evaluator"),
    ],
)
def test_a_file_from_a_stranger_is_no_internal_error(place, command, content, told):
    head = (place.folder / place.suite).read_bytes().partition(b"[evaluate]")[0]
    whole = head + content if content.startswith(b"[ev") else content
    (place.folder / place.suite).write_bytes(whole if b"name" not in content else content + head)
    found = command(*DRY)
    assert found.code == 2
    assert told in found.err
    assert len(found.err) < 800


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("tiyn", "did you mean 'tiny.toml'"),
        ("tiny", "did you mean 'tiny.toml'"),
        (".", "a folder, not a suite file"),
        ("x" * 300 + ".toml", "no file 'xxx"),
        ("a\0b", "no suite"),
        ("pipe.toml", "'pipe.toml': a pipe or a device, not a suite file"),
        ("null.toml", "'null.toml': a pipe or a device, not a suite file"),
        ("gone.toml", "no file 'gone.toml'; known: "),
    ],
)
def test_a_wrong_suite_is_answered_with_the_file_beside(place, command, written, told):
    os.mkfifo(place.folder / "pipe.toml")
    (place.folder / "null.toml").symlink_to(os.devnull)
    (place.folder / "gone.toml").symlink_to("nowhere")
    found = command("run", "--suite", written, "--dry-run")
    assert found.code == 2
    assert told in found.err


def test_a_sweep_is_listed_and_its_models_are_selected_by_name(place, command):
    place.edit("latent_dim = 3\n\n[[model]]\nrecipe = \"gan\"", (
        "sweep = { latent_dim = [2, 3] }\n\n[[model]]\nrecipe = \"gan\""
    ))  # fmt: skip
    found = command(*DRY, "--models", "vae_latent_dim2,gan")
    assert found.code == 0
    assert [line.split()[0] for line in found.out.splitlines()[1:3]] == ["vae_latent_dim2", "gan"]


def test_images_at_a_path_that_is_too_long_are_code_3(place, command):
    found = command(*DRY, "--data", "x" * 5000)
    assert found.code == 3
    assert "a file's name has at most 255 bytes" in found.err
    assert len(found.err) < 300


def test_no_error_is_longer_than_ten_short_lines(place, command):
    found = command(*DRY, "--set", "k" * 90_000 + "=1")
    assert found.code == 2
    assert len(found.err) < 2100
