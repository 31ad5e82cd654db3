"""Numbers of a small suite, pinned. A changed number without a raised version fails.

After a change that is meant, raise the evaluator's (or recipe's) version, tell it in CHANGELOG.md
under "Numbers", and write the file anew:

    GENBENCH_UPDATE_GOLDEN=1 python -m pytest tests/golden

130 data are one whole block of the evaluation runner and a part of one, so a change of how noise is
addressed by block shows. The tolerance of trained models leaves room for other processors' order of
float32 sums, and no more; closed forms are float64.
"""

import json
import math
import os
from pathlib import Path

import pytest

from genbench.evaluation.spec import evaluators
from genbench.recipes import recipes
from genbench.runs.run_options import RunOptions
from genbench.suites.run import run_suite

GOLDEN = Path(__file__).with_name("golden.json")
CLOSED_FORM, TRAINED = 1e-9, 1e-4
FLOATS = ("value", "stderr", "mc_stderr")
SUITE = """
title = "Golden"
seeds = [0]

[data]
name = "digits"
binarisation = "dynamic"
limit = 130

[train]
epochs = 2
batch_size = 25
learning_rate = 5e-3

[[model]]
recipe = "vae"
hidden = [32]
latent_dim = 4

[[model]]
recipe = "ae"
hidden = [32]
latent_dim = 4

[[model]]
recipe = "linear_gaussian"
latent_dim = 4
binarisation = "none"
dequantisation = "uniform"

[[model]]
recipe = "cvae"
hidden = [16]
latent_dim = 2

[[model]]
recipe = "iwae"
hidden = [16]
latent_dim = 2

[[model]]
recipe = "hierarchical_vae"
hidden = [16]
upper_hidden = [8]
latent_dim = 3
upper_latent_dims = [2]
n_samples = 2

[[model]]
recipe = "discrete_vae"
n_categories = 6
hidden = [16]

[[model]]
recipe = "made"
hidden = [16]

[[model]]
recipe = "linear_vae"
latent_dim = 3
binarisation = "none"
dequantisation = "uniform"

[[model]]
recipe = "gaussian_mixture"
n_components = 3
binarisation = "none"
dequantisation = "uniform"

[[model]]
recipe = "independent_pixels"

[[model]]
recipe = "real_nvp"
n_couplings = 2
hidden = [16]
binarisation = "none"
dequantisation = "uniform"

[[model]]
recipe = "diffusion"
n_steps = 10
hidden = [16]
binarisation = "none"
dequantisation = "uniform"

[[model]]
recipe = "flow_matching"
n_steps = 4
hidden = [16]
binarisation = "none"
dequantisation = "uniform"

[[model]]
recipe = "gan"
hidden = [16]
latent_dim = 2
binarisation = "none"
dequantisation = "uniform"
assume = { scale = 0.25 }

[evaluate]
metrics = [
  "elbo", "iw_log_likelihood", "log_likelihood", "reconstruction_mse", "reconstruction_log_prob",
  "kl", "kl_per_dim", "active_units", "bits_per_dim", "iw_curve", "iw_extrapolated", "prior_bound",
  "prior_log_likelihood", "label_marginal_log_likelihood", "ais_log_likelihood", "bdmc_gap",
  "active_units_sweep", "kl_decomposition", "inference_gap", "parzen_log_likelihood", "mmd2",
  "fd_infinity", "fd", "kid", "precision", "recall", "density", "coverage", "c2st", "vendi",
  "class_coverage", "sliced_wasserstein", "authenticity", "memorisation_z",
]
iw_log_likelihood = { n_samples = 20, chunk_size = 10 }
iw_curve = { n_samples = 20 }
iw_extrapolated = { n_samples = 20 }
prior_bound = { n_samples = 20 }
prior_log_likelihood = { n_samples = 20 }
label_marginal_log_likelihood = { n_samples = 5 }
ais_log_likelihood = { n_chains = 3, n_temperatures = 10, n_leapfrog = 2, n_data = 20 }
bdmc_gap = { n_chains = 3, n_temperatures = 10, n_leapfrog = 2, n_data = 20 }
inference_gap = { n_steps = 10, n_samples = 20, n_data = 20 }
parzen_log_likelihood = { n_samples = 1000 }
fd_infinity = { features = "pca6" }
fd = { features = "pca6" }
"""
MODELS = {
    "vae", "ae", "linear_gaussian", "cvae", "iwae", "discrete_vae", "linear_vae",
    "gaussian_mixture", "independent_pixels", "gan", "made", "real_nvp",
    "diffusion", "flow_matching", "hierarchical_vae",
}  # fmt: skip
"""Every kind of model that is cheap to train or to fit."""
DENSITIES = {"log_likelihood", "bits_per_dim"}
"""All that is pinned of ``made``: it draws binary pixels, of which a rounding can flip one."""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Every number of the suite, by model, recipe version, metric, evaluator version, options."""
    folder = tmp_path_factory.mktemp("golden")
    path = folder / "golden.toml"
    path.write_text(SUITE)
    request = RunOptions(str(path), results=folder / "results", device="cpu", report=False)
    frame = run_suite(request).frame
    numbers = {}
    drawn = (frame["model"] == "made") & ~frame["metric"].isin(DENSITIES)
    for row in frame[(frame["status"] == "ok") & ~drawn].itertuples():
        model = f"{row.model}/v{recipes[row.model.split('+')[0]].version}"
        key = f"{model} {row.metric}/v{row.evaluator_version} {row.options}"
        assert key not in numbers
        errors = {"stderr": row.stderr, "mc_stderr": row.mc_stderr}
        known = {k: None if e is None or e != e else e for k, e in errors.items()}
        numbers[key] = {"value": row.value, "n": int(row.n)} | known
    return numbers


@pytest.fixture(scope="module")
def golden(found):
    if os.environ.get("GENBENCH_UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    return json.loads(GOLDEN.read_text())


def annealed(key):
    """Whether a rounding moves a number within its Monte-Carlo error, by another accepted proposal.

    The annealing of a trained float32 model is such; its exactness has oracles of its own.
    """
    sampled, exact = ("ais_log_likelihood", "bdmc_gap"), ("linear_", "discrete_vae")
    return key.split()[1].startswith(sampled) and not key.startswith(exact)


def close(number, pinned, key):
    if pinned is None or number is None:
        return number is pinned
    tolerance = CLOSED_FORM if key.startswith("linear_gaussian") else TRAINED
    return number == pytest.approx(pinned, rel=tolerance, abs=tolerance * 1e-2)


def agree(number, pinned, key):
    """Compare value and errors; the band of an annealed value comes from its own errors."""
    if number["n"] != pinned["n"]:
        return False
    if annealed(key):
        error = pinned["mc_stderr"] or pinned["stderr"]  # of bdmc_gap the latter holds both
        return abs(number["value"] - pinned["value"]) <= 4 * math.sqrt(2) * error
    return all(close(number[k], pinned[k], key) for k in FLOATS)


def test_every_pinned_number_is_found_and_every_number_is_pinned(found, golden):
    assert set(found) == set(golden)
    assert {key.split("/")[0].split("+")[0] for key in golden} == MODELS


def test_every_evaluator_has_a_pinned_number(golden):
    pinned = {key.split()[1].split("/")[0].split("[")[0] for key in golden}
    assert pinned == {evaluators[name].metric for name in evaluators}


def test_numbers_are_the_pinned_ones(found, golden):
    changed = {
        key: (found[key], golden[key])
        for key in found.keys() & golden.keys()
        if not agree(found[key], golden[key], key)
    }
    assert changed == {}


def test_a_changed_number_would_be_noticed(golden):
    for key, pinned in golden.items():
        moved = pinned["value"] * (1 + 1e-3) + math.copysign(1e-5, pinned["value"])
        if annealed(key):
            moved = pinned["value"] + 1.5  # nats
        assert not agree(pinned | {"value": moved}, pinned, key)
