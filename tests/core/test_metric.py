"""Records of metrics: what contradicts itself is refused."""

import pytest
from pydantic import ValidationError

from genbench.core.metric import NATS_MARGIN, Metric, Parts

KNOWN = {"name": "score", "version": 1, "kind": "lower_bound", "title": "Score"}


def metric(**more):
    return Metric(**(KNOWN | {"unit": "nats", "better": "higher"} | more))


def test_margin_follows_from_the_unit():
    assert metric().margin == NATS_MARGIN
    assert metric(margin=2.0).margin == 2.0
    assert metric(unit="bits").margin is None


@pytest.mark.parametrize(
    "wrong", [{"unit": "bits"}, {"better": "lower"}, {"parts": Parts(), "plot": "none"}]
)
def test_only_nats_of_which_more_are_better_stand_among_likelihoods(wrong):
    assert metric(leaderboard="likelihood").leaderboard == "likelihood"
    with pytest.raises(ValidationError, match="in nats, higher is better"):
        metric(leaderboard="likelihood", **wrong)
    assert metric(leaderboard="samples", **wrong).leaderboard == "samples"


def test_parts_are_drawn_as_parts():
    with pytest.raises(ValidationError, match="a metric without parts has one of none, points"):
        metric(plot="curve")
