"""One row of the benchmark: a workload, its limit and its rivals, timed in turn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from genbench.bench import pythae_beside
from genbench.bench.context import BenchContext, network_options
from genbench.bench.machine import PeakMemory
from genbench.bench.products import replay, total_flops
from genbench.bench.settings import TASKS, Case
from genbench.bench.textbook import textbook
from genbench.bench.timing import (
    BlockTimes,
    Contender,
    Timing,
    relative_error,
    steady_from,
    summarise,
    synchronise,
    take_turns,
)
from genbench.bench.workloads import Workload, build_workload
from genbench.training.threads import fitting_threads, flushed_denormals

RIVAL_STEPS = 4
"""Steps of the slower loops in one call."""


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
    over the later half of the blocks, and the row says so.
    """
    peak = context.peak
    with flushed_denormals():
        workload = build_workload(case, context)
        with _threads(workload):
            contenders = _contenders(case, context, workload)
            memory = _peak_memory(workload, context)
            times = take_turns(contenders, context.settings.seconds, context.device)
            threads = torch.get_num_threads()
    start = steady_from(times["workload"].wall)
    first = len(times["workload"].wall) // 2 if start is None else start
    timings = {name: summarise(blocks, first) for name, blocks in times.items()}
    rates = {name: contenders[name].samples / t.seconds for name, t in timings.items()}
    return {
        **row_identity(case, context),
        "samples_per_s": rates["workload"],
        "limit_samples_per_s": rates.get("limit"),
        "share_of_limit": rates["workload"] / rates["limit"] if "limit" in rates else None,
        "textbook_samples_per_s": rates.get("textbook"),
        "pythae_samples_per_s": rates.get("pythae"),
        **_details(workload, timings, peak),
        **_noise(times, first),
        "steady": start is not None,
        "n_blocks": timings["workload"].n_blocks,
        "threads": threads,
        "peak_memory_bytes": memory,
        **context.machine,
    }


@contextmanager
def _threads(workload: Workload) -> Iterator[None]:
    """Use as many threads as a run would: one where a training step is small."""
    if workload.forward_flops is None:
        yield
    else:
        with fitting_threads(workload.forward_flops):
            yield


def _contenders(case: Case, context: BenchContext, workload: Workload) -> dict[str, Contender]:
    contenders = {"workload": workload.contender}
    if workload.products:
        per_step = workload.contender.samples / workload.n_steps
        contenders["limit"] = Contender(replay(workload.products, context.device), per_step)
    if workload.serve:
        contenders["data"] = workload.serve
    if case.studied:
        return contenders
    rivals = {
        "textbook": _textbook(case, context, workload),
        "pythae": _pythae(case, context, workload) if pythae_beside.installed() else None,
    }
    return contenders | {name: rival for name, rival in rivals.items() if rival}


def _textbook(case: Case, context: BenchContext, workload: Workload) -> Contender | None:
    sizes = network_options(case)
    if case.task != "train" or not {"latent_dim", "hidden"} <= sizes.keys():
        return None
    return textbook(
        case.recipe, **sizes, batch_size=case.batch_size, n_steps=RIVAL_STEPS,
        data=workload.data, device=context.device,
    )  # fmt: skip


def _pythae(case: Case, context: BenchContext, workload: Workload) -> Contender | None:
    """Return pythae's training of a VAE, or its bound for a few images: it is slow."""
    if case.recipe != "vae":
        return None
    sizes, data = (case.hidden, case.latent_dim), workload.data
    n = case.batch_size * RIVAL_STEPS if case.task == "train" else min(case.batch_size, RIVAL_STEPS)
    x = data.levels[:n].float() / (data.n_levels - 1)
    if case.task == "train":
        return pythae_beside.training(*sizes, case.batch_size, x, context.device)
    if case.task == "iw":
        return pythae_beside.bound(*sizes, case.n_samples, x, context.device)
    return None


def _peak_memory(workload: Workload, context: BenchContext) -> int | None:
    memory = PeakMemory(context.device)
    workload.contender.call()
    synchronise(context.device)
    return memory.bytes()


def row_identity(case: Case, context: BenchContext) -> dict[str, Any]:
    """Return what a row measures: its key, and the unit of its rates."""
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


def _details(workload: Workload, timings: dict[str, Timing], peak: float) -> dict[str, Any]:
    whole, limit, serve = timings["workload"], timings.get("limit"), timings.get("data")
    step = whole.seconds / workload.n_steps
    flops = total_flops(workload.products)
    on_cpu = workload.data.labels.device.type == "cpu"
    cpu = limit.cpu_seconds * workload.n_steps / whole.cpu_seconds if limit and on_cpu else None
    return {
        "step_seconds": step,
        "spread": whole.spread,
        "flops_per_step": flops,
        "model_flop_utilisation": flops / step / peak,
        "peak_flops_per_s": peak,
        "cpu_share_of_limit": cpu,
        "data_wait_share": serve.seconds / whole.seconds if serve else None,
        "first_step_seconds": workload.first_step_seconds,
    }


def _noise(times: dict[str, BlockTimes], first: int) -> dict[str, Any]:
    """Return the relative standard errors of the rate and of its share of the limit."""
    own = times["workload"].wall[first:]
    limit = times["limit"].wall[first:] if "limit" in times else None
    share = [a / b for a, b in zip(limit, own, strict=True)] if limit else None
    return {
        "relative_error": relative_error(own),
        "share_relative_error": relative_error(share) if share else None,
    }
