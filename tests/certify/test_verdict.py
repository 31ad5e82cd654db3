import math

import pytest

from genbench.certify.verdict import Verdict, fault, judge, table


@pytest.mark.parametrize(
    ("claim", "found", "verdict"),
    [
        ("=", 1.01, "pass"),
        ("=", 1.03, "fail"),
        ("=", 0.97, "fail"),
        ("<=", 0.2, "pass"),
        ("<=", 1.03, "fail"),
        (">=", 5.0, "pass"),
        (">=", 0.97, "fail"),
        ("<=", math.nan, "fail"),
        ("<=", -math.inf, "fail"),
    ],
)
def test_a_number_is_held_to_its_claim_within_the_tolerance(claim, found, verdict):
    judged = judge("vae: elbo", "sum", claim, 1.0, found, 0.02, "the fault")
    assert judged.verdict == verdict
    assert judged.passed == (verdict == "pass")
    assert judged.reason == ("" if judged.passed else "the fault")


def test_what_is_expected_is_said_in_words():
    def expected(claim, **more):
        return judge("a", "b", claim, 1.0, 1.0, 0.0, "c", **more).expected

    assert [expected(claim) for claim in ("=", "<=", ">=")] == ["1", "at most 1", "at least 1"]
    assert expected(">=", expected="rises or stays") == "rises or stays"


def test_a_claim_without_a_number_fails():
    verdict = fault("mine", "values", "512 numbers", "3 of 512 values are NaN")
    assert not verdict.passed
    assert math.isnan(verdict.found)


def test_the_table_has_a_row_for_each_verdict_in_order():
    rows = [judge("a", "b", "=", 1.0, n, 0.5, "no") for n in (1.0, 2.0)]
    frame = table(rows)
    assert list(frame) == list(Verdict._fields)
    assert frame["verdict"].tolist() == ["pass", "fail"]
    assert list(table([])) == list(Verdict._fields)
