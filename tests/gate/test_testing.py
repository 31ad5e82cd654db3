"""The face for users' own tests."""

import pandas as pd
import pytest

from genbench.gate import BaselineError
from genbench.testing import assert_no_regression, write_baseline
from tests.gate.tables import NUMBERS, table

LOST = NUMBERS | {("vae", "elbo"): [-26.9, -26.8]}


@pytest.fixture
def path(tmp_path):
    write_baseline(table(), tmp_path / "b.json")
    return str(tmp_path / "b.json")


def test_what_is_no_worse_passes(path):
    assert_no_regression(table(), path)


def test_what_is_worse_fails_with_the_table_as_message(path):
    with pytest.raises(AssertionError, match=r"worse +vae +elbo") as caught:
        assert_no_regression(table(LOST), path)
    assert "detectable" in str(caught.value)


def test_margins_and_strictness_are_the_callers(path):
    assert_no_regression(table(LOST), path, margins={"elbo": 9.0})
    noisy = table(NUMBERS | {("vae", "kl"): [9.0, 1.0]})
    assert_no_regression(noisy, path)
    with pytest.raises(AssertionError):
        assert_no_regression(noisy, path, strict=True)


def test_other_numbers_fail_with_their_names(path):
    fewer = {k: v for k, v in NUMBERS.items() if k[1] != "kl"}
    with pytest.raises(AssertionError, match="missing: vae kl"):
        assert_no_regression(table(fewer), path)


def test_a_missing_baseline_is_an_error_of_its_own(tmp_path):
    with pytest.raises(BaselineError, match="no baseline"):
        assert_no_regression(table(), tmp_path / "none.json")


def test_numbers_of_a_users_own_model_can_be_gated(tmp_path):
    """``genbench.evaluate`` knows no suite, protocol or run."""
    own = {"suite": "", "protocol": "", "split": "", "train_id": "", "dataset": ""}
    write_baseline(table({("Mine", "elbo"): [-23.6]}, **own), tmp_path / "b.json")
    assert_no_regression(table({("Mine", "elbo"): [-23.7]}, **own), tmp_path / "b.json")
    with pytest.raises(AssertionError, match=r"Mine +elbo"):
        assert_no_regression(table({("Mine", "elbo"): [-29.7]}, **own), tmp_path / "b.json")


def test_a_table_without_its_empty_columns_is_gated_as_with_them(tmp_path):
    own = {"suite": "", "protocol": "", "split": "", "train_id": "", "dataset": "", "reason": ""}
    whole = table({("Mine", "elbo"): [-23.6, -23.8]}, **own)
    short = whole.drop(columns=[*own, "health", "mc_stderr", "options"])
    write_baseline(whole, tmp_path / "whole.json")
    write_baseline(short, tmp_path / "short.json")
    assert (tmp_path / "short.json").read_text() == (tmp_path / "whole.json").read_text()
    assert_no_regression(short, tmp_path / "whole.json")
    joined = pd.concat([short[:1], whole[1:]], ignore_index=True)
    assert_no_regression(joined, tmp_path / "whole.json")
