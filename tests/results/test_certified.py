"""Certificates: stored once, lost when a check fails, void for another recipe or other weights."""

import json

import pytest

from genbench.core.errors import StorageError
from genbench.results.certified import (
    CERTIFIED,
    Certificate,
    ClaimKey,
    certified_claims,
    read_certificates,
    write_certificates,
)
from genbench.results.records import StoredRun
from genbench.results.suite import StoredSuite
from tests.results.certificates import certify_headlines

SUM, DOUBLED = "sum over a 3x3 world", "K doubled"


def certificate(**changes):
    known = {
        "model": "vae", "recipe": "vae", "metric": "elbo", "version": 2, "check": SUM,
        "expected": "at most 1", "found": 0.9, "tolerance": 0.01, "genbench": "0.1.0",
    }  # fmt: skip
    return Certificate(**(known | changes))


def run(**changes):
    return StoredRun(**({"train_id": "aaa", "model": "vae", "recipe": "vae"} | changes))


def said(*certificates):
    return certified_claims(certificates, [run()])


def test_what_is_written_is_read_back(tmp_path):
    both = [certificate(check=DOUBLED), certificate()]
    write_certificates(tmp_path, both, ())
    assert read_certificates(tmp_path / CERTIFIED) == tuple(both)


def test_nothing_is_certified_without_a_file(tmp_path):
    assert read_certificates(tmp_path / CERTIFIED) == ()


def test_the_same_check_again_replaces_its_certificate_and_others_stay(tmp_path):
    write_certificates(tmp_path, [certificate(), certificate(check=DOUBLED)], ())
    write_certificates(tmp_path, [certificate(genbench="0.2.0")], ())
    found = read_certificates(tmp_path / CERTIFIED)
    assert [(c.check, c.genbench) for c in found] == [(DOUBLED, "0.1.0"), (SUM, "0.2.0")]


def test_a_claim_that_fails_one_check_loses_all_its_certificates(tmp_path):
    other = certificate(metric="iw_log_likelihood")
    write_certificates(tmp_path, [certificate(), other], ())
    write_certificates(tmp_path, [certificate(check=DOUBLED)], {ClaimKey("vae", "elbo", 2)})
    assert read_certificates(tmp_path / CERTIFIED) == (other,)


def test_the_words_name_the_checks_and_the_version():
    words = said(certificate(), certificate(check=DOUBLED))
    assert words == {
        ("vae", "elbo", 2): "certified by genbench 0.1.0 (sum over a 3x3 world; K doubled)"
    }


def test_checks_by_two_versions_stand_apart():
    (words,) = said(certificate(), certificate(check=DOUBLED, genbench="0.2.0")).values()
    assert words == (
        "certified by genbench 0.1.0 (sum over a 3x3 world), and by genbench 0.2.0 (K doubled)"
    )


@pytest.mark.parametrize("changes", [{"recipe": "iwae"}, {"model": "ae"}, {"train_id": "bbb"}])
def test_certificates_of_another_recipe_model_or_weights_are_void(changes):
    assert said(certificate(**changes)) == {}


def test_certificates_of_the_weights_that_are_there_hold():
    assert list(said(certificate(train_id="aaa"))) == [("vae", "elbo", 2)]


@pytest.mark.parametrize(
    ("old", "new"), [('"found": 0.9', '"found": 1.0'), ('"sha256": "', '"sha256": "0')]
)
def test_an_edited_file_is_refused(tmp_path, old, new):
    write_certificates(tmp_path, [certificate()], ())
    path = tmp_path / CERTIFIED
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(StorageError, match="was edited or is damaged"):
        read_certificates(tmp_path / CERTIFIED)


@pytest.mark.parametrize("content", [[], {}, {"schema": 1}, "x"])
def test_another_json_file_is_refused(tmp_path, content):
    (tmp_path / CERTIFIED).write_text(json.dumps(content))
    with pytest.raises(StorageError, match=CERTIFIED):
        read_certificates(tmp_path / CERTIFIED)


def test_a_link_is_not_followed(tmp_path):
    write_certificates(tmp_path / "other", [certificate()], ())
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny" / CERTIFIED).symlink_to(tmp_path / "other" / CERTIFIED)
    with pytest.raises(StorageError, match=CERTIFIED):
        read_certificates(tmp_path / "tiny" / CERTIFIED)


def test_a_suite_says_which_headline_numbers_are_certified(own_results):
    assert StoredSuite.open(own_results, "tiny").certified == {}
    certify_headlines(own_results / "tiny", ["vae"])
    again = StoredSuite.open(own_results, "tiny")
    marked = {e.row.model: e.certified for b in again.leaderboards for e in b.entries}
    assert marked.pop("vae") == "certified by genbench 0.1.0 (sum over a 3x3 world)"
    assert set(marked.values()) == {""}


def test_a_certificate_of_another_version_of_the_evaluator_marks_nothing(own_results):
    certify_headlines(own_results / "tiny", ["vae"], version=99)
    again = StoredSuite.open(own_results, "tiny")
    assert not any(e.certified for b in again.leaderboards for e in b.entries)
