import pytest

from genbench.core.protocol import Protocol


def test_sentence_says_sizes_binarisation_and_measure():
    protocol = Protocol.parse("mnist@1a2b3c4d/dynamic(seed=0)/55000+5000+10000/mass")
    assert protocol.sizes == (55000, 5000, 10000)
    for words in (
        "mnist",
        "1a2b3c4d",
        "55\u202f000 images",
        "resampled",
        "seed 0",
        "probabilities",
    ):
        assert words in protocol.sentence


def test_conditional_protocol_says_that_it_is_not_about_p_of_x():
    protocol = Protocol.parse("mnist@1a2b3c4d/grey/50+10+20/density|label")
    assert protocol.condition == "label"
    assert "say nothing about p(x)" in protocol.sentence
    assert "given the label" in protocol.short


def test_a_split_of_a_shuffled_film_says_what_that_means():
    plain, shuffled = (
        Protocol.parse(f"frey_faces@1a2b3c4d/grey/1565+200+200{split}/mass")
        for split in ("", " shuffled_film")
    )
    assert "near-duplicates" in shuffled.sentence
    assert "near-duplicates" not in plain.sentence
    assert (shuffled.sizes, shuffled.measure) == ((1565, 200, 200), "mass")
    assert "Grey levels are used as they are" in shuffled.sentence


def test_protocol_of_another_form_is_shown_as_it_is():
    protocol = Protocol.parse("something else")
    assert (protocol.short, protocol.sentence) == ("something else", "Protocol something else.")


def test_a_protocol_of_hidden_pixels_says_what_is_shown():
    binarised = "mnist@1a2b3c4d/static(seed=0)/50+10+20/mass"
    protocol = Protocol.parse(f"{binarised}|pixels:top left + bottom left")
    assert protocol.shown == "top left + bottom left"
    assert protocol.short.endswith("given the top left + bottom left")
    column = Protocol.parse(f"{binarised}|pixels:column 14")
    assert column.short.endswith("given column 14")
    assert "p(hidden pixels|shown pixels)" in protocol.sentence
    assert "top left + bottom left" in protocol.sentence
    assert Protocol.parse("mnist@1a2b3c4d/static(seed=0)/50+10+20/mass|label").shown == ""


def test_a_split_that_genbench_drew_is_told_with_its_seed():
    text = "shots@1a2b3c4d/dynamic(seed=0, levels=17, resize=28x20)/70+10+20 drawn(seed=5)/mass"
    protocol = Protocol.parse(text)
    assert protocol.text == text
    assert (protocol.split, protocol.sizes) == ("drawn(seed=5)", (70, 10, 20))
    assert "20 for testing, split by genbench with seed 5." in protocol.sentence
    assert "(seed 0, 17 levels, images resized to 28x20)" in protocol.sentence


@pytest.mark.parametrize("split", ["", " drawn(seed=5)", " shuffled_film"])
@pytest.mark.parametrize("full", ["", " of 55000+5000+10000"])
def test_validation_images_that_were_drawn_are_told_with_the_seed(split, full):
    text = f"mnist@1a2b3c4d/grey/700+50+100{full}{split} validation(seed=3)/mass|label"
    protocol = Protocol.parse(text)
    assert protocol.text == text
    assert (protocol.split, protocol.validation) == (split.strip(), "seed=3")
    assert "50 for validation, drawn (seed 3), 100 for testing" in protocol.sentence
    assert ("(drawn from 55000, 5000, 10000)" in protocol.sentence) == bool(full)


def test_older_results_do_not_say_that_they_were_drawn():
    """Their validation images are the last of the file, and a limit kept the first."""
    protocol = Protocol.parse("mnist@1a2b3c4d/grey/700+50+100 of 55000+5000+10000/mass")
    assert protocol.validation == ""
    assert "50 for validation, 100 for testing (the first of 55000" in protocol.sentence


def test_other_splits_and_sizes_of_images_are_other_protocols():
    texts = [
        "shots@1a2b3c4d/grey/70+10+20 drawn(seed=5)/mass",
        "shots@1a2b3c4d/grey/70+10+20 drawn(seed=6)/mass",
        "shots@1a2b3c4d/grey/70+10+20/mass",
        "shots@1a2b3c4d/grey(resize=28x20)/70+10+20 drawn(seed=5)/mass",
    ]
    assert len({Protocol.parse(text) for text in texts}) == 4
    assert [Protocol.parse(text).text for text in texts] == texts


def test_levels_of_colour_are_not_called_grey():
    for view in ("levels", "uniform(seed=0)", "threshold", "static(seed=0)", "dynamic(seed=0)"):
        protocol = Protocol.parse(f"photos@1a2b3c4d/{view}/100+20+20/density")
        assert not {"grey", "Grey"} & set(f"{protocol.sentence} {protocol.short}".split())
