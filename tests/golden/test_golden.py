"""Numbers of a small suite, pinned. A changed number without a raised version fails.

After a change that is meant, raise the evaluator's (or recipe's) version, tell it in CHANGELOG.md
under "Numbers", and write the file anew:

    GENBENCH_UPDATE_GOLDEN=1 python -m pytest tests/golden

130 data are one whole block of the evaluation runner and a part of one, so a change of how noise is
addressed by block shows. The tolerance of trained models leaves room for other processors' order of
float32 sums, and no more; closed forms are float64.
"""

import json
import os
from pathlib import Path

import pytest

from genbench.recipes import recipes
from genbench.suites.run import Request, run_suite

GOLDEN = Path(__file__).with_name("golden.json")
CLOSED_FORM, TRAINED = 1e-9, 1e-4
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

[evaluate]
iw_log_likelihood = { n_samples = 20, chunk_size = 10 }
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Every number of the suite, by model, recipe version, metric, evaluator version, options."""
    folder = tmp_path_factory.mktemp("golden")
    path = folder / "golden.toml"
    path.write_text(SUITE)
    request = Request(str(path), results=folder / "results", device="cpu", report=False)
    frame = run_suite(request).frame
    numbers = {}
    for row in frame[frame["status"] == "ok"].itertuples():
        model = f"{row.model}/v{recipes[row.model].version}"
        key = f"{model} {row.metric}/v{row.evaluator_version} {row.options}"
        stderr = None if row.stderr is None or row.stderr != row.stderr else row.stderr
        numbers[key] = {"value": row.value, "stderr": stderr, "n": int(row.n)}
    return numbers


@pytest.fixture(scope="module")
def golden(found):
    if os.environ.get("GENBENCH_UPDATE_GOLDEN"):
        GOLDEN.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")
    return json.loads(GOLDEN.read_text())


def close(number, pinned, key):
    if pinned is None or number is None:
        return number is pinned
    tolerance = CLOSED_FORM if key.startswith("linear_gaussian") else TRAINED
    return number == pytest.approx(pinned, rel=tolerance, abs=tolerance * 1e-2)


def test_every_pinned_number_is_found_and_every_number_is_pinned(found, golden):
    assert set(found) == set(golden)
    assert len({key.split("/")[0] for key in golden}) == 3


def test_numbers_are_the_pinned_ones(found, golden):
    changed = {
        key: (found[key], golden[key])
        for key in found.keys() & golden.keys()
        if found[key]["n"] != golden[key]["n"]
        or not close(found[key]["value"], golden[key]["value"], key)
        or not close(found[key]["stderr"], golden[key]["stderr"], key)
    }
    assert changed == {}


def test_a_changed_number_would_be_noticed(golden):
    for key, pinned in golden.items():
        moved = pinned["value"] * (1 + 1e-3) + 1e-5
        assert not close(moved, pinned["value"], key)
