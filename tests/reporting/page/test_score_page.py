"""The small page of somebody's samples holds all of it, and nothing of another address."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from genbench.reporting.page.score_page import ScorePage, write_score_page
from genbench.reporting.tables.scores import score_table
from tests.reporting.tables.test_scores import FRAME

IMAGES = np.random.default_rng(0).integers(0, 256, (70, 1, 8, 8), dtype=np.uint8)
CONTENT = ScorePage(
    name="external:<mine>",
    facts=["70 samples", "beside digits"],
    protocol="digits@1a2b; n = 70",
    flags=[SimpleNamespace(kind="near_copies", text="7 of 70 samples are nearly training images")],
    table=score_table(FRAME, "Beside controls"),
    notes=["uint8 of shape (70, 8, 8)"],
    samples=IMAGES[:64],
    suspects=IMAGES[:20],
    nearest=IMAGES[20:40],
)


@pytest.fixture
def page(tmp_path):
    def write(content=CONTENT):
        path = write_score_page(content, tmp_path / "score-mine")
        assert path == tmp_path / "score-mine" / "index.html"
        return path.read_text(encoding="utf-8")

    return write


def test_it_shows_flags_samples_table_and_nearest_images(page):
    text = page()
    assert "<title>external:&lt;mine&gt; · genbench</title>" in text
    assert "1 thing is odd about these samples" in text
    assert "<b>near copies</b>: 7 of 70 samples are nearly training images." in text
    assert text.count("<img") == 2
    assert text.index("3.14") < text.index("<img"), "the answer comes first"
    assert "digits@1a2b; n = 70" in text
    assert "uint8 of shape (70, 8, 8)" in text


def test_it_leaves_out_what_there_is_nothing_of(page):
    text = page(replace(CONTENT, flags=[], notes=[], suspects=IMAGES[:0], nearest=IMAGES[:0]))
    assert "odd" not in text
    assert "Nearest training images" not in text
    assert "How they were read" not in text
    assert text.count("<img") == 1


def test_it_requests_nothing_and_is_the_same_each_time(page):
    text = page()
    assert 'src="http' not in text
    assert '<link rel="icon" href="data:,">' in text
    assert page() == text


def test_images_in_colour_are_shown_in_colour(page):
    coloured = np.repeat(IMAGES, 3, axis=1)
    assert page(replace(CONTENT, samples=coloured)).count("<img") == 2
