"""The machine: what old rows hold of it, and what a GPU's driver answers."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from genbench.bench.machine import clocks, fingerprint, read_clocks
from genbench.bench.rows import digest, read_rows
from genbench.core import driver

CPU = torch.device("cpu")
STORED = Path(__file__).parents[2] / "results" / "bench"


@pytest.mark.parametrize("file", sorted(STORED.glob("*.json")), ids=lambda file: file.stem)
def test_stored_rows_are_read_and_know_what_a_fingerprint_of_a_processor_holds(file):
    rows = read_rows(file)
    assert rows
    if rows[0]["device"] == "cpu":
        assert fingerprint(CPU).keys() == rows[0]["fingerprint"].keys()
        assert fingerprint(CPU)["matmul_precision"] == rows[0]["fingerprint"]["matmul_precision"]


@pytest.fixture
def gpu(monkeypatch):
    """A pretended GPU whose driver answers what the test says; returns the queries."""
    own = {"major": 9, "minor": 0, "multi_processor_count": 132, "total_memory": 80 * 2**30}
    properties = SimpleNamespace(**own, uuid="12-34")
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "A GPU")
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device: None)
    monkeypatch.setattr(driver.shutil, "which", lambda name: f"/bin/{name}")

    def answering(text):
        queries = []

        def run(query, **_):
            queries.append(query)
            if text is None:
                raise subprocess.CalledProcessError(9, query)
            return SimpleNamespace(stdout=text)

        monkeypatch.setattr(driver.subprocess, "run", run)
        return queries

    return answering


def test_a_gpu_has_its_hardware_in_the_fingerprint_and_no_clocks(gpu):
    queries = gpu("580.1\n")
    found = fingerprint(torch.device("cuda"))
    names = [found[name] for name in ("device", "driver", "compute_capability")]
    assert names == ["A GPU", "580.1", "9.0"]
    assert (found["multiprocessors"], found["device_memory_bytes"]) == (132, 80 * 2**30)
    assert "cudnn" in found
    assert not any("clock" in name or "mhz" in name for name in found)
    assert queries[0][-2:] == ["-i", "GPU-12-34"]
    assert digest(found) != digest(fingerprint(CPU))


def test_clocks_are_read_while_the_work_goes_on(gpu):
    queries, calls = gpu("1980, 2619, 41, 321.5\n"), []
    found = clocks(lambda: calls.append(len(queries)), torch.device("cuda"))
    assert found == {"sm_mhz": 1980.0, "memory_mhz": 2619.0, "celsius": 41.0, "watts": 321.5}
    assert "--query-gpu=clocks.sm,clocks.mem,temperature.gpu,power.draw" in queries[0]


@pytest.mark.parametrize("answer", ["", "[N/A], [Not Supported], , \n", None])
def test_a_driver_that_tells_nothing_leaves_the_clocks_out(gpu, answer):
    gpu(answer)
    assert clocks(lambda: None, torch.device("cuda")) is None


def test_without_the_driver_s_tool_the_driver_is_unknown(gpu, monkeypatch):
    gpu("580.1\n")
    monkeypatch.setattr(driver.shutil, "which", lambda name: None)
    assert fingerprint(torch.device("cuda"))["driver"] is None


def test_a_processor_has_no_clocks():
    assert clocks(pytest.fail, CPU) is None


def test_what_is_no_number_is_left_out():
    assert read_clocks(["[N/A]", "2619", "x"]) == {"memory_mhz": 2619.0}
