"""Peak rates: their arithmetic, by a made-up clock."""

import pytest
import torch

from genbench.bench import ceilings
from genbench.bench.ceilings import ceilings as measure
from genbench.bench.ceilings import copy_rate, peak_flops

CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch):
    """Every look at the clock comes a tenth of a second after the one before."""
    ticks = iter(range(10**6))
    monkeypatch.setattr(ceilings.time, "perf_counter", lambda: next(ticks) / 10)


@pytest.mark.usefixtures("clock")
def test_a_product_of_n_by_n_matrices_is_two_n_cubed_operations(monkeypatch):
    monkeypatch.setitem(ceilings.PEAK_SIZES, "cpu", 30)
    assert peak_flops(CPU) == pytest.approx(2 * 30**3 / 0.1)


@pytest.mark.usefixtures("clock")
def test_a_copy_reads_and_writes():
    assert copy_rate(CPU, 5_000) == pytest.approx(2 * 5_000 / 0.1)


@pytest.mark.usefixtures("clock")
def test_a_processor_has_the_rate_of_float32_products_only():
    rates = measure(CPU)
    assert rates.pop("peak_flops_per_s") == pytest.approx(2 * 1024**3 / 0.1)
    assert set(rates) == {"peak_tf32_flops_per_s", "peak_bf16_flops_per_s", "copy_bytes_per_s"}
    assert set(rates.values()) == {None}


def test_a_device_that_nobody_measured_has_a_size_too(monkeypatch):
    monkeypatch.setattr(ceilings, "PEAK_SIZES", {})
    monkeypatch.setattr(ceilings, "ACCELERATOR_SIZE", 8)
    assert peak_flops(CPU) > 0
