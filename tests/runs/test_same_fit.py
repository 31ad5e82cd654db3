"""Seeds of a recipe that draws nothing are fitted once, in the bits of a fit of their own."""

import pytest
import torch

from genbench.recipes.registry import Built
from tests.runs.conftest import TINY

MODELS = """
[[model]]
recipe = "independent_pixels"

[[model]]
recipe = "missing_class"

[[model]]
recipe = "kmeans"
n_clusters = 5
"""
OTHERS = """
[[model]]
name = "wide"
recipe = "linear_gaussian"
latent_dim = 4
binarisation = "none"
dequantisation = "uniform"

[[model]]
name = "grey"
recipe = "missing_class"
binarisation = "none"
"""
VAE = """[[model]]
recipe = "vae"
hidden = [16]
latent_dim = 3

"""
SEEDS = 3


@pytest.fixture
def place(workplace):
    """A workplace whose suite has three seeds: of recipes that draw nothing, and of k-means."""
    text = TINY.replace(VAE, "").replace("[0]", str([*range(SEEDS)]))
    workplace.suite.write_text(text.replace("[evaluate]", MODELS + "[evaluate]"))
    return workplace


@pytest.fixture
def fits(monkeypatch):
    """Count the fits of each class of model."""
    counts, fit = {}, Built.fit

    def counted(built, dataset):
        name = type(built.model).__name__
        counts[name] = counts.get(name, 0) + 1
        fit(built, dataset)

    monkeypatch.setattr(Built, "fit", counted)
    return counts


ONCE = {"LinearGaussian": 1, "IndependentBernoulli": 1, "WithoutClass": 1, "KMeans": SEEDS}


@pytest.mark.parametrize("together", [False, True])
def test_only_what_draws_is_fitted_for_each_seed(place, fits, together):
    place.run(together=together)
    assert fits == ONCE


def test_each_seed_ends_in_the_bits_of_its_own_fit(place, monkeypatch):
    place.run()
    shared = place.numbers()
    monkeypatch.setattr("genbench.runs.execute.same_fit", lambda run: None)
    place.run(fresh=True)
    assert place.numbers() == shared


def test_the_seconds_are_those_of_the_fit(place):
    outcome = place.run()
    told = {}
    for record in outcome.records:
        told.setdefault(record.spec.name, set()).add(record.provenance["train_seconds"])
    assert all(len(told[name]) == 1 for name in told if name != "kmeans")


def test_a_fit_is_of_its_options_and_data(place, fits):
    text = place.suite.read_text()
    place.suite.write_text(text.replace("[evaluate]", OTHERS + "[evaluate]"))
    place.run()
    assert fits == ONCE | {"LinearGaussian": 2, "WithoutClass": 2}


def test_a_fit_that_was_not_finished_is_not_copied(place, fits, monkeypatch):
    monkeypatch.setattr("genbench.runs.execute.evaluate_run", lambda *_: 1 / 0)
    outcome = place.run()
    assert {record.status for record in outcome.records} == {"failed"}
    assert set(fits.values()) == {SEEDS}


def test_a_damaged_run_is_done_again_with_the_same_bits(place, fits):
    outcome = place.run()
    numbers = place.numbers()
    (second,) = [r for r in outcome.records if r.spec.label == "linear_gaussian (seed 1)"]
    (place.results / "tiny" / "runs" / second.train_id / "model.safetensors").write_bytes(b"")
    place.run()
    assert fits == ONCE | {"LinearGaussian": 2}
    assert place.numbers() == numbers


def test_torch_s_generators_are_left_alone(place):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    place.run()
    assert torch.equal(torch.get_rng_state(), before)
