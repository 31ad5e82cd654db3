"""What a row holds, and that its numbers hang together."""

import time
from dataclasses import replace

import pytest
import torch

from genbench.bench import measure
from genbench.bench.compare import compare_row
from genbench.bench.measure import measure_case, row_identity
from genbench.bench.products import total_flops
from genbench.bench.rows import key_of
from genbench.bench.settings import Case
from genbench.bench.timing import Contender
from genbench.bench.workloads import _epoch_length, build_workload
from genbench.inference import bounds
from genbench.training import products

SMALL = {"hidden": (16,), "latent_dim": 3}


@pytest.mark.parametrize(
    ("case", "per_call"),
    [
        (Case("vae", "iw", 8, **SMALL, n_samples=10), 80),
        (Case("vae", "ais", 8, **SMALL), 8 * 4 * 4),
        (Case("vae", "ais", 8, **SMALL, n_chains=3, n_temperatures=2), 8 * 3 * 2),
        (Case("vae", "sample", 8, **SMALL), 8),
        (Case("cvae", "sample", 8, **SMALL), 8),
    ],
)
def test_a_call_counts_what_it_treats(make_context, case, per_call):
    workload = build_workload(case, make_context())
    assert (workload.contender.samples, workload.n_steps) == (per_call, 1)


def test_a_training_call_is_an_epoch_of_whole_batches(make_context):
    workload = build_workload(Case("gan", "train", 8, **SMALL), make_context())
    assert workload.contender.samples == workload.n_steps * 8 == workload.data.size("train")
    assert workload.n_steps >= 4
    means = workload.contender.call()
    assert all(torch.tensor(value).isfinite() for value in means.values())


@pytest.mark.parametrize(("step", "n"), [(1.0, 4), (0.014, 7), (0.003, 30), (0.0005, 200)])
def test_an_epoch_is_of_whole_graphs_if_it_is_long(step, n):
    assert _epoch_length(step) == n


def test_the_bound_decodes_each_draw_once(make_context):
    case = Case("vae", "iw", 8, **SMALL, n_samples=10)
    layers = [(784, 16), (16, 6)]
    draws = [(3, 16), (16, 784)]
    once = sum(2 * 8 * a * b for a, b in layers)
    assert total_flops(build_workload(case, make_context()).products) == once + sum(
        2 * 80 * a * b for a, b in draws
    )


def test_members_trained_together_have_the_products_of_each(make_context):
    alone = build_workload(Case("vae", "train", 8, **SMALL), make_context())
    joint = build_workload(Case("vae", "train", 8, **SMALL, n_seeds=3), make_context())
    assert joint.products == alone.products * 3
    assert joint.contender.samples == 3 * 8 * joint.n_steps
    assert joint.serve is None
    found = joint.contender.call()
    assert len(found) == 3
    assert len({member["train.vae.loss"] for member in found}) == 3


def test_a_row_hangs_together(make_context):
    context = make_context()
    (case,) = make_context(models=("vae",), tasks=("train",)).cases()
    row = measure_case(case, context)
    assert row["samples_per_s"] == pytest.approx(case.batch_size / row["step_seconds"])
    share = row["samples_per_s"] / row["limit_samples_per_s"]
    assert row["share_of_limit"] == share
    rate = row["flops_per_step"] / row["step_seconds"]
    assert row["model_flop_utilisation"] == pytest.approx(rate / row["peak_flops_per_s"])
    assert 0 < row["data_wait_share"] < 1
    assert row["threads"] == 1  # a step as small as this runs on one thread
    assert row["pythae_samples_per_s"] is None or row["pythae_samples_per_s"] > 0
    assert row["first_step_seconds"] > 0
    assert key_of(row) == key_of(row_identity(case, context))
    for name in ("graph_samples_per_s", "share_of_graph", "clocks", "copy_bytes_per_s"):
        assert row[name] is None  # of a GPU only
    assert "device_step_seconds" not in row


def test_training_in_another_precision_is_another_benchmark(make_context):
    context = make_context(models=("vae",), tasks=("train", "iw"), precision="bf16")
    train, iw = context.cases()
    assert (train.precision, iw.precision) == ("bf16", "float32")
    plain = make_context(models=("vae",), tasks=("train", "iw")).cases()
    identity = [key_of(row_identity(case, context)) for case in (train, iw, *plain)]
    assert identity[0] != identity[2]
    assert identity[1] == identity[3]


def test_the_limit_is_of_products_in_the_precision_of_training(make_context):
    case = Case("vae", "train", 8, **SMALL)
    full, rounded = (
        build_workload(replace(case, precision=p), make_context()).products
        for p in ("float32", "bf16")
    )
    assert {operand.dtype for p in full for operand in p.operands} == {torch.float32}
    assert {operand.dtype for p in rounded for operand in p.operands} == {torch.bfloat16}
    assert total_flops(full) == total_flops(rounded)


def test_rivals_have_the_products_of_torch(make_context, monkeypatch):
    found, product = [], (torch.rand(128, 128), torch.rand(128, 128))

    def rival(case, data, device):
        return Contender(lambda: torch.mm(*product), samples=1)

    monkeypatch.setattr(products, "prefers_onednn", lambda: True)

    def spy(a, b, bias):
        if a.data_ptr() == product[0].data_ptr():
            found.append(a)
        return a.new_zeros(len(a), b.shape[1])

    monkeypatch.setattr(products, "_onednn", spy)
    monkeypatch.setattr(measure, "textbook", rival)
    row = measure_case(Case("vae", "train", 8, **SMALL), make_context())
    assert row["textbook_samples_per_s"] > 0
    assert not found
    with products.fast_products():
        torch.mm(*product)
    assert len(found) == 1


def test_threads_and_denormals_are_put_back(make_context):
    (case,) = make_context(models=("vae",), tasks=("train",)).cases()
    before, tiny = torch.get_num_threads(), torch.tensor([1e-40])
    measure_case(case, make_context())
    assert torch.get_num_threads() == before
    assert (tiny * 0.5 > 0).all()


def test_a_bound_that_dawdles_is_slower(make_context, monkeypatch):
    case, context = Case("vae", "iw", 8, **SMALL, n_samples=10), make_context()
    old, quick = measure_case(case, context), bounds.iw_log_likelihood

    def dawdling(*arguments):
        started = time.perf_counter()
        found = quick(*arguments)
        time.sleep(30 * (time.perf_counter() - started))  # however busy the machine is
        return found

    monkeypatch.setattr(bounds, "iw_log_likelihood", dawdling)
    quiet = {"relative_error": 0.05, "share_relative_error": 0.05}  # whoever else is at work
    found = compare_row(old | quiet, measure_case(case, context) | quiet)
    assert found["verdict"] == "slower"
    assert found["corrected_ratio"] < 0.2
