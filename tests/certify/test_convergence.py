import pytest
import torch

from genbench.certify.convergence import doublings_of_model, judge_doubling
from genbench.certify.trained import Case, trained
from genbench.core.seeding import Stream


def judged(kind, change, noise=0.0):
    with Stream(0, ("noise",)).seeded():
        once, twice = torch.randn(2, 12, dtype=torch.float64) * noise - 50
    return judge_doubling("flow: log_prob", "steps 16 to 32", kind, once, twice + change)


@pytest.mark.parametrize(
    ("kind", "change", "verdict"),
    [
        ("lower_bound", 3.0, "pass"),
        ("lower_bound", -3.0, "fail"),
        ("upper_bound", 3.0, "fail"),
        ("upper_bound", -3.0, "pass"),
        ("exact", 0.0, "pass"),
        ("exact", -6.0, "fail"),
        ("exact", 6.0, "fail"),
        ("estimate", 0.01, "pass"),
    ],
)
def test_a_bound_may_rise_and_other_numbers_stay(kind, change, verdict):
    for noise in (0.0, 0.1):
        assert judged(kind, change, noise).verdict == verdict
    words = {"lower_bound": "rises or stays", "upper_bound": "falls or stays"}
    assert judged(kind, change).expected == words.get(kind, "stays")


def test_noise_is_no_change():
    for kind in ("lower_bound", "estimate"):
        assert judged(kind, -0.1, noise=1.0).passed


def test_the_reason_says_which_way_a_number_moves():
    assert judged("exact", -6.5).reason == "the value falls by 6.5 nats: it has not converged"
    assert "a bound falls" in judged("lower_bound", -6.5).reason


def test_each_bound_of_a_recipe_is_doubled_in_each_effort_and_rises_or_stays():
    case = Case("vae", "binary", "bernoulli")
    verdicts = list(doublings_of_model(trained(case), case.worlds[0], "vae"))
    assert all(verdict.passed for verdict in verdicts)
    found = {verdict.subject: verdict for verdict in verdicts}
    assert found.keys() == {
        "vae: ais_log_likelihood",
        "vae: elbo",
        "vae: iw_log_likelihood",
        "vae: prior_bound",
        "vae: prior_log_likelihood",
    }
    assert found["vae: elbo"].check == "n_samples 32 to 64, 3x3 binary"
    assert max(verdict.tolerance for verdict in verdicts) < 0.5
