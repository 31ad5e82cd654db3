"""A small results folder in exactly the stored format, made of invented numbers."""

import csv
import hashlib
import json
import math

import numpy as np
from safetensors.numpy import save_file
from sklearn.datasets import load_digits

from genbench.evaluation import runner  # noqa: F401  it registers every evaluator
from genbench.evaluation.spec import evaluators
from genbench.results.columns import COLUMNS

OLDER_COLUMNS = COLUMNS[: COLUMNS.index("mc_stderr")]
"""Of tables that were written before Monte-Carlo errors and health were stored."""
MASS = "digits@1a2b3c4d/static(seed=0)/1297+200+300/mass"
DENSITY = "digits@1a2b3c4d/uniform(seed=0)/1297+200+300/density"
GIVEN_LABEL = f"{MASS}|label"
METRICS = (
    "elbo",
    "iw_log_likelihood",
    "log_likelihood",
    "reconstruction_mse",
    "kl",
    "active_units",
)
RECORDS = (*METRICS, "kl_per_dim")
MODELS = {
    "ae": (MASS, "none", {"reconstruction_mse": (0.0212, 0.0003)}),
    "vae": (MASS, "Bernoulli", None),
    "beta_vae": (MASS, "Bernoulli", None),
    "iwae": (MASS, "Bernoulli", None),
    "gan": (MASS, "none", {}),
    "vae_gaussian": (DENSITY, "Gaussian, fixed scale 0.2", None),
    "linear_gaussian": (DENSITY, "Gaussian, learned scale", None),
    "cvae": (GIVEN_LABEL, "Bernoulli", None),
}
PLOTS = [
    {"name": "loss", "title": "The loss", "caption": "How it fell.", "table": "history",
     "x": "samples_seen", "y": ["train_loss"], "models": ["vae", "iwae"]},
    {"name": "bound", "title": "The bound", "table": "metrics", "kind": "bars", "x": "model",
     "y": ["elbo"], "error": "elbo_stderr"},
    {"name": "none", "title": "Nobody", "table": "history", "x": "epoch", "y": ["train_loss"],
     "models": ["linear_gaussian"]},
]  # fmt: skip
"""Figures that the suite file declares; the last has no rows."""
CENTRES = {"elbo": -21.4, "iw_log_likelihood": -20.1, "reconstruction_mse": 0.031, "kl": 9.2}


def numbers_of(model, seed):
    """(value, stderr) of each metric that the model has."""
    known = MODELS.get(model, (MASS, "", None))[2]
    if known is not None:
        return known
    shift = 0.731 * seed + 0.9 * len(model) % 3
    found = {name: (value * (1 - 0.02 * shift), abs(value) / 90) for name, value in CENTRES.items()}
    found["active_units"] = (6.0 + seed, math.nan)
    if model == "linear_gaussian":
        found["log_likelihood"] = (found["iw_log_likelihood"][0] + 0.0004, 0.22)
    return found


def record_of(name):
    """The record of an evaluator as a suite stores it."""
    return evaluators[name].record.model_dump(mode="json")


def described(metric):
    """What a row of the table says of its metric."""
    record = evaluators[metric].record
    said = {name: getattr(record, name) for name in ("unit", "better", "kind")}
    return said | {"metric": metric, "evaluator_version": record.version}


def metric_rows(model, seed, train_id, status="ok"):
    protocol = MODELS.get(model, (MASS,))[0]
    found = numbers_of(model, seed)
    for metric in METRICS:
        row = dict.fromkeys(OLDER_COLUMNS, "") | described(metric) | {
            "suite": "tiny", "dataset": "digits", "protocol": protocol, "model": model,
            "seed": seed, "split": "test", "status": status, "train_id": train_id, "options": "{}",
        }  # fmt: skip
        if metric == "iw_log_likelihood":
            row["options"] = '{"chunk_size":50,"n_samples":100}'
        if status != "ok":
            yield row | {"reason": "loss not finite at step 120"}
        elif metric in found:
            value, stderr = found[metric]
            error = "" if math.isnan(stderr) else repr(stderr)
            remark = "KL by Monte Carlo, 100 draws" if (model, metric) == ("iwae", "kl") else ""
            yield row | {"value": repr(value), "stderr": error, "n": 300, "reason": remark}
        else:
            why = "has no exact log p(x)" if metric == "log_likelihood" else "has no posterior(x)"
            yield row | {"status": "not_applicable", "reason": f"{model} {why}"}
    if "kl" in found and status == "ok":
        for d in range(8):
            value = 3.0 * math.exp(-0.5 * ((d + seed) % 8))
            of_part = described("kl_per_dim") | {"metric": f"kl_per_dim[{d}]"}
            number = {"value": repr(value), "stderr": "0.01", "n": 300}
            yield row | of_part | number | {"status": "ok", "reason": ""}


