"""The rows as a table for people. Imports no torch."""

from collections.abc import Sequence
from typing import Any

from genbench.bench.rows import BenchRow, name_of
from genbench.bench.scaling import exponent_text, scaling_lines
from genbench.core.texts import Terminal, aligned

HEADER = (
    "recipe", "task", "batch", "per second", "ms/step", "spread", "limit", "share", "MFU",
    "textbook", "pythae", "first step", "data", "memory", "threads", "steady",
)  # fmt: skip

STUDIED = {"n_samples": "K", "latent_dim": "latent", "seeds": "seeds"}

LEGEND = """\
per second: images (train, sample), image-samples (iw), image-chain-transitions (ais)
limit: rate of the step's matrix products alone, timed in turn with it; share: of that limit
MFU: operations per second of those products, as a share of this machine's best matrix product
spread: interquartile range of the blocks; data: time to serve the images, as a share of the step
memory: whole process on a CPU, torch's tensors on a GPU; steady: timing had settled"""


def bench_table(rows: Sequence[BenchRow], terminal: Terminal | None = None) -> str:
    """Lay out measured rows, with the machine and an explanation of the columns."""
    here = terminal or Terminal()
    columns = zip(HEADER, *map(_line, rows), strict=True)
    heads, *lines = zip(*(c for c in columns if set(c[1:]) != {"-"}), strict=True)
    table = aligned(lines, heads, here, range(2, len(heads) - 1), keys=3)
    legend = "\n".join(map(here.paragraph, LEGEND.splitlines()))
    parts = [table, here.paragraph(_machine(rows[0])), legend]
    if rows[0]["study"]:
        parts.insert(1, _exponents(rows))
    if "verdict" in rows[0]:
        parts.append(_verdicts(rows, here))
    return "\n\n".join(parts)


def _line(row: BenchRow) -> tuple[str, ...]:
    sign = STUDIED.get(row["study"])
    value = f" {sign}={row['study_value']}" if sign else ""
    return (
        row["recipe"],
        row["task"] + value,
        str(row["batch_size"]),
        _count(row["samples_per_s"]),
        f"{float(format(1000 * row['step_seconds'], '.3g')):,g}",
        _share(row["spread"]),
        _count(row["limit_samples_per_s"]),
        _ratio(row["share_of_limit"]),
        _ratio(row["model_flop_utilisation"]),
        _count(row["textbook_samples_per_s"]),
        _count(row["pythae_samples_per_s"]),
        "-" if row["first_step_seconds"] is None else f"{row['first_step_seconds']:.2g} s",
        _share(row["data_wait_share"]),
        "-" if row["peak_memory_bytes"] is None else f"{row['peak_memory_bytes'] / 2**20:,.0f} MB",
        str(row["threads"]),
        "yes" if row["steady"] else "no",
    )


def _count(value: float | None) -> str:
    return "-" if value is None else f"{float(f'{value:.3g}'):,.0f}"


def _ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _machine(row: BenchRow) -> str:
    own: dict[str, Any] = row["fingerprint"]
    threads = f"{own['threads']} thread{'s' * (own['threads'] > 1)}"
    device = "" if own["device"] == "cpu" else f"{own['device']}, driver {own['driver']}, "
    return (
        f"machine {row['fingerprint_digest']}: {device}{own['processor']}, "
        f"{own['cores']} cores, {threads}, torch {own['torch']}, "
        f"best product {row['peak_flops_per_s'] / 1e9:,.0f} GFLOP/s, data {row['data']}"
    )


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
