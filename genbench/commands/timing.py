"""``bench``: speed beside its limit."""

import json
from argparse import Namespace
from typing import Any

from genbench.commands.printing import note, out, split_names, table
from genbench.core.errors import ExitCode


def bench(arguments: Namespace) -> int:
    """``bench``: speed beside the limit; with ``--compare`` exit 1 if a row is slower."""
    from genbench.bench.run import run_bench
    from genbench.bench.scaling import draw_scaling
    from genbench.bench.table import bench_table

    rows = run_bench(
        _bench_settings(arguments), old=arguments.compare, output=arguments.output, say=note
    )
    if arguments.format == "json":
        out(json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False))
    else:
        out(bench_table(rows, table))
    if arguments.study:
        note(f"drawn: {', '.join(map(str, draw_scaling(rows, arguments.figures)))}")
    slower = [row for row in rows if row.get("verdict") == "slower"]
    if slower:
        note(f"genbench: {len(slower)} of {len(rows)} benchmarks are slower")
        return ExitCode.REGRESSION
    return ExitCode.OK


def _bench_settings(arguments: Namespace) -> Any:
    from genbench.bench.settings import Settings

    shared = ("device", "hidden", "latent_dim", "n_samples", "study", "values", "data_dir")
    same: dict[str, Any] = {name: getattr(arguments, name) for name in shared}
    return Settings(
        **same,
        models=split_names(arguments.models),
        tasks=split_names(arguments.tasks) if arguments.tasks else None,
        batch_sizes=arguments.batch_sizes or ((128,) if arguments.quick else (20, 128)),
        seconds=(0.2 if arguments.quick else 1.0)
        if arguments.seconds is None
        else arguments.seconds,
    )
