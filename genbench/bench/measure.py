"""One row of the benchmark: the subject, its limit and its rivals, measured in turn."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from genbench.bench import pythae_beside
from genbench.bench.machine import PeakMemory
from genbench.bench.place import Place, network_options
from genbench.bench.products import replay, total_flops
from genbench.bench.settings import TASKS, Case
from genbench.bench.subjects import Subject, prepare
from genbench.bench.textbook import textbook
from genbench.bench.timing import (
    Contender,
    Series,
    Timing,
    relative_error,
    steady_from,
    summarise,
    synchronise,
    take_turns,
)
from genbench.training.threads import fitting_threads, flushed_denormals

RIVAL_STEPS = 4
"""Steps of the slower loops that are timed at once."""

Say = Callable[[str], None]


def measure_all(place: Place, cases: list[Case], say: Say) -> list[dict[str, Any]]:
    """Measure every case in order; ``say`` hears a line for each."""
    rows = []
    for i, case in enumerate(cases):
        rows.append(measure(case, place))
        rate = rows[-1]["samples_per_s"]
        name = f"{case.recipe} {case.task} batch {case.batch_size}"
        say(f"[{i + 1}/{len(cases)}] {name}: {rate:,.0f} {TASKS[case.task]} per second")
    return rows


def measure(case: Case, place: Place) -> dict[str, Any]:
    """Measure one row.

    The rates are medians over blocks from the steady state on; where none was reached the later
    half of the blocks counts, and the row says so.
    """
    peak = place.peak
    with flushed_denormals():
        subject = prepare(case, place)
        with _threads(subject):
            contenders = _contenders(case, place, subject)
            memory = _peak_memory(subject, place)
            series = take_turns(contenders, place.settings.seconds, place.device)
            threads = torch.get_num_threads()
    start = steady_from(series["subject"].wall)
    first = len(series["subject"].wall) // 2 if start is None else start
    timings = {name: summarise(found, first) for name, found in series.items()}
    rates = {name: contenders[name].samples / t.seconds for name, t in timings.items()}
    return {
        **identity(case, place),
        "samples_per_s": rates["subject"],
        "limit_samples_per_s": rates.get("limit"),
        "share_of_limit": rates["subject"] / rates["limit"] if "limit" in rates else None,
        "textbook_samples_per_s": rates.get("textbook"),
        "pythae_samples_per_s": rates.get("pythae"),
        **_details(subject, timings, peak),
        **_noise(series, first),
        "steady": start is not None,
        "n_blocks": timings["subject"].n_blocks,
        "threads": threads,
        "peak_memory_bytes": memory,
        **place.machine,
    }


@contextmanager
def _threads(subject: Subject) -> Iterator[None]:
    """Use as many threads as a run would: one where a training step is small."""
    if subject.forward_flops is None:
        yield
    else:
        with fitting_threads(subject.forward_flops):
            yield


def _contenders(case: Case, place: Place, subject: Subject) -> dict[str, Contender]:
    found = {"subject": subject.contender}
    if subject.products:
        alone = replay(subject.products, place.device)
        per_step = subject.contender.samples / subject.n_steps
        found["limit"] = Contender(alone, per_step)
    if subject.serve:
        found["data"] = subject.serve
    return found if case.studied else found | _rivals(case, place, subject)


def _rivals(case: Case, place: Place, subject: Subject) -> dict[str, Contender]:
    found: dict[str, Contender] = {}
    sizes = network_options(case)
    if case.task == "train" and "latent_dim" in sizes and "hidden" in sizes:
        rival = textbook(
            case.recipe, **sizes, batch_size=case.batch_size, n_steps=RIVAL_STEPS,
            data=subject.data, device=place.device,
        )  # fmt: skip
        found |= {"textbook": rival} if rival else {}
    pythae = _pythae(case, place, subject) if pythae_beside.installed() else None
    return found | ({"pythae": pythae} if pythae else {})


def _pythae(case: Case, place: Place, subject: Subject) -> Contender | None:
    """Return pythae's way of a VAE's training, or of its bound on fewer images: it is slow."""
    if case.recipe != "vae":
        return None
    sizes = case.hidden, case.latent_dim
    n = case.batch_size * RIVAL_STEPS if case.task == "train" else min(case.batch_size, RIVAL_STEPS)
    x = subject.data.levels[:n].float() / (subject.data.n_levels - 1)
    if case.task == "train":
        return pythae_beside.training(*sizes, case.batch_size, x, place.device)
    if case.task == "iw":
        return pythae_beside.bound(*sizes, case.n_samples, x, place.device)
    return None


def _peak_memory(subject: Subject, place: Place) -> int | None:
    memory = PeakMemory(place.device)
    subject.contender.call()
    synchronise(place.device)
    return memory.bytes()


def identity(case: Case, place: Place) -> dict[str, Any]:
    """Return what the row is of: its key, and the unit of its rates."""
    study = case.studied or (None, None)
    return {
        "recipe": case.recipe,
        "task": case.task,
        "batch_size": case.batch_size,
        "device": place.device.type,
        "data": place.data.name,
        "unit": TASKS[case.task],
        "options": options_of(case),
        "study": study[0],
        "study_value": study[1],
    }


def options_of(case: Case) -> dict[str, Any]:
    """Return what a row states beside recipe, task and batch size."""
    sizes = network_options(case) | case.options()
    return {name: list(v) if isinstance(v, tuple) else v for name, v in sizes.items()}


def _details(subject: Subject, timings: dict[str, Timing], peak: float) -> dict[str, Any]:
    whole, limit, serve = timings["subject"], timings.get("limit"), timings.get("data")
    step = whole.seconds / subject.n_steps
    flops = total_flops(subject.products)
    on_cpu = subject.data.labels.device.type == "cpu"
    cpu = limit.cpu_seconds * subject.n_steps / whole.cpu_seconds if limit and on_cpu else None
    return {
        "step_seconds": step,
        "spread": whole.spread,
        "flops_per_step": flops,
        "model_flop_utilisation": flops / step / peak,
        "peak_flops_per_s": peak,
        "cpu_share_of_limit": cpu,
        "data_wait_share": serve.seconds / whole.seconds if serve else None,
        "first_step_seconds": subject.first_step_seconds,
    }


def _noise(series: dict[str, Series], first: int) -> dict[str, Any]:
    """Return the standard errors, over the value, of the rate and of its share of the limit."""
    own = series["subject"].wall[first:]
    limit = series["limit"].wall[first:] if "limit" in series else None
    share = [a / b for a, b in zip(limit, own, strict=True)] if limit else None
    return {
        "relative_error": relative_error(own),
        "share_relative_error": relative_error(share) if share else None,
    }
