"""Commands with a GPU's name."""

import json

import pytest
import torch

from genbench import cli


@pytest.fixture
def command(capsys, tmp_path, monkeypatch):
    """Run a command in a folder of its own; returns the exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(*argv):
        capsys.readouterr()
        code = cli.main([str(part) for part in argv])
        return code, *capsys.readouterr()

    return call


SHORT = ("--limit", "40", "--set", "train.epochs=1", "--models", "vae", "--seeds", "1")


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "auto"])
def test_a_run_takes_the_gpu_by_each_of_its_names(cuda, command, tmp_path, name):
    code, _, told = command("run", *SHORT, "--no-report", "--device", name)
    assert code == 0, told
    (path,) = (tmp_path / "results").rglob("provenance.json")
    assert torch.cuda.get_device_name(cuda) in json.loads(path.read_text())["device"]


@pytest.mark.parametrize("argv", [("run", *SHORT), ("selftest",), ("bench", "--quick")])
def test_a_gpu_that_is_not_there_is_a_usage_error(cuda, command, argv):
    code, _, told = command(*argv, "--device", f"cuda:{torch.cuda.device_count()}")
    assert code == 2
    assert len(told.strip().splitlines()) <= 3
    assert "Traceback" not in told


def test_doctor_names_the_gpu(cuda, command):
    code, out, _ = command("doctor")
    assert code == 0
    assert torch.cuda.get_device_name(cuda) in out


def test_a_row_of_bench_is_measured_on_the_device(device, command, tmp_path):
    path = tmp_path / "bench.json"
    argv = ("--models", "vae", "--tasks", "train", "--batch-sizes", "32", "--seconds", "0.05")
    code, _, told = command("bench", "--quick", *argv, "--device", device.type, "--output", path)
    assert code == 0, told
    (row,) = json.loads(path.read_text())
    assert row["device"].startswith(device.type)
    assert row["samples_per_s"] > 0


def test_seeds_are_trained_in_processes_that_share_the_device(device, command, tmp_path):
    argv = ("--limit", "40", "--set", "train.epochs=1", "--models", "vae", "--seeds", "2")
    code, _, told = command("run", *argv, "--no-report", "--jobs", "2", "--device", device.type)
    assert code == 0, told
    assert len(list((tmp_path / "results").rglob("model.safetensors"))) == 2
