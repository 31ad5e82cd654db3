"""Every evaluator on the device against the processor, on trained models of every kind.

Each number on the processor is computed with several seeds. Where they agree nothing is drawn, and
the device may differ by float32 rounding only. Elsewhere their spread is the estimator's own error,
and the device's number is one more draw.
"""

import re
from copy import deepcopy
from functools import cache

import numpy as np
import pytest
import torch

from genbench.core.capabilities import missing
from genbench.core.seeding import Stream
from genbench.evaluation import generated
from genbench.evaluation.on_dataset import context_on
from genbench.evaluation.runner import evaluate_model, make_task
from genbench.evaluation.spec import evaluators
from genbench.runs.assume import Assume, fit_assumption
from genbench.training.config import TrainConfig
from genbench.training.precision import products_in
from tests.gpu.small import built, digits, grey_digits, trained

CPU = torch.device("cpu")
N_SEEDS = 4
ERRORS = 12.0
"""Standard deviations between numbers; of four seeds they are themselves uncertain."""
ROUNDING = 2e-4
ANNEALED = {"n_chains": 4, "n_temperatures": 10, "n_leapfrog": 2, "n_data": 20}
OPTIONS = {
    "ais_log_likelihood": ANNEALED,
    "bdmc_gap": ANNEALED,
    "inference_gap": {"n_data": 20, "n_steps": 10, "n_pairs": 1, "n_samples": 20},
    "iw_extrapolated": {"n_samples": 2000},  # with fewer, chance says whether it applies
    "iw_log_likelihood": {"n_samples": 1100, "n_data": 20},
    "kl_decomposition": {"n_draws": 50},
    "label_marginal_log_likelihood": {"n_samples": 5},
    "parzen_log_likelihood": {"n_samples": 500},
}
BUDGET = TrainConfig(epochs=8, batch_size=30, learning_rate=5e-3)
LEARNED = {"observation": {"kind": "learned_gaussian"}}
MODELS = {
    "vae": (digits, "vae", {}),
    "vae, gaussian": (grey_digits, "vae", LEARNED),
    "vae, convolutions": (digits, "vae", {"network": "conv"}),
    "vae, full posterior": (grey_digits, "vae", LEARNED | {"posterior": "full"}),
    "iwae, gaussian": (grey_digits, "iwae", LEARNED | {"n_samples": 3}),
    "cvae": (digits, "cvae", {}),
    "cvae, gaussian": (grey_digits, "cvae", LEARNED),
    "ae": (digits, "ae", {}),
    "discrete_vae": (digits, "discrete_vae", {}),
    "made": (digits, "made", {}),
    "mixture_vae": (digits, "mixture_vae", {}),
    "hierarchical_vae": (digits, "hierarchical_vae", {"upper_latent_dims": (2,)}),
    "linear_vae": (grey_digits, "linear_vae", {}),
    "linear_gaussian": (grey_digits, "linear_gaussian", {}),
    "gaussian_mixture": (grey_digits, "gaussian_mixture", {"n_components": 3}),
    "independent_pixels": (digits, "independent_pixels", {}),
    "real_nvp": (grey_digits, "real_nvp", {}),
    "diffusion": (grey_digits, "diffusion", {"n_steps": 20}),
    "flow_matching": (grey_digits, "flow_matching", {"n_steps": 5}),
    "cvae_pixels": (digits, "cvae_pixels", {}),
    "gan": (grey_digits, "gan", {}),
    "gan + normal": (grey_digits, "gan", {}),
}


@cache
def model_on_cpu(name):
    """Return a model of a kind, trained on the processor."""
    serve, recipe, options = MODELS[name]
    data = serve(CPU)
    made = built(data, recipe, BUDGET, **options)
    if made.updates:
        trained(data, made, BUDGET, steps=10**9)
    if name.endswith("+ normal"):
        assume = Assume(n_data=10, n_temperatures=10, n_leapfrog=1)
        return fit_assumption(made.model, assume, data, Stream(0, ("assume",))).model
    return made.model


def model_on(device, name):
    """Return a copy of it on a device; all tests share the one on the processor."""
    return deepcopy(model_on_cpu(name)).to(device)


OF_SAMPLES = [name for name in evaluators if evaluators[name].of == "samples"]
OF_DATA = [name for name in evaluators if name not in OF_SAMPLES]


@cache
def rows(name, device, seed=0):
    """Return the rows of every evaluator of data on a model, by metric and evaluator."""
    return rows_in(context_of(name, device, seed), OF_DATA, name, device)


