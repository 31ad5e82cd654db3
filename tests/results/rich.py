"""Results with every kind of row that a report can show, made of invented numbers."""

import hashlib
import json
import math

import numpy as np
from safetensors.numpy import save_file

from genbench.results.columns import COLUMNS
from genbench.results.per_datum import value_key
from tests.results.fabricate import (
    GIVEN_LABEL,
    MASS,
    described,
    figure_arrays,
    run_record,
    write_history,
    write_manifest,
    write_suite,
    write_table,
)

N, FEW = 300, 100
GOOD = {"ess": 31.2, "ess_min": 2.5, "max_weight": 0.12, "k_hat": 0.41, "k_hat_bad": 0.05}
BAD = {"ess": 4.2, "ess_min": 1.0, "max_weight": 0.71, "k_hat": 0.93, "k_hat_bad": 0.8}
CHAINS = {"ess": 9.0, "ess_min": 1.4, "max_weight": 0.3, "acceptance": 0.65, "step_size": 0.21}
IW = '{"chunk_size":50,"n_samples":100}'
AIS = '{"n_chains":16,"n_data":100,"n_temperatures":1000}'
OPTIONS = {
    "elbo": "{}",
    "iw_log_likelihood": IW,
    "iw_extrapolated": IW,
    "ais_log_likelihood": AIS,
    "log_likelihood": "{}",
    "parzen_log_likelihood": '{"n_samples":10000}',
    "bdmc_gap": AIS,
    "mmd2": '{"n_compared":1000}',
    "reconstruction_log_prob": "{}",
    "kl": "{}",
    "iw_curve": "{}",
    "kl_decomposition": "{}",
    "inference_gap": '{"n_data":100}',
    "active_units_sweep": "{}",
}
"""Of each metric, in the order of the table."""
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
    rows, tensors = [], {}
    shared = dict.fromkeys(COLUMNS, "") | {
        "suite": "tiny", "dataset": "digits", "protocol": MASS, "model": model, "seed": seed,
        "split": "test", "status": "ok", "train_id": train_id, "health": "{}",
    }  # fmt: skip
    for name, found, more in values_of(model, seed):
        metric = name.partition("[")[0]
        options = OPTIONS[metric]
        row = shared | described(metric) | {"metric": name, "options": options} | more
        if not isinstance(found, np.ndarray):
            rows.append(row | {"value": repr(found), "stderr": "0.02"})
            continue
        rows.append(row | number_of(found))
        version = row["evaluator_version"]
        tensors[value_key("test", name, "", version, options)] = found
        if model == "cvae":  # the number above has the label summed out
            tensors[value_key("test", name, "label", version, options)] = found + 2.3
            rows.append(row | number_of(found + 2.3) | {"protocol": GIVEN_LABEL})
    given = {row["metric"].partition("[")[0] for row in rows}
    for metric in [] if model == "cvae" else OPTIONS.keys() - given:
        why = {"status": "not_applicable", "reason": f"{model} has no posterior(x)"}
        rows.append(shared | described(metric) | {"options": OPTIONS[metric]} | why)
    return rows, tensors


def number_of(values):
    """The columns of a number that is the mean of these values."""
    stderr = float(values.std(ddof=1) / math.sqrt(len(values)))
    return {"value": repr(float(values.mean())), "stderr": repr(stderr), "n": len(values)}


def write_rich_run(folder, model, train_id, tensors):
    run = folder / "runs" / train_id
    (run / "artifacts").mkdir(parents=True)
    write_history(run / "history.csv", "vae")
    save_file(figure_arrays("gan"), run / "artifacts" / "figures.safetensors")
    save_file(tensors, run / "artifacts" / "per_datum.safetensors")
    write_manifest(run)


def fabricate_rich(root, models=tuple(MODELS), seeds=(0, 1, 2), **spec):
    """Write the results of suite ``tiny`` and return their root; ``spec`` is of the suite file."""
    folder = root / "tiny"
    folder.mkdir(parents=True)
    rows, runs = [], []
    for model, seed in [(m, s) for m in models for s in seeds]:
        train_id = hashlib.sha256(f"{model}{seed}".encode()).hexdigest()[:12]
        of_run, tensors = rich_rows(model, seed, train_id)
        rows += of_run
        write_rich_run(folder, model, train_id, tensors)
        record = run_record(model, seed, train_id, "ok") | {"recipe": MODELS[model][0]}
        record["protocol"] = GIVEN_LABEL if model == "cvae" else MASS
        if model.startswith("gan"):
            record["fitted"] = {"scale": 0.126, "chosen_on": "validation"}
        runs.append(record)
    rows.sort(key=lambda row: list(OPTIONS).index(row["metric"].partition("[")[0]))
    write_table(folder, COLUMNS, rows)
    write_suite(folder, runs, (*OPTIONS, "label_marginal_log_likelihood"), **spec)
    return root
