"""The sentence that answers a comparison."""

from genbench.comparison.answer import answer, headlines


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
    assert sentence.startswith("Of ")
    assert "A's is better in 1" in sentence
    assert "The largest difference: vae (A) has the better" in sentence
