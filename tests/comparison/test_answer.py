"""The sentence that answers a comparison."""

import re

from genbench.comparison.answer import answer, headlines
from tests.comparison.conftest import Place, fabricate


def test_a_higher_bound_is_called_that_and_no_proof(five):
    (sentence, *_) = answer(five.compare("tiny:vae", "tiny:beta_vae"))
    assert sentence.startswith("vae has the better lower bound than beta_vae, which does not prove")
    assert "iw_log_likelihood by 3.00" in sentence
    assert sentence.endswith("p < 0.001.")


def test_the_sides_of_one_model_are_named(five):
    (sentence, *_) = answer(five.compare("tiny:vae", "worse:vae"))
    assert sentence.startswith("vae (A) has the better lower bound than vae (B)")


def test_a_tie_is_called_a_tie_with_its_size(five):
    (sentence, *_) = answer(five.compare("tiny:vae", "tiny:vae"))
    assert sentence.startswith("vae (A) and vae (B) are tied: iw_log_likelihood differs by 0")


def test_an_exact_number_leads_where_there_is_one(stored):
    """An exact log-likelihood comes before every bound."""
    compared = stored.compare("tiny:linear_gaussian", "tiny:linear_gaussian")
    (line,) = headlines(compared.blocks[0])
    assert line.match.cells[0].kind == "exact"


def test_suites_are_counted_and_the_largest_difference_is_named(five):
    sentence = answer(five.compare("tiny", "worse"))[0]
    assert re.match(r"Of \d+ models, A's number is better for 1, B's for 0, neither for", sentence)
    assert "The largest difference: vae (A) has the better" in sentence


def test_suites_without_a_difference_are_tied(five):
    assert answer(five.compare("tiny", "tiny"))[0] == "Both models are tied."


def test_models_of_one_seed_are_called_trained_networks(tmp_path):
    once = Place(fabricate(tmp_path, seeds=(0,)))
    (sentence, *_) = answer(once.compare("tiny:vae", "tiny:beta_vae"))
    assert sentence.startswith("Of these trained networks, vae has the better lower bound than")
    suite = once.copy("other")
    assert re.fullmatch(
        r"(Both|All \d) trained networks are tied\.", answer(once.compare("tiny", suite))[0]
    )


def test_two_seeds_are_trained_networks_too(stored):
    compared = stored.compare("tiny:vae", "tiny:beta_vae")
    (sentence, *_) = answer(compared)
    assert sentence.startswith("Of these trained networks, vae has the better lower bound than")
    assert {line.word for line in compared.lines} == {"A's networks", "tie"}
    assert {line.verdict for line in compared.lines} == {"A", "tie"}


def test_a_better_distance_of_samples_is_not_called_a_better_model(place):
    other = place.copy("other")

    def only_mmd2(row):
        return row if (row["model"], row["metric"]) == ("vae", "mmd2") else None

    def lower(row):
        return row | {"value": str(float(row["value"]) - 2.0)}

    place.rewrite(only_mmd2)
    place.rewrite(lambda row: only_mmd2(row) and lower(row), other)
    (sentence, *_) = answer(place.compare("tiny:vae", f"{other}:vae"))
    assert "vae (B) has the better mmd2 than vae (A), by 2.00" in sentence
