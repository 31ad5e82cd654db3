"""Twelve of twelve bugs are caught by their check, each under its name; no honest claim is."""

from dataclasses import replace

import pytest
import torch

from genbench.certify.gallery.bugs import BUGS
from genbench.certify.gallery.exhibits import Subject, exhibits
from genbench.certify.gallery.models import images_of
from genbench.certify.gallery.names import RULES, fault_of
from tests.docs.conftest import DOCS


@pytest.fixture(scope="module")
def shown():
    return {exhibit.bug.name: exhibit for exhibit in exhibits()}


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_the_bug_is_caught_by_its_check_and_named_right(shown, bug):
    exhibit = shown[bug.name]
    assert not exhibit.verdict.passed
    assert exhibit.verdict.reason == bug.name
    assert exhibit.is_caught


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_the_honest_claim_in_its_place_passes_every_check_and_has_no_name(bug):
    honest = Subject(replace(bug, make=bug.honest))
    assert [check for check, verdict in honest.verdicts() if not verdict.passed] == []
    assert fault_of(honest.evidence()) == ""


def test_there_are_twelve_and_every_name_is_one_that_a_pattern_tells():
    assert len(BUGS) == len({bug.name for bug in BUGS}) == 12
    assert {bug.name for bug in BUGS} == set(RULES)


def test_sums_are_those_of_a_loop_over_all_images(shown):
    bug = next(bug for bug in BUGS if bug.name == "a pixel is among what predicts it")
    claim = bug.make(None, 1.0)
    bits = range(2**9)
    images = torch.tensor([[float(i >> k & 1) for k in range(9)] for i in bits]).double()
    total = sum(float(claim(x[None], 1, None).exp()) for x in images)
    assert shown[bug.name].verdicts["sum"].found == pytest.approx(total)


def test_known_factors_are_found_to_the_digit(shown):
    found = {name: exhibit.verdicts["sum"].found for name, exhibit in shown.items()}
    assert found["a wrong constant of a Gaussian"] == pytest.approx(1 / 6.2832, rel=0.03)
    assert found["a log-determinant of the wrong sign"] == pytest.approx(float(scales() ** 2))
    assert found["a cross-entropy of grey pixels"] > 4  # four levels a pixel, two of them too many


def scales():
    """Product of the standard deviations that the affine flow divides by."""
    bug = next(bug for bug in BUGS if bug.name == "a log-determinant of the wrong sign")
    return images_of(Subject(bug)._world).std(dim=0, correction=0).prod()


def test_the_page_of_the_documentation_shows_these_sums_and_threads(shown):
    page = (DOCS / "concepts" / "impossible_likelihoods.md").read_text(encoding="utf-8")
    lines = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    rows = {name: cells for name, *cells in lines[1:]}
    assert list(rows) == list(shown)
    for name, exhibit in shown.items():
        verdict = exhibit.verdict
        *words, found, honest = rows[name]
        assert words == [verdict.subject, verdict.check, verdict.expected]
        assert float(found) == pytest.approx(verdict.found, rel=0.05)
        assert float(honest) == pytest.approx(exhibit.honest, rel=0.05)
        assert exhibit.bug.thread in page
        assert " ".join(exhibit.bug.story.split()) in " ".join(page.split())
