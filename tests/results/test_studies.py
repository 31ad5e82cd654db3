"""Stored studies, read back with their digests checked."""

import math

import pytest

from genbench.core.errors import StorageError
from genbench.results.suite import StoredSuite
from tests.studies.tiny import DESCRIPTION


@pytest.fixture(scope="module")
def studies(tossed_results):
    """The two studies of the suite."""
    return StoredSuite.open(tossed_results, "tossed").studies


def test_studies_are_read_back_as_they_were_found(studies):
    coins, wrong = (study.record for study in studies)
    assert (coins.name, wrong.name) == ("coins", "wrong")
    assert (coins.title, coins.description) == ("Coins that are tossed", DESCRIPTION)
    assert [check.passed for check in coins.checks + wrong.checks] == [True, True, False, True]
    assert [plot.name for plot in coins.plots] == ["mean", "faces"]
    assert studies[0].arrays["faces"].shape == (1, 2, 1, 3)
    assert [len(study.tables["means"]) for study in studies] == [20, 50]
    assert coins.seconds >= 0


def test_the_checks_that_do_not_hold_are_known(studies):
    assert [[check.name for check in study.failed_checks] for study in studies] == [
        [],
        ["one minus one half"],
    ]


def test_tables_keep_digits_texts_and_what_is_absent(studies):
    tables = studies[0].tables
    odd = tables["odd_cells"]
    assert odd["a"][0] == 0.1 + 0.2
    assert math.isnan(odd["a"][1])
    assert list(odd["b"]) == ["NA", ""]
    kinds = [tables["means"][name].dtype.kind for name in ("k", "mean")]
    assert kinds == ["i", "f"]


@pytest.mark.parametrize("name", ["study.json", "means.csv", "arrays.safetensors", "manifest.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "other"])
def test_damage_is_named_with_its_repair(own_tossed, name, damage):
    path = own_tossed / "tossed" / "studies" / "wrong" / name
    content = path.read_bytes()
    path.unlink() if damage == "gone" else path.write_bytes(
        content[:-7] if damage == "cut" else content.replace(b"n", b"m")
    )
    if content == (path.read_bytes() if path.exists() else b""):
        pytest.skip("this damage changes nothing here")
    with pytest.raises(StorageError) as caught:
        StoredSuite.open(own_tossed, "tossed").studies  # noqa: B018  they are read lazily
    assert str(path.parent) in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2
