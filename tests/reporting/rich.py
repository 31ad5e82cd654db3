"""Results with every kind of row that a report can show, made of invented numbers."""

import csv
import hashlib
import json
import math

import numpy as np
from safetensors.numpy import save_file

from tests.reporting.conftest import (
    COLUMNS,
    GIVEN_LABEL,
    MASS,
    figure_arrays,
    run_record,
    write_history,
    write_manifest,
    write_suite,
)

N, FEW = 300, 100
MORE_COLUMNS = [*COLUMNS, "mc_stderr", "health"]
GOOD = {"ess": 31.2, "ess_min": 2.5, "max_weight": 0.12, "k_hat": 0.41, "k_hat_bad": 0.05}
BAD = {"ess": 4.2, "ess_min": 1.0, "max_weight": 0.71, "k_hat": 0.93, "k_hat_bad": 0.8}
CHAINS = {"ess": 9.0, "ess_min": 1.4, "max_weight": 0.3, "acceptance": 0.65, "step_size": 0.21}
IW = '{"chunk_size":50,"n_samples":100}'
AIS = '{"n_chains":16,"n_data":100,"n_temperatures":1000}'
UNITS = {
    "elbo": ("nats", "higher", "lower_bound", "{}"),
    "iw_log_likelihood": ("nats", "higher", "lower_bound", IW),
    "iw_extrapolated": ("nats", "higher", "estimate", IW),
    "ais_log_likelihood": ("nats", "higher", "lower_bound", AIS),
    "log_likelihood": ("nats", "higher", "exact", "{}"),
    "parzen_log_likelihood": ("nats", "higher", "estimate", '{"n_samples":10000}'),
    "bdmc_gap": ("nats", "lower", "upper_bound", AIS),
    "mmd2": ("squared MMD", "lower", "estimate", '{"n_samples":1000}'),
    "reconstruction_log_prob": ("nats", "higher", "estimate", "{}"),
    "kl": ("nats", "none", "exact", "{}"),
    "iw_curve": ("nats", "higher", "lower_bound", "{}"),
    "kl_decomposition": ("nats", "none", "estimate", "{}"),
    "inference_gap": ("nats", "none", "estimate", '{"n_data":100}'),
    "active_units_sweep": ("dimensions", "none", "estimate", "{}"),
}
# model: (recipe, height of the bound, height of the Parzen window)
MODELS = {
    "vae": ("vae", -20.0, -31.0),
    "vae_twin": ("vae", -20.001, -30.0),
    "beta_vae": ("beta_vae", -23.0, -29.0),
    "linear_gaussian": ("linear_gaussian", -22.0, None),
    "copier": ("copier", None, -12.0),
    "gan+normal(0.126)": ("gan", None, -25.0),
    "cvae": ("cvae", -18.0, None),
}


def per_datum(mean, seed, n=N, noise=1.0):
    """Values whose mean is ``mean``: what all models find hard, and what one model does."""
    hard = np.random.default_rng(0).normal(0, 4, n)
    own = np.random.default_rng(seed).normal(0, noise, n)
    values = hard + own
    return values - values.mean() + mean


def values_of(model, seed):
    """(metric, per-datum values or a bare value, more columns) of each number of a model."""
    recipe, height, parzen = MODELS[model]
    token = 1 + 100 * seed + list(MODELS).index(model)
    exact = {"kind": "exact"} if recipe == "linear_gaussian" else {}
    bad = BAD if model == "beta_vae" else GOOD
    if height is not None:
        drawn = {} if exact else {"mc_stderr": 0.013, "health": json.dumps(bad)}
        iw = per_datum(height - 0.1 * seed, token)
        yield "iw_log_likelihood", iw, exact | drawn
        if model == "cvae":
            return
        yield "elbo", per_datum(height - 1.4 - 0.1 * seed, token, noise=1.2), exact
        yield "reconstruction_log_prob", per_datum(height + 6 - 0.1 * seed, token), {}
        yield "kl", per_datum(7.4, token), {}
        yield "iw_extrapolated", iw + (0 if exact else 0.3), exact
        for k, loss in ((1, 1.4), (10, 0.5), (100, 0.0)):
            yield f"iw_curve[{k}]", float(iw.mean()) - (0 if exact else loss), exact | {"n": N}
        parts = {"index_code_mi": 5.1, "total_correlation": 1.2, "dimension_wise_kl": 1.1}
        for part, value in parts.items():
            yield f"kl_decomposition[{part}]", value, {"n": N}
        for part, value in {"approximation": 0.8, "amortisation": -0.01}.items():
            yield f"inference_gap[{part}]", value, {"n": FEW}
        for threshold, units in ((0.001, 8), (0.01, 7), (0.1, 5)):
            yield f"active_units_sweep[{threshold}]", float(units), {"n": N}
        if exact:
            yield "log_likelihood", iw, {}
            return
        ais = per_datum(height + 0.3, token)[:FEW]
        yield "ais_log_likelihood", ais, {"mc_stderr": 0.05, "health": json.dumps(CHAINS)}
        yield "bdmc_gap", np.full(FEW, 0.2) + 0.01 * np.arange(FEW), {}
    if parzen is not None:
        yield "parzen_log_likelihood", per_datum(parzen, token), {}
        yield "mmd2", 0.02 + 0.001 * token, {"n": N}


