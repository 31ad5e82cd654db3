"""One row of the benchmark: a workload, its limit and its competitors, timed in turn."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch

from genbench.bench.context import BenchContext, network_options
from genbench.bench.hand_graph import hand_graph
from genbench.bench.machine import clocks, peak_memory, release
from genbench.bench.products import replay, total_flops
from genbench.bench.pythae_beside import pythae_contender
from genbench.bench.settings import PEAKS, TASKS, Case
from genbench.bench.textbook import textbook
from genbench.bench.timing import (
    BlockTimes,
    Contender,
    relative_error,
    steady_from,
    take_turns,
)
from genbench.bench.transfers import record_transfers, repeat
from genbench.bench.workloads import Workload, build_workload
from genbench.training.precision import products_in
from genbench.training.products import torch_products
from genbench.training.threads import flushed_denormals, threads_of_run

COPIES = ", copies"
"""Added to a contender's name: its copies between host and device alone."""


def measure_cases(
    context: BenchContext,
    cases: list[Case],
    say: Callable[[str], None],
    keep: Callable[[list[dict[str, Any]]], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Measure every case in order.

    After each, ``say`` receives a line and ``keep`` all rows so far.
    """
    rows: list[dict[str, Any]] = []
    for i, case in enumerate(cases):
        with threads_of_run(context.device):
            rows.append(measure_case(case, context))
        release(context.device)
        rate = rows[-1]["samples_per_s"]
        name = f"{case.recipe} {case.task} batch {case.batch_size}"
        studied = ", {} {}".format(*case.studied) if case.studied else ""
        say(f"[{i + 1}/{len(cases)}] {name}{studied}: {rate:,.0f} {TASKS[case.task]} per second")
        keep(rows)
    return rows


def measure_case(case: Case, context: BenchContext) -> dict[str, Any]:
    """Measure one row.

    Rates are medians over the blocks of the steady state. If none was reached, they are medians
    over the second half of the blocks, and the row says so.
    """
    ceilings, device = context.ceilings, context.device
    with flushed_denormals(), products_in("float32"):
        workload = build_workload(case, context)
        # The first call records the step, which another thread's pinned memory would disturb.
        memory = peak_memory(workload.contender.call, device)
        contenders = _contenders(case, context, workload)
        times = take_turns(contenders, context.settings.seconds, device)
        alone, at = workload.alone(), clocks(workload.contender.call, device)
        threads = torch.get_num_threads()
    start = steady_from(times["workload"].wall)
    first = len(times["workload"].wall) // 2 if start is None else start
    settled = {name: blocks.since(first) for name, blocks in times.items()}
    return {
        **row_identity(case, context),
        **_rates(contenders, settled),
        **_details(workload, settled, _peak(case, ceilings)),
        **(_device_details(workload, settled, alone) if device.type != "cpu" else {}),
        **ceilings,
        "steady": start is not None,
        "n_blocks": len(settled["workload"].wall),
        "threads": threads,
        "peak_memory_bytes": memory,
        "clocks": at,
        **context.machine,
    }


def _contenders(case: Case, context: BenchContext, workload: Workload) -> dict[str, Contender]:
    """Return what takes turns with the workload; everything captured comes before any loader."""
    contenders = {"workload": workload.contender}
    if workload.products:
        per_step = workload.contender.samples / workload.n_steps
        with products_in(case.precision):
            contenders["limit"] = Contender(replay(workload.products, context.device), per_step)
    if workload.serve:
        contenders["data"] = workload.serve
    rivals = {"graph": hand_graph, "textbook": textbook, "pythae": pythae_contender}
    for name, rival in rivals.items():
        contender = None if case.studied else rival(case, workload.data, context.device)
        if contender:
            contenders[name] = replace(contender, call=torch_products()(contender.call))
    return contenders if context.device.type == "cpu" else contenders | _copies(contenders, context)


def _copies(contenders: dict[str, Contender], context: BenchContext) -> dict[str, Contender]:
    """Return what the workload and the textbook loop copy between host and device."""
    found = {}
    for name in ("workload", "textbook"):
        if contender := contenders.get(name):
            copies = repeat(record_transfers(contender.call), context.device)
            found[name + COPIES] = Contender(copies, contender.samples)
    return found


def _peak(case: Case, ceilings: Mapping[str, float | None]) -> float:
    """Return the peak rate in the case's precision, or in float32 where that is not measured."""
    peak = ceilings[PEAKS[case.precision]] or ceilings[PEAKS["float32"]]
    assert peak is not None
    return peak


def _rates(contenders: dict[str, Contender], times: dict[str, BlockTimes]) -> dict[str, Any]:
    rates = {name: contenders[name].samples / t.seconds for name, t in times.items()}
    return {
        "samples_per_s": rates["workload"],
        "limit_samples_per_s": rates.get("limit"),
        "share_of_limit": rates["workload"] / rates["limit"] if "limit" in rates else None,
        "graph_samples_per_s": rates.get("graph"),
        "share_of_graph": rates["workload"] / rates["graph"] if "graph" in rates else None,
        "textbook_samples_per_s": rates.get("textbook"),
        "pythae_samples_per_s": rates.get("pythae"),
    }


def row_identity(case: Case, context: BenchContext) -> dict[str, Any]:
    """Return what a row measures: its key and the unit of its rates."""
    study, value = case.studied or (None, None)
    sizes = network_options(case) | case.options()
    return {
        "recipe": case.recipe,
        "task": case.task,
        "batch_size": case.batch_size,
        "device": context.device.type,
        "data": context.data.name,
        "unit": TASKS[case.task],
        "options": {name: list(v) if isinstance(v, tuple) else v for name, v in sizes.items()},
        "study": study,
        "study_value": value,
    }


def _details(workload: Workload, times: dict[str, BlockTimes], peak: float) -> dict[str, Any]:
    """Return what explains a rate, and relative errors of it and of its share of the limit."""
    whole, limit, serve = times["workload"], times.get("limit"), times.get("data")
    step = whole.seconds / workload.n_steps
    flops = total_flops(workload.products)
    on_cpu = workload.data.labels.device.type == "cpu"
    cpu = limit.cpu_seconds * workload.n_steps / whole.cpu_seconds if limit and on_cpu else None
    shares = [a / b for a, b in zip(limit.wall, whole.wall, strict=True)] if limit else []
    return {
        "step_seconds": step,
        "spread": whole.spread,
        "flops_per_step": flops,
        "model_flop_utilisation": flops / step / peak,
        "cpu_share_of_limit": cpu,
        "data_wait_share": serve.seconds / whole.seconds if serve else None,
        "first_step_seconds": workload.first_step_seconds,
        "relative_error": relative_error(whole.wall),
        "share_relative_error": relative_error(shares) if shares else None,
    }


def _device_details(
    workload: Workload, times: dict[str, BlockTimes], alone: float | None
) -> dict[str, Any]:
    """Return the times of a step as the device's queue has them, and the shares of copies.

    ``event_step_seconds`` is between events around the same blocks as ``step_seconds``.
    ``device_step_seconds`` is without the gaps between launches.
    """
    events = times["workload"].event_seconds
    shares = {
        name: times[name + COPIES].seconds / times[name].seconds
        for name in ("workload", "textbook")
        if name + COPIES in times
    }
    return {
        "event_step_seconds": None if events is None else events / workload.n_steps,
        "device_step_seconds": alone,
        "transfer_share": shares["workload"],
        "textbook_transfer_share": shares.get("textbook"),
    }
