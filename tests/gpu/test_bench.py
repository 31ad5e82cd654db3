"""Bench on a GPU: every contender computes, and none writes into another's memory."""

import pytest
import torch

from genbench.bench.ceilings import ceilings
from genbench.bench.context import BenchContext
from genbench.bench.data import synthetic
from genbench.bench.hand_graph import hand_graph, hand_step
from genbench.bench.machine import clocks, release
from genbench.bench.measure import measure_case
from genbench.bench.products import record_products, replay
from genbench.bench.settings import Case, Settings
from genbench.bench.timing import device_seconds
from genbench.bench.transfers import record_transfers
from genbench.core.cuda_graph import CapturedCall

FORK = "ignore:.*multi-threaded, use of fork:DeprecationWarning"
"""Of the textbook loop's worker processes, from Python 3.12 on."""


@pytest.fixture
def make_context(tmp_path):
    def make(**changes):
        small = {"hidden": (64,), "latent_dim": 8, "batch_sizes": (32,), "seconds": 0.05}
        return BenchContext(Settings(device="cuda", data_dir=tmp_path, **(small | changes)))

    return make


def test_a_replay_of_products_writes_into_no_memory_of_others(cuda):
    a = torch.randn(256, 256, device=cuda)
    alone = replay(record_products(lambda: (a @ a, a.T @ a)), cuda)
    others = [torch.zeros(256, 256, device=cuda) for _ in range(64)]
    for _ in range(10):
        alone()
    assert all(not other.any() for other in others)


def test_a_captured_call_repeats_its_work(cuda):
    total = torch.zeros((), device=cuda)
    call = CapturedCall(lambda: total.add_(1.0))
    start = float(total)
    for _ in range(5):
        call()
    assert float(total) == start + 5.0


@pytest.mark.parametrize("recipe", ["ae", "vae", "cvae"])
def test_the_hand_captured_step_learns_as_its_eager_step(cuda, recipe):
    data, case = synthetic(640, cuda), Case(recipe, "train", 32, (64,), 8)
    eager = hand_step(case, data)
    for _ in range(40):
        eager()
    contender = hand_graph(case, data, cuda)
    first, second = contender.call(), contender.call()
    assert contender.samples == 640
    assert 0 < second - first < first


def test_the_hand_captured_step_moves_no_data_but_its_loss(cuda):
    contender = hand_graph(Case("vae", "train", 32, (64,), 8), synthetic(640, cuda), cuda)
    contender.call()
    assert sum(transfer.n_bytes for transfer in record_transfers(contender.call)) <= 8


@pytest.mark.filterwarnings(FORK)
@pytest.mark.parametrize("recipe", ["vae", "gan"])
def test_a_row_hangs_together(cuda, make_context, recipe):
    pytest.importorskip("torchvision")
    context = make_context(models=(recipe,), tasks=("train",))
    row = measure_case(context.cases()[0], context)
    assert row["graph_samples_per_s"] > 0
    assert row["textbook_samples_per_s"] > 0
    assert row["share_of_graph"] == row["samples_per_s"] / row["graph_samples_per_s"]
    # Timed one after the other, while other tests use the GPU: that of the device may be later.
    assert 0 < row["device_step_seconds"] <= 3 * row["step_seconds"]
    assert 0 <= row["transfer_share"] < 0.5
    assert 0 < row["textbook_transfer_share"] < 1
    assert row["peak_memory_bytes"] > 0


def test_memory_is_given_back_between_rows(cuda, make_context):
    context = make_context(models=("vae",), tasks=("train", "iw", "sample"))
    held = []
    for case in context.cases() * 2:
        measure_case(case, context)
        release(cuda)
        held.append(torch.cuda.memory_allocated())
    assert max(held[3:]) <= max(held[:3]) + 2**20


def test_seeds_together_have_a_limit_and_a_time_of_the_device(cuda, make_context):
    context = make_context(models=("vae",), tasks=("train",), study="seeds", values=(1, 4))
    one, four = (measure_case(case, context) for case in context.cases())
    assert four["device_step_seconds"] < 4 * one["device_step_seconds"]
    assert four["share_of_limit"] > 0


def test_float32_products_are_timed_without_tf32(cuda):
    rates = ceilings(cuda)
    assert rates["peak_tf32_flops_per_s"] > rates["peak_flops_per_s"]  # from Ampere on


def test_the_time_of_the_device_has_no_launches_in_it(cuda):
    x = torch.zeros(8, device=cuda)

    def launches():
        for _ in range(200):
            x.add_(1.0)

    assert 0 < device_seconds(launches, cuda) < 1


def test_clocks_are_read_under_load(cuda):
    a = torch.randn(2048, 2048, device=cuda)
    found = clocks(lambda: a @ a, cuda)
    assert found is None or found["sm_mhz"] > 300