def rich_rows(model, seed, train_id):
    """Rows of the table, and the per-datum tensors that belong to them."""
    tensors, done = {}, set()
    for metric, found, more in values_of(model, seed):
        family = metric.partition("[")[0]
        unit, better, kind, options = UNITS[family]
        row = dict.fromkeys(MORE_COLUMNS, "") | {
            "suite": "tiny", "dataset": "digits", "protocol": MASS, "model": model, "seed": seed,
            "split": "test", "metric": metric, "unit": unit, "better": better, "kind": kind,
            "status": "ok", "evaluator_version": 1, "train_id": train_id, "options": options,
            "health": "{}",
        }  # fmt: skip
        if isinstance(found, np.ndarray):
            name = "label_marginal" if model == "cvae" else metric
            tensors[f"test/{name}/v1/{options}"] = found
            error = float(found.std(ddof=1) / math.sqrt(len(found)))
            row |= {"value": repr(float(found.mean())), "stderr": repr(error), "n": len(found)}
        else:
            row |= {"value": repr(found), "stderr": "0.02"}
        done.add(family)
        yield row | more, tensors
        if model == "cvae":
            given = found + 2.3
            tensors[f"test/{metric}/v1/{options}"] = given
            yield (
                row | more | {"protocol": GIVEN_LABEL, "value": repr(float(given.mean()))},
                tensors,
            )
    for family in [] if model == "cvae" else UNITS.keys() - done:
        unit, better, kind, options = UNITS[family]
        yield row | {
            "metric": family, "value": "", "stderr": "", "n": "", "unit": unit, "better": better,
            "kind": kind, "options": options, "status": "not_applicable", "mc_stderr": "",
            "health": "{}", "reason": f"{model} has no posterior(x)",
        }, tensors  # fmt: skip


def write_rich_run(folder, model, train_id, tensors):
    run = folder / "runs" / train_id
    (run / "artifacts").mkdir(parents=True)
    write_history(run / "history.csv", "vae")
    save_file(figure_arrays("gan"), run / "artifacts" / "figures.safetensors")
    save_file(tensors, run / "artifacts" / "per_datum.safetensors")
    write_manifest(run)


def fabricate_rich(root, models=tuple(MODELS), seeds=(0, 1), published=()):
    """Write the results folder of suite ``tiny`` and return its root."""
    folder = root / "tiny"
    folder.mkdir(parents=True)
    rows, runs = [], []
    for model, seed in [(m, s) for m in models for s in seeds]:
        train_id = hashlib.sha256(f"{model}{seed}".encode()).hexdigest()[:12]
        found = sorted(rich_rows(model, seed, train_id), key=lambda p: p[0]["status"] != "ok")
        rows += [row for row, _ in found]
        write_rich_run(folder, model, train_id, found[0][1])
        record = run_record(model, seed, train_id, "ok") | {"recipe": MODELS[model][0]}
        record["protocol"] = GIVEN_LABEL if model == "cvae" else MASS
        if model.startswith("gan"):
            record["fitted"] = {"scale": 0.126, "chosen_on": "validation"}
        runs.append(record)
    rows.sort(key=lambda row: list(UNITS).index(row["metric"].partition("[")[0]))
    with (folder / "metrics.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, MORE_COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    write_suite(folder, runs)
    suite = json.loads((folder / "suite.json").read_text())
    suite["spec"]["published"] = list(published)
    (folder / "suite.json").write_text(json.dumps(suite))
    return root