def context_of(name, device, seed=0):
    return context_on(MODELS[name][0](device), model_on(device, name), seed)


def rows_in(context, names, name, device):
    tasks = [make_task(evaluator, OPTIONS.get(evaluator)) for evaluator in names]
    with products_in("float32"):
        found = evaluate_model(*MODELS[name][0](device).held_out("test"), tasks, context)
    pairs = zip(names, found, strict=True)
    return {(key, row.metric): row for key, outcome in pairs for row in outcome.rows}


FIXED = ("status", "reason", "n", "unit", "better", "kind", "options", "marginal")


def fixed(row):
    """What no draw changes, but for numbers in the reason."""
    stated = {k: getattr(row, k) for k in FIXED}
    return stated | {"reason": re.sub(r"[-\d.]+", "#", row.reason)}


@pytest.mark.parametrize("name", MODELS)
def test_numbers_agree_within_the_error_of_their_estimator(device, name):
    of_seeds = [rows(name, CPU, seed) for seed in range(N_SEEDS)]
    there, here = rows(name, device), of_seeds[0]
    assert list(there) == list(here)
    apart = {}
    for key, row in there.items():
        alike = [r[key] for r in of_seeds if fixed(r[key]) == fixed(row)]
        assert row.status != "failed", row.reason
        assert alike, (fixed(row), fixed(here[key]))
        assert row.health.keys() == alike[0].health.keys()
        for number in ("value", "stderr"):
            found, expected = getattr(row, number), [getattr(r, number) for r in alike]
            if not agree(found, expected, row.mc_stderr or 0.0):
                apart[key, number] = found, expected
    assert apart == {}


@pytest.mark.parametrize("name", MODELS)
def test_metrics_of_the_same_samples_agree_to_rounding(device, name, monkeypatch):
    monkeypatch.setattr(generated, "forget_draws", lambda context, name: None)
    contexts = [context_of(name, where) for where in (device, CPU)]
    there = rows_in(contexts[0], OF_SAMPLES, name, device)
    drawn = contexts[0].cache.get("samples", {})
    assert drawn or not any(row.status == "ok" for row in there.values())
    contexts[1].cache["samples"] = {i: images.cpu() for i, images in drawn.items()}
    here = rows_in(contexts[1], OF_SAMPLES, name, CPU)
    assert list(there) == list(here)
    for key, row in there.items():
        assert row.status != "failed", row.reason
        assert [getattr(row, k) for k in FIXED] == [getattr(here[key], k) for k in FIXED]
        for number in ("value", "stderr"):
            found, expected = getattr(row, number), getattr(here[key], number)
            assert agree(found, [expected, expected], 0.0), (key, number, found, expected)


def agree(found, expected, error):
    """Compare a number with those of several seeds; ``error`` is what it says of itself."""
    if found is None or expected[0] is None:
        return found is expected[0]
    spread = max(float(np.std(expected, ddof=1)) if len(expected) > 1 else 0.0, error)
    rounding = ROUNDING * max(1.0, abs(expected[0]))
    return abs(found - np.mean(expected)) <= ERRORS * spread + rounding


def test_a_wrong_number_would_be_noticed():
    assert agree(-20.0, [-20.001, -19.999, -20.0005, -20.0005], 0.0)
    assert not agree(-20.1, [-20.001, -19.999, -20.0005, -20.0005], 0.0)
    assert not agree(-20.01, [-20.0] * 4, 0.0)


def test_every_evaluator_has_a_model():
    models = [
        built(serve(CPU), recipe, **options).model for serve, recipe, options in MODELS.values()
    ]
    for name in evaluators:
        assert any(not missing(m, need) for m in models for need in evaluators[name].needs), name


DRAWN = ["elbo", "iw_log_likelihood", "ais_log_likelihood", "mmd2"]


@pytest.mark.parametrize("name", ["vae", "vae, gaussian"])
def test_evaluating_again_gives_the_same_bits_whatever_was_drawn_and_evaluated_before(device, name):
    before = rows(name, device)
    data, model = MODELS[name][0](device), model_on(device, name)
    torch.rand(1000, device=device)
    for evaluator in DRAWN:
        task = make_task(evaluator, OPTIONS.get(evaluator))
        with products_in("float32"):
            found = evaluate_model(*data.held_out("test"), [task], context_on(data, model, 0))
        assert found[0].rows == [row for key, row in before.items() if key[0] == evaluator]
