"""What is kept of verdicts: certificates of the models that they are about, and of no others."""

import pytest

from genbench.certify import suites
from genbench.certify.suites import certify_suite
from genbench.certify.verdict import fault, judge
from genbench.core.errors import ConfigError
from genbench.evaluation.spec import evaluators
from genbench.results.certified import CERTIFIED, read_certificates
from genbench.results.suite import StoredSuite
from genbench.version import __version__
from tests.results.conftest import own_results, results  # noqa: F401  fixtures

SUM = "sum over the 3x3 binary world"


def passing(subject, check=SUM):
    return judge(subject, check, "<=", 1.0, 0.9, 0.01, "")


def failing(subject, check=SUM):
    return judge(subject, check, "<=", 1.0, 2.0, 0.01, "a fault")


@pytest.fixture
def certified(own_results, monkeypatch):  # noqa: F811
    """Certify suite ``tiny`` with these verdicts; return what came of it."""

    def certify(code=(), weights=(), models=(), level="all", told=None):
        asked = []
        monkeypatch.setattr(suites, "certify_recipes", lambda n, _: asked.append(n) or list(code))
        monkeypatch.setattr(suites, "compress_suite", lambda *_, **__: list(weights))
        stored = StoredSuite.open(own_results, "tiny")
        found = certify_suite(stored, models, level, tell=(told or []).append)
        again = StoredSuite.open(own_results, "tiny")
        return found, read_certificates(own_results / "tiny" / CERTIFIED), again, asked

    return certify


def test_checks_of_a_recipe_certify_each_model_that_it_made(certified):
    _, kept, stored, _ = certified([passing("vae: elbo"), passing("gan: elbo")])
    runs = stored.record.runs
    made = {run.model for run in runs if (run.recipe, run.status) == ("vae", "ok")}
    assert {c.model for c in kept if c.recipe == "vae"} == made
    assert {(c.metric, c.version) for c in kept} == {("elbo", evaluators["elbo"].record.version)}
    assert {c.genbench for c in kept} == {__version__}


def test_only_recipes_of_the_chosen_models_are_asked_about(certified):
    _, _, _, asked = certified(models=["vae", "ae"])
    assert [set(names) for names in asked] == [{"vae", "ae"}]


def test_a_check_of_another_observation_model_is_not_about_the_run(certified, own_results):  # noqa: F811
    record = StoredSuite.open(own_results, "tiny").record
    run = next(run for run in record.runs if run.model == "vae")
    other = run.model_copy(update={"options": {"observation": {"kind": "bernoulli"}}})
    assert suites._is_about(f"{SUM}, bernoulli", other)
    assert not suites._is_about(f"{SUM}, learned_gaussian", other)
    assert suites._is_about(SUM, other)


def test_checks_of_weights_are_kept_with_the_run(certified):
    _, kept, stored, _ = certified(weights=[passing("vae: elbo", "decoded images")])
    (found,) = kept
    run = next(run for run in stored.record.runs if run.model == "vae" and run.seed == 0)
    assert (found.check, found.train_id) == ("decoded images", run.train_id)


def test_a_claim_that_fails_anywhere_has_no_certificate(certified):
    verdicts, kept, _, _ = certified(
        [passing("vae: elbo"), failing("vae: elbo", "K doubled"), passing("vae: iw_log_likelihood")]
    )
    assert [v.passed for v in verdicts] == [True, False, True]
    assert {c.metric for c in kept if c.recipe == "vae"} == {"iw_log_likelihood"}


def test_a_failure_of_a_whole_model_is_reported(certified):
    broken = fault("vae", "decoded images", "0 differ", "boom")
    verdicts, kept, _, _ = certified(weights=[broken])
    assert (verdicts, kept) == ([broken], ())


def test_label_sums_are_certified_under_their_name_in_tables(certified):
    _, kept, _, _ = certified([passing("cvae: label_marginal_log_likelihood")])
    assert {c.metric for c in kept} == {"iw_log_likelihood"}


def test_certified_numbers_are_marked_in_the_suite(certified):
    _, _, stored, _ = certified([passing("vae: iw_log_likelihood")])
    marked = {e.row.model for b in stored.leaderboards for e in b.entries if e.certified}
    assert marked == {"vae", "vae_gaussian"}


def test_an_unknown_model_is_answered_with_the_nearest(certified):
    with pytest.raises(ConfigError, match="did you mean 'vae'"):
        certified(models=["vea"])
