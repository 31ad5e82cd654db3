"""What is odd about a trained model: below a baseline, or no better than after its first epoch."""

import shutil

import pandas as pd
import pytest

from genbench.reporting.tables.leaderboard import leaderboard_tables
from genbench.results.odd_models import setback, warnings_of
from genbench.results.suite import StoredSuite
from tests.results.contest import contest, elbo, exact, number
from tests.results.fabricate import change_suite, fabricate, write_manifest

RECIPES = {"pixels": "independent_pixels", "vae": "vae", "other": "vae"}


def marks(setbacks=None, **models):
    numbers = {name: [n] if not isinstance(n, list) else n for name, n in models.items()}
    block, _ = contest(numbers, controls={"pixels"})
    return warnings_of(block, RECIPES, setbacks or {})


def history(*losses, column="validation.vae.loss"):
    return pd.DataFrame({"epoch": range(1, len(losses) + 1), column: losses})


def test_model_whose_every_bound_lies_below_independent_pixels_is_marked():
    assert marks(vae=elbo(-72300.0), pixels=exact(-27.0)) == {"vae": ("below pixels",)}
    assert marks(vae=elbo(-26.9), other=exact(-27.1), pixels=exact(-27.0)) == {
        "other": ("below pixels",)
    }


def test_loose_bound_beside_a_tight_one_over_few_images_is_not_marked():
    loose, few = number("prior_bound", -155.0), number("ais_log_likelihood", 23.7, n=20)
    assert marks(vae=[loose, few], pixels=exact(16.3)) == {}
    assert marks(vae=[loose], pixels=exact(16.3)) == {"vae": ("below pixels",)}


def test_no_other_control_and_no_estimate_is_a_baseline():
    found, _ = contest({"vae": [elbo(-30.0)], "other": [exact(-27.0)]}, controls={"other"})
    assert warnings_of(found, RECIPES, {}) == {}
    assert marks(vae=elbo(-30.0), pixels=exact(-27.0, kind="estimate")) == {}


def test_control_itself_is_never_marked():
    assert marks({"pixels/log_likelihood/0": "worse"}, pixels=exact(-27.0)) == {}


@pytest.mark.parametrize(
    ("losses", "selected", "expected"),
    [
        ((5.0, 4.0, 3.0), 3, ""),
        ((5.0, 4.0, 6.0), 3, "worse than after its first epoch"),
        ((5.0, 4.0, 6.0), None, "worse than after its first epoch"),
        ((5.0, 4.0, 6.0), 2, "ended worse than after its first epoch"),
        ((5.0, 8.0, 6.0), 1, "no better than after its first epoch"),
        ((5.0, 5.0), 2, "no better than after its first epoch"),
        ((5.0,), 1, ""),
    ],
)
def test_kept_weights_are_held_against_the_first_epoch(losses, selected, expected):
    assert setback(history(*losses), selected) == expected


def test_losses_that_oppose_each_other_and_untrained_models_say_nothing():
    assert setback(history(1.0, 2.0, column="train.generator.loss"), 2) == ""
    assert setback(None, None) == ""


def test_setback_of_some_seeds_is_said_with_their_number():
    some = {"vae/elbo/0": "worse"}
    assert marks(some, vae=elbo(-10.0, -11.0)) == {"vae": ("worse (1 of 2 seeds)",)}
    assert marks(some | {"vae/elbo/1": "worse"}, vae=elbo(-10.0, -11.0)) == {"vae": ("worse",)}


def marked(suite):
    entries = [entry for board in suite.leaderboards for entry in board.entries]
    return {entry.row.label: entry.warnings for entry in entries if entry.warnings}


def test_model_that_had_not_converged_is_marked_with_numbers_on_the_page_and_shortly_in_tables(
    tmp_path,
):
    def fell(content):
        for run in content["runs"]:
            falls = {"ae": 0.5, "vae": (0.3, 0.1)[run["seed"]]}  # mean .2 against 1.96 times .1
            fall = falls.get(run["model"], 0.19)
            run.update(validation_fall=fall, validation_fall_stderr=0.1)

    root = fabricate(tmp_path, models=("ae", "vae", "beta_vae"), diverged=())
    change_suite(root, fell)
    suite = StoredSuite.open(root, "tiny")
    assert marked(suite) == {
        "ae": ("had not converged: validation loss still fell by 0.50 ± 0.10",),
        "vae": ("had not converged: validation loss still fell by 0.20 ± 0.10",),
    }
    (table,) = leaderboard_tables(suite.leaderboards)
    assert ("!", "vae, ae: had not converged") in table.explained
    change_suite(root, lambda s: s["runs"][0].update(validation_fall=None))
    assert list(marked(StoredSuite.open(root, "tiny"))) == ["vae"]


@pytest.fixture
def worsened(tmp_path):
    """Results of which both seeds of a model trained uphill."""
    root = fabricate(tmp_path, models=("ae", "vae", "gan"), diverged=())
    for run in (root / "tiny" / "runs").iterdir():
        table = pd.read_csv(run / "history.csv")
        if "validation.ae.loss" in table:
            table["validation.ae.loss"] = table["validation.ae.loss"].to_numpy()[::-1]
            table.to_csv(run / "history.csv", index=False)
            write_manifest(run)
    return root


def test_model_without_a_log_likelihood_is_marked_too(worsened):
    suite = StoredSuite.open(worsened, "tiny")
    words = "worse than after its first epoch"
    (found,) = suite.leaderboards
    entry = next(entry for entry in found.entries if entry.row.model == "ae")
    assert (entry.text, entry.warnings) == ("has none", (words,))
    assert marked(suite) == {"ae": (words,)}


def test_run_that_ended_badly_has_no_history_to_judge(worsened, tmp_path):
    change_suite(worsened, lambda s: [r.update(status="diverged") for r in s["runs"]])
    shutil.rmtree(worsened / "tiny" / "runs")
    assert marked(StoredSuite.open(worsened, "tiny")) == {}
