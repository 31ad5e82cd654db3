"""One row of the benchmark: a workload, its limit and its competitors, timed in turn."""

from collections.abc import Callable
from typing import Any

import torch

from genbench.bench.context import BenchContext, network_options
from genbench.bench.machine import peak_memory
from genbench.bench.products import replay, total_flops
from genbench.bench.pythae_beside import pythae_contender
from genbench.bench.settings import TASKS, Case
from genbench.bench.textbook import textbook
from genbench.bench.timing import BlockTimes, Contender, relative_error, steady_from, take_turns
from genbench.bench.workloads import Workload, build_workload
from genbench.training.threads import fitting_threads, flushed_denormals


def measure_cases(
    context: BenchContext, cases: list[Case], say: Callable[[str], None]
) -> list[dict[str, Any]]:
    """Measure every case in order; ``say`` receives a line for each."""
    rows = []
    for i, case in enumerate(cases):
        rows.append(measure_case(case, context))
        rate = rows[-1]["samples_per_s"]
        name = f"{case.recipe} {case.task} batch {case.batch_size}"
        say(f"[{i + 1}/{len(cases)}] {name}: {rate:,.0f} {TASKS[case.task]} per second")
    return rows


def measure_case(case: Case, context: BenchContext) -> dict[str, Any]:
    """Measure one row.

    Rates are medians over the blocks of the steady state. If none was reached, they are medians
    over the second half of the blocks, and the row says so.
    """
    peak = context.peak
    with flushed_denormals():
        workload = build_workload(case, context)
        with fitting_threads(workload.forward_flops):  # as many threads as a run would use
            contenders = _contenders(case, context, workload)
            memory = peak_memory(workload.contender.call, context.device)
            times = take_turns(contenders, context.settings.seconds, context.device)
            threads = torch.get_num_threads()
    start = steady_from(times["workload"].wall)
    first = len(times["workload"].wall) // 2 if start is None else start
    settled = {name: blocks.since(first) for name, blocks in times.items()}
    rates = {name: contenders[name].samples / t.seconds for name, t in settled.items()}
    return {
        **row_identity(case, context),
        "samples_per_s": rates["workload"],
        "limit_samples_per_s": rates.get("limit"),
        "share_of_limit": rates["workload"] / rates["limit"] if "limit" in rates else None,
        "textbook_samples_per_s": rates.get("textbook"),
        "pythae_samples_per_s": rates.get("pythae"),
        **_details(workload, settled, peak),
        "steady": start is not None,
        "n_blocks": len(settled["workload"].wall),
        "threads": threads,
        "peak_memory_bytes": memory,
        **context.machine,
    }


def _contenders(case: Case, context: BenchContext, workload: Workload) -> dict[str, Contender]:
    contenders = {"workload": workload.contender}
    if workload.products:
        per_step = workload.contender.samples / workload.n_steps
        contenders["limit"] = Contender(replay(workload.products, context.device), per_step)
    if workload.serve:
        contenders["data"] = workload.serve
    if case.studied:
        return contenders
    for name, rival in (("textbook", textbook), ("pythae", pythae_contender)):
        if contender := rival(case, workload.data, context.device):
            contenders[name] = contender
    return contenders


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
        "peak_flops_per_s": peak,
        "cpu_share_of_limit": cpu,
        "data_wait_share": serve.seconds / whole.seconds if serve else None,
        "first_step_seconds": workload.first_step_seconds,
        "relative_error": relative_error(whole.wall),
        "share_relative_error": relative_error(shares) if shares else None,
    }
