"""What a suite costs by its number of stored runs: ``python -m tests.benchmarks.stored_runs``.

The runs are copies of one real run, each in the folder of its own identity, with numbers of their
own; files that no number depends on are hard links.
"""

import argparse
import json
import os
import resource
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from genbench.commands.shared import out
from genbench.comparison import compare, resolve
from genbench.gate import check, update
from genbench.reporting import build_report, terminal_summary
from genbench.results.metrics_table import TABLE
from genbench.results.records import SUITE
from genbench.results.run_folder import METRICS, PER_DATUM, SPEC
from genbench.results.run_tables import run_table
from genbench.results.suite import StoredSuite
from genbench.runs.run_options import RunOptions
from genbench.suites.prepare import prepare
from genbench.suites.run import run_suite
from genbench.suites.table import write_suite

SUITE_FILE = """\
title = "Many stored runs"
seeds = {seeds}
max_runs = {runs}

[data]
name = "digits"
binarisation = "static"
limit = 100

[train]
epochs = {epochs}

[evaluate]
metrics = ["elbo", "iw_log_likelihood", "reconstruction_mse", "kl", "kl_per_dim"]
iw_log_likelihood = {{ n_samples = 5 }}
"""
MODEL = """
[[model]]
name = "vae_{place}"
recipe = "vae"
hidden = [16]
latent_dim = 4
learning_rate = {rate}
"""


def options_of(root, n_models, n_seeds, epochs=2):
    """Write the suite file of so many models and seeds; return the options that run it."""
    head = SUITE_FILE.format(seeds=list(range(n_seeds)), runs=n_models * n_seeds, epochs=epochs)
    models = (MODEL.format(place=i, rate=f"{1e-3 + i * 1e-7:.7f}") for i in range(n_models))
    path = root / "many.toml"
    path.write_text(head + "".join(models))
    return RunOptions(suite=str(path), results=root / "results", reports=root / "reports",
                      device="cpu", report=False)  # fmt: skip


def fabricate(root, n_models, n_seeds):
    """Store so many runs: the first is trained, the others are copies of it; return the options."""
    run_suite(options_of(root, 1, 1))
    options = options_of(root, n_models, n_seeds)
    context = prepare(options).context
    first, *others = [context.run(spec) for spec in context.plan.specs]
    original = _Original(first.folder.path)
    for run in others:
        original.copy(run)
    return options


class _Original:
    """The run that was trained."""

    def __init__(self, folder):
        self.folder = folder
        self.metrics = json.loads((folder / METRICS).read_text())
        self.spec = json.loads((folder / SPEC).read_text())
        self.values = load_file(folder / PER_DATUM)

    def copy(self, run):
        """Write another run with numbers of its own."""
        folder, rng = run.folder, np.random.default_rng(int(run.folder.train_id, 16))
        shutil.copytree(self.folder, folder.path, copy_function=os.link)
        for name in (METRICS, SPEC, PER_DATUM):
            (folder / name).unlink()
        shifts = {}
        for key in self.metrics["evaluations"]:
            shifts[_metric(key)] = 0.1 * rng.standard_normal()
        folder.write(METRICS, self._shifted(shifts))
        description = {"description": self.spec["description"]}
        folder.write(SPEC, run.spec.identity(run.dataset.digest) | description)
        moved = {key: self._moved(key, shifts) for key in self.values}
        save_file(moved, folder / PER_DATUM)
        folder.seal()

    def _shifted(self, shifts):
        evaluations = {
            key: [row | {"value": row["value"] + shifts[_metric(key)]} for row in rows]
            for key, rows in self.metrics["evaluations"].items()
        }
        return self.metrics | {"evaluations": evaluations}

    def _moved(self, key, shifts):
        values = self.values[key]
        return (values + shifts[_metric(key.partition("/")[0])]).astype(values.dtype)


def _metric(key):
    """The metric of a key of ``metrics.json`` (``test/elbo/...``), or of itself."""
    return key.split("/")[1] if "/" in key else key


class Stopwatch:
    """Times steps in seconds of the processor, and says each as soon as it is over."""

    def __init__(self, n_runs):
        self.n_runs = n_runs

    def __call__(self, name, function, *given):
        started = time.process_time()
        result = function(*given)
        seconds = time.process_time() - started
        out(f"| {name} | {seconds:.2f} s | {1000 * seconds / self.n_runs:.3f} ms |")
        return result


def measure(root, n_models, n_seeds):
    """Print the seconds of each step over so many stored runs, and the bytes of what it writes."""
    options, timed = fabricate(root, n_models, n_seeds), Stopwatch(n_models * n_seeds)
    prepared = timed("read and check the suite file", prepare, options)
    context, folder = prepared.context, options.results / prepared.suite.name
    timed("build each model once", context.preflight, context.plan.specs)
    records = timed("read the stored runs", lambda: [*map(context.stored, context.plan.specs)])
    assert all(records), "a copy is not taken for a stored run"
    timed("write metrics.csv and suite.json", write_suite, prepared, records, [], [])
    suite = timed("open the suite", StoredSuite.open, options.results, folder.name)
    timed("blocks and paired tests", lambda: suite.blocks)
    timed("leaderboards", lambda: suite.leaderboards)
    timed(
        "a declared table of metrics", run_table, "metrics", folder, suite.frame, suite.record.runs
    )
    timed("terminal summary", terminal_summary, suite)
    page = timed("page, figures and tables", build_report, suite, options.reports)
    baseline = root / "baseline.json"
    timed("check --update", update, baseline, options.results, folder.name)
    timed("check", check, baseline, options.results)
    side = timed("compare: open one side", resolve, folder.name, options.results)
    timed("compare", compare, side, side)
    for path in (folder / TABLE, folder / SUITE, page, page.with_name("table.md")):
        size = path.stat().st_size
        out(f"| {path.name} | {size / 1e6:.2f} MB | {size / timed.n_runs / 1000:.3f} kB |")


def main():
    """Print a table of the milliseconds per run of each step."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shapes", nargs="*", default=["1x10", "10x100", "100x10"], metavar="MxS",
                        help="models x seeds, for example 10x1000")  # fmt: skip
    for shape in parser.parse_args().shapes:
        n_models, n_seeds = map(int, shape.split("x"))
        out(f"\n| {n_models} models x {n_seeds} seeds | whole | per run |\n|---|---|---|")
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), n_models, n_seeds)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        out(f"| most memory so far | {peak:.0f} MiB | |")


if __name__ == "__main__":
    main()
