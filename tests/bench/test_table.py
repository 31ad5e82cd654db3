"""The table: columns appear with their numbers, and each is explained."""

import pytest

from genbench.bench.scaling import with_exponents, with_seed_ratios
from genbench.bench.table import COLUMNS, LEGEND, bench_table
from genbench.core.texts import Terminal


@pytest.fixture
def measured(row):
    """A row as it is measured on a processor."""

    def make(**changes):
        machine = {"processor": "a processor", "cores": 2}
        detail = {
            "step_seconds": 0.008, "spread": 0.01, "model_flop_utilisation": 0.5,
            "textbook_samples_per_s": None, "pythae_samples_per_s": None,
            "first_step_seconds": 0.5, "data_wait_share": 0.01, "peak_memory_bytes": 2**20,
            "threads": 1, "steady": True, "peak_flops_per_s": 1e11, "unit": "images",
            "fingerprint": machine,
        }  # fmt: skip
        return row(**{**detail, **changes})

    return make


def heads(table):
    return [head for head in COLUMNS if head in table.splitlines()[0]]


def test_a_row_of_a_processor_has_no_column_of_a_gpu(measured):
    table = bench_table([measured()], Terminal(200))
    assert not {"GPU ms", "graph", "of graph", "copies"} & set(heads(table))
    assert "CUDA graph" not in table
    assert "best product 100 GFLOP/s, data" in table
    assert "threads" in heads(table)


def test_a_row_of_a_gpu_shows_the_graph_and_the_time_of_the_device(measured):
    gpu = {"device": "A GPU", "driver": "580.1", "processor": "a processor", "cores": 16}
    row = measured(
        fingerprint=gpu, device="cuda", step_seconds=1e-4, device_step_seconds=8e-5,
        graph_samples_per_s=20_000.0, share_of_graph=0.8, transfer_share=0.001,
        peak_flops_per_s=5.2e13, peak_tf32_flops_per_s=4.03e14,
        peak_bf16_flops_per_s=7.74e14, model_flop_utilisation=0.00481, copy_bytes_per_s=2.9e12,
        clocks={"sm_mhz": 1980.0},
    )  # fmt: skip
    table = bench_table([row], Terminal(200))
    header, line, *_ = table.splitlines()
    assert header.split()[5:9] == ["ms/step", "GPU", "ms", "spread"]
    assert " ".join(line.split()) == (
        "vae train 128 16,000 0.1 0.08 1.0 % 20,000 0.80 0.0048 20,000 0.80 0.5 s 1.0 % 0.1 %"
        " 1 MB yes"
    )
    text = " ".join(table.split())
    assert "A GPU, driver 580.1" in text
    assert "best product 52 TFLOP/s (TF32 403, bf16 774), copies 2,900 GB/s, at 1980 MHz" in text


def test_every_explained_column_exists():
    assert LEGEND.keys() <= COLUMNS.keys()


def test_a_study_of_seeds_says_what_training_together_gains(measured):
    times = {1: 0.001, 4: 0.0011, 16: 0.0015}
    study = [
        measured(study="seeds", study_value=n, step_seconds=t, samples_per_s=128 * n / t)
        for n, t in times.items()
    ]
    rows = with_seed_ratios(with_exponents(study))
    assert [row["time_of_one"] for row in rows] == pytest.approx([1.0, 1.1, 1.5])
    assert [row["gain_of_together"] for row in rows] == pytest.approx([1.0, 4 / 1.1, 16 / 1.5])
    table = bench_table(rows)
    assert {"time/one", "gain"} <= set(heads(table))
    assert "one after the other" in table


def test_without_one_seed_there_is_nothing_to_compare_with(measured):
    rows = with_seed_ratios([measured(study="seeds", study_value=n) for n in (2, 4)])
    assert all("time_of_one" not in row for row in rows)


def test_another_study_has_no_ratios(measured):
    rows = with_seed_ratios([measured(study="batch_size", study_value=n) for n in (1, 2)])
    assert all("time_of_one" not in row for row in rows)
