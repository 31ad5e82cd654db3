"""Tables, entries and results folders of invented numbers, in exactly the stored format."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import save_file

from genbench.evaluation import runner  # noqa: F401  registers the evaluators
from genbench.evaluation.spec import evaluators
from genbench.gate import entries
from genbench.results.columns import COLUMNS
from genbench.results.metrics_table import metrics_of, with_metrics
from genbench.results.per_datum import value_key

PROTOCOL = "digits@1a2b3c4d/static(seed=0)/100+20+40/mass"
UNITS = {
    "elbo": ("nats", "higher", "lower_bound"),
    "bits_per_dim": ("bits/dim", "lower", "upper_bound"),
    "kl": ("nats", "none", "exact"),
    "accuracy": ("share", "higher", "estimate"),
}
METRICS = {name: evaluators[name].record for name in ("elbo", "bits_per_dim", "kl", "iw_curve")}
"""Records of the tables' metrics; ``accuracy`` is undeclared."""
NUMBERS = {
    ("ae", "accuracy"): [0.81, 0.82],
    ("vae", "bits_per_dim"): [0.532, 0.531],
    ("vae", "elbo"): [-23.61, -23.57],
    ("vae", "kl"): [3.84, 3.91],
}
MACHINE = {"device": "CPU, 1 thread", "threads": 1, "system": "Linux", "machine": "x", "cores": 2}


def train_id(model, seed, salt=""):
    return hashlib.sha256(f"{model}/{seed}/{salt}".encode()).hexdigest()[:12]


def row(model, metric, seed, value, salt="", **other):
    unit, better, kind = UNITS.get(metric.partition("[")[0], ("nats", "higher", "estimate"))
    return dict.fromkeys(COLUMNS, "") | {
        "suite": "tiny", "dataset": "digits", "protocol": PROTOCOL, "model": model, "seed": seed,
        "split": "test", "metric": metric, "value": value, "stderr": 0.1, "n": 40, "unit": unit,
        "better": better, "kind": kind, "status": "ok", "evaluator_version": 1,
        "train_id": train_id(model, seed, salt), "options": "{}", "mc_stderr": np.nan,
        "health": "{}", **other,
    }  # fmt: skip


def without_number(model, metric, seed, status, reason):
    lacks = {"stderr": np.nan, "n": None, "status": status, "reason": reason}
    return row(model, metric, seed, np.nan, **lacks)


def frame_of(rows):
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    types = {"n": "Int64", "evaluator_version": "Int64", "value": float, "stderr": float}
    return with_metrics(frame.astype(types | {"seed": "int64", "mc_stderr": float}), METRICS)


def table(numbers=None, salt="", **other):
    """A table with one value per seed of each (model, metric)."""
    return frame_of(
        [
            row(model, metric, seed, value, salt, **other)
            for (model, metric), values in (numbers or NUMBERS).items()
            for seed, value in enumerate(values)
        ]
    )


def entries_of(frame):
    """The numbers of a table by the records that it carries."""
    return entries.entries_of(frame, metrics_of(frame))


def entry(values=(-23.61, -23.57), model="vae", metric="elbo", salt="", metrics=METRICS, **changes):
    (found,) = entries.entries_of(table({(model, metric): list(values)}, salt), metrics)
    return found.model_copy(update=changes)


def write_results(root: Path, frame: pd.DataFrame, per_datum=None, machine=None):
    """Store a table as ``genbench run`` would, with sealed run folders."""
    folder = root / "tiny"
    folder.mkdir(parents=True)
    (folder / "metrics.csv").write_text(frame.to_csv(index=False, lineterminator="\n"))
    runs = [
        {"train_id": t, "model": m, "seed": int(s)}
        for t, m, s in dict.fromkeys(zip(frame.train_id, frame.model, frame.seed, strict=True))
    ]
    suite = {
        "schema": 2, "name": "tiny", "command": "run tiny", "versions": {},
        "metrics": frame.attrs["metrics"],
        "runs": [run | {"protocol": PROTOCOL} for run in runs],
    }  # fmt: skip
    (folder / "suite.json").write_text(json.dumps(suite))
    for record in runs:
        values = (per_datum or {}).get((record["model"], record["seed"]), {})
        _write_run(folder / "runs" / record["train_id"], values, machine or MACHINE)
    return root


def _write_run(run, values, machine):
    (run / "artifacts").mkdir(parents=True)
    told = machine | {"finished": "2026-01-01T00:00:00+00:00", "versions": {"torch": "2.13.0"}}
    (run / "provenance.json").write_text(json.dumps(told))
    if values:
        named = {value_key("test", name, "", 1, "{}"): array for name, array in values.items()}
        save_file(named, run / "artifacts" / "per_datum.safetensors")
    files = [path for path in run.rglob("*") if path.is_file()]
    digests = {
        path.relative_to(run).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }
    (run / "manifest.json").write_text(json.dumps({"files": digests}))
