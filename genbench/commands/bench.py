"""``bench``: speed next to the hardware's limit."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from genbench.commands.shared import (
    Commands,
    add_command,
    add_folders,
    add_format,
    add_plugins,
    given,
    integers,
    names,
    note,
    out,
    path,
)
from genbench.commands.streams import terminal
from genbench.core.errors import ExitCode
from genbench.core.files import readable_json

QUICK: dict[str, Any] = {"batch_sizes": (128,), "seconds": 0.2}


def add_parser(commands: Commands) -> None:
    """Add ``bench``; arguments on what to measure are named after fields of ``Settings``."""
    parser = add_command(
        commands, "bench", "speed, next to what the hardware allows; on MNIST or random images"
    )
    add = parser.add_argument
    add("--models", type=names, metavar="A,B", help="recipes; by default all that train")
    tasks = "any of train, iw, ais and sample; all by default"
    add("--tasks", type=names, metavar="A,B", help=tasks)
    sizes = "batch sizes; 20 and 128 by default"
    add("--batch-sizes", type=integers, metavar="N,N", help=sizes)
    add("--device", help="auto (the default), cpu, cuda or cuda:N")
    add("--seconds", type=float, metavar="S", help="time for each row; 1 by default")
    add("--quick", action="store_true", help="shorter: 0.2 seconds and batch size 128 by default")
    add("--hidden", type=integers, metavar="N,N", help="sizes of the dense layers; 400 by default")
    add("--latent-dim", type=int, metavar="N", help="dimensions of the latent; 20 by default")
    add("--n-samples", type=int, metavar="K", help="draws of the iw bound; 100 by default")
    add("--n-chains", type=int, metavar="N", help="chains of ais for each image; 4 by default")
    add("--n-temperatures", type=int, metavar="N", help="transitions of ais; 4 by default")
    precisions = "of products in training: float32 (the default), tf32 or bf16"
    add("--precision", metavar="P", help=precisions)
    add("--study", metavar="WHAT", help="vary batch_size, latent_dim, n_samples or seeds")
    add("--values", type=integers, metavar="N,N", help="the values to vary it over")
    add_plugins(parser)
    add_format(parser)
    add("--output", type=path, metavar="FILE", help="also write the rows as JSON")
    add("--compare", type=path, metavar="OLD.json", help="fail if a row is slower")
    add_folders(parser, "data-dir")
    figures = Path("reports/bench")
    add(
        "--figures",
        type=path,
        default=figures,
        help=f"folder for the figures of a study; {figures} by default",
    )
    parser.set_defaults(body=bench)


def bench(arguments: Namespace) -> int:
    """Measure speed next to its limit; with ``--compare`` exit 1 if a row is slower."""
    from genbench.bench.run import run_bench
    from genbench.bench.scaling import draw_scaling
    from genbench.bench.settings import Settings
    from genbench.bench.table import bench_table

    settings = Settings(**((QUICK if arguments.quick else {}) | given(arguments, Settings)))
    rows = run_bench(settings, old=arguments.compare, output=arguments.output, say=note)
    out(readable_json(rows) if arguments.format == "json" else bench_table(rows, terminal()))
    if arguments.study:
        note(f"figures: {', '.join(map(str, draw_scaling(rows, arguments.figures)))}")
    slower = [row for row in rows if row.get("verdict") == "slower"]
    if slower:
        note(f"genbench: {len(slower)} of {len(rows)} benchmarks are slower")
        return ExitCode.REGRESSION
    return ExitCode.OK