def figure_arrays(model):
    digits, labels = load_digits(return_X_y=True)
    images = (digits * (255 / 16)).astype(np.uint8).reshape(-1, 1, 8, 8)
    arrays = {"samples": images[100:164]}
    if model not in ("gan", "linear_gaussian"):
        arrays["originals"] = images[:16]
        arrays["reconstructions"] = images[:16] // 2 + 40
    if "kl" in numbers_of(model, 0):
        arrays["latent_means"] = digits[:300, 10:12].astype(np.float32)
        arrays["latent_labels"] = labels[:300].astype(np.int64)
        arrays["latent_dims"] = np.array([3, 5])
    if model == "cvae":
        arrays["class_samples"] = np.stack([images[labels == c][:8] for c in range(10)])
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def write_history(path, model):
    updates = ("discriminator", "generator") if model == "gan" else (model,)
    names = [f"train.{update}.loss" for update in updates]
    names += [] if model == "gan" else [f"validation.{model}.loss"]
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["epoch", "step", "learning_rate", *names])
        for epoch in range(1, 11):
            table.writerow(
                [epoch, epoch * 20, 1e-3, *(20 + 9 / (epoch + i) for i in range(len(names)))]
            )


def write_manifest(run):
    files = [path for path in run.rglob("*") if path.is_file() and path.name != "manifest.json"]
    digests = {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files
    }
    (run / "manifest.json").write_text(json.dumps({"files": digests}))


def write_run(folder, model, train_id):
    run = folder / "runs" / train_id
    (run / "artifacts").mkdir(parents=True)
    if model != "linear_gaussian":
        write_history(run / "history.csv", model)
    save_file(figure_arrays(model), run / "artifacts" / "figures.safetensors")
    write_manifest(run)


def run_record(model, seed, train_id, status):
    protocol, observation, _ = MODELS.get(model, (MASS, "Bernoulli", None))
    return {
        "train_id": train_id, "model": model, "recipe": model.split("_")[0], "seed": seed,
        "dataset": "digits", "protocol": protocol, "options": {"latent_dim": 8, "hidden": [64, 64]},
        "train": {"epochs": 10, "batch_size": 64, "learning_rate": 1e-3, "clip": 1.0},
        "data": {"name": "digits", "binarisation": "static"}, "observation": observation,
        "measure": "mass", "about": f"What a {model} is, in one sentence.", "n_parameters": 21456,
        "status": status, "reason": "" if status == "ok" else "loss not finite at step 120",
        "train_seconds": 3.2 + seed, "evaluate_seconds": 1.4, "device": "cpu",
    }  # fmt: skip


def write_suite(folder, runs, metrics=RECORDS, **spec):
    suite = {
        "schema": 2, "name": "tiny", "title": "Tiny comparison of generative models",
        "description": "Invented numbers in the stored format.",
        "command": "python -m genbench run --suite tiny", "spec": {"seeds": [0, 1], **spec},
        "metrics": [record_of(name) for name in metrics], "runs": runs,
        "versions": {"genbench": "0.1.0", "torch": "2.13.0"},
    }  # fmt: skip
    (folder / "suite.json").write_text(json.dumps(suite))


def write_table(folder, columns, rows):
    with (folder / "metrics.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, columns, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def change_suite(root, change):
    """Pass the content of ``suite.json`` through ``change``, which may write into it."""
    path = root / "tiny" / "suite.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def fabricate(root, models=tuple(MODELS), seeds=(0, 1), diverged=("vae_wild",), **spec):
    """Write the results of suite ``tiny`` and return their root; ``spec`` is of the suite file."""
    folder = root / "tiny"
    folder.mkdir(parents=True)
    rows, runs = [], []
    for model, seed in [(m, s) for m in (*models, *diverged) for s in seeds]:
        status = "diverged" if model in diverged else "ok"
        train_id = hashlib.sha256(f"{model}{seed}".encode()).hexdigest()[:12]
        rows += metric_rows(model, seed, train_id, status)
        runs.append(run_record(model, seed, train_id, status))
        if status == "ok":
            write_run(folder, model, train_id)
    write_table(folder, OLDER_COLUMNS, rows)
    write_suite(folder, runs, **spec)
    return root
