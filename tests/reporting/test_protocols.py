from genbench.reporting.protocols import parse


def test_sentence_says_sizes_binarisation_and_measure():
    protocol = parse("mnist@1a2b3c4d/dynamic(seed=0)/55000+5000+10000/mass")
    assert protocol.sizes == (55000, 5000, 10000)
    for words in (
        "mnist",
        "1a2b3c4d",
        "55\u202f000 images",
        "drawn anew",
        "seed 0",
        "probabilities",
    ):
        assert words in protocol.sentence


def test_conditional_protocol_says_that_it_is_not_about_p_of_x():
    protocol = parse("mnist@1a2b3c4d/none/50+10+20/density|label")
    assert protocol.condition == "label"
    assert "say nothing about p(x)" in protocol.sentence
    assert "given the label" in protocol.short


def test_protocol_of_another_form_is_shown_as_it_is():
    protocol = parse("something else")
    assert (protocol.short, protocol.sentence) == ("something else", "Protocol something else.")
