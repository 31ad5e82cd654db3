"""The rows as a table for people. Imports no torch."""

from collections.abc import Callable, Sequence
from typing import Any

from genbench.bench.rows import BenchRow, name_of
from genbench.bench.scaling import exponent_text, scaling_lines
from genbench.core.texts import Terminal, aligned, noun

STUDIED = {"n_samples": "K", "latent_dim": "latent", "seeds": "seeds"}

COLUMNS: dict[str, Callable[[BenchRow], str]] = {
    "recipe": lambda row: str(row["recipe"]),
    "task": lambda row: _task(row),
    "batch": lambda row: str(row["batch_size"]),
    "per second": lambda row: _count(row["samples_per_s"]),
    "ms/step": lambda row: _milliseconds(row["step_seconds"]),
    "GPU ms": lambda row: _milliseconds(row.get("device_step_seconds")),
    "spread": lambda row: _share(row["spread"]),
    "time/one": lambda row: _ratio(row.get("time_of_one")),
    "gain": lambda row: _ratio(row.get("gain_of_together")),
    "limit": lambda row: _count(row["limit_samples_per_s"]),
    "share": lambda row: _ratio(row["share_of_limit"]),
    "MFU": lambda row: _ratio(row["model_flop_utilisation"]),
    "graph": lambda row: _count(row.get("graph_samples_per_s")),
    "of graph": lambda row: _ratio(row.get("share_of_graph")),
    "textbook": lambda row: _count(row["textbook_samples_per_s"]),
    "pythae": lambda row: _count(row["pythae_samples_per_s"]),
    "first step": lambda row: _seconds(row["first_step_seconds"]),
    "data": lambda row: _share(row["data_wait_share"]),
    "copies": lambda row: _share(row.get("transfer_share")),
    "memory": lambda row: _megabytes(row["peak_memory_bytes"]),
    "threads": lambda row: str(row["threads"]) if row["device"] == "cpu" else "-",
    "steady": lambda row: "yes" if row["steady"] else "no",
}
"""Each column and its cells; one without a number in any row is left out."""

LEGEND = {
    "per second": "images (train, sample), image-samples (iw), image-chain-transitions (ais)",
    "GPU ms": "the time of a step in which the GPU is busy, at most: matrix products take share x "
    "ms/step of it, other kernels the rest; ms/step beyond it is launches and Python",
    "time/one": "time of a step of all seeds over that of one seed",
    "gain": "images per second over those of the seeds one after the other",
    "limit": "rate of the step's matrix products alone, timed in turn with it; share: of that "
    "limit",
    "MFU": "operations per second of those products, as a share of this machine's best matrix "
    "product",
    "graph": "rate of the same step as a CUDA graph written by hand for this model; of graph: per "
    "second over that rate",
    "textbook": "the same model in a plain PyTorch loop over a DataLoader",
    "spread": "interquartile range of the blocks",
    "data": "time to serve the images, as a share of the step",
    "copies": "time of the copies between host and device alone, as a share of the step",
    "memory": "whole process on a CPU, torch's tensors on a GPU",
    "steady": "timing had settled",
}
"""What a column means, in the order in which it is told."""


def bench_table(rows: Sequence[BenchRow], terminal: Terminal | None = None) -> str:
    """Lay out measured rows, with the machine and an explanation of the columns."""
    here = terminal or Terminal()
    columns = {head: [cell(row) for row in rows] for head, cell in COLUMNS.items()}
    shown = {head: cells for head, cells in columns.items() if set(cells) != {"-"}}
    lines = list(zip(*shown.values(), strict=True))
    table = aligned(lines, tuple(shown), here, range(2, len(shown) - 1), keys=3)
    legend = "\n".join(here.paragraph(f"{k}: {v}") for k, v in LEGEND.items() if k in shown)
    parts = [table, here.paragraph(_machine(rows[0])), legend]
    if rows[0]["study"]:
        parts.insert(1, _exponents(rows))
    if "verdict" in rows[0]:
        parts.append(_verdicts(rows, here))
    return "\n\n".join(parts)


def _task(row: BenchRow) -> str:
    sign = STUDIED.get(row["study"])
    precision = row["options"].get("precision", "")
    studied = f"{sign}={row['study_value']}" if sign else ""
    return " ".join(filter(None, (str(row["task"]), precision, studied)))


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{float(format(1000 * seconds, '.3g')):,g}"


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2g} s"


def _megabytes(n_bytes: int | None) -> str:
    return "-" if n_bytes is None else f"{n_bytes / 2**20:,.0f} MB"


def _count(value: float | None) -> str:
    return "-" if value is None else f"{float(f'{value:.3g}'):,.0f}"


def _ratio(value: float | None) -> str:
    """Write two decimals, or two digits of a small number."""
    if value is None:
        return "-"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _machine(row: BenchRow) -> str:
    own: dict[str, Any] = row["fingerprint"]
    threads = f"{own['threads']} {noun(own['threads'], 'thread')}"
    device = "" if own["device"] == "cpu" else f"{own['device']}, driver {own['driver']}, "
    return (
        f"machine {row['fingerprint_digest']}: {device}{own['processor']}, "
        f"{own['cores']} cores, {threads}, torch {own['torch']}, "
        f"best product {_best_product(row)}{_on_gpu(row)}, "
        f"data {row['data']}"
    )


def _best_product(row: BenchRow) -> str:
    """Name the best rate of products in float32, and in the other precisions where measured."""
    best = row["peak_flops_per_s"]
    peaks = {"TF32": row.get("peak_tf32_flops_per_s"), "bf16": row.get("peak_bf16_flops_per_s")}
    size, unit = (1e12, "TFLOP/s") if best >= 1e13 else (1e9, "GFLOP/s")
    others = ", ".join(f"{name} {rate / size:,.0f}" for name, rate in peaks.items() if rate)
    return f"{best / size:,.0f} {unit}" + (f" ({others})" if others else "")


def _on_gpu(row: BenchRow) -> str:
    """Name the rate of copies within a GPU and its clock, where they were measured."""
    copied, clocks = row.get("copy_bytes_per_s"), row.get("clocks") or {}
    texts = [f", copies {copied / 1e9:,.0f} GB/s"] if copied else []
    texts += [f", at {clocks['sm_mhz']:.0f} MHz"] if "sm_mhz" in clocks else []
    return "".join(texts)


def _exponents(rows: Sequence[BenchRow]) -> str:
    lines = [(name, exponent_text(line[0])) for name, line in scaling_lines(rows).items()]
    return aligned(lines, ("time per step", f"exponent of {rows[0]['study']}"))


def _verdicts(rows: Sequence[BenchRow], terminal: Terminal) -> str:
    lines = [
        (
            row["verdict"],
            f"{row['speed_ratio']:.2f}",
            _ratio(row["corrected_ratio"]),
            f"{100 * row['smallest_detectable_slowdown']:.0f} %",
            name_of(row),
        )
        for row in rows
    ]
    header = ("verdict", "new/old", "corrected", "would notice", "benchmark")
    return aligned(lines, header, terminal, right=range(1, 4))
