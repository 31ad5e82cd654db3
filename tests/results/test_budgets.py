"""The budget of each model of a suite."""

from dataclasses import replace

import pytest

from genbench.core.errors import StorageError
from genbench.results.budgets import Budget, budgets_of
from genbench.results.records import StoredRun


def run(seed=0, **content):
    return StoredRun(train_id=f"r{seed}", model="vae", seed=seed, **content)


def test_runs_that_differ_in_the_seed_only_have_one_budget(suite):
    budgets = budgets_of(suite)
    assert len(budgets) == len({(r.model, r.protocol) for r in suite.record.runs})
    assert sum(len(budget.runs) for budget in budgets) == len(suite.record.runs)


def test_an_adversarial_loss_on_validation_data_is_none(suite):
    validated = {budget.first.model: budget.validated for budget in budgets_of(suite)}
    assert (validated["vae"], validated["gan"]) == (True, False)


def test_reasons_and_trials_belong_to_the_row_of_their_model(rich_suite):
    spec = {
        "model": [{"name": "gan+normal", "why": "It cycles."}, {"name": "gan"}],
        "trials": [{"model": "vae"}, {"model": "vae", "chosen": True}, {"model": "vae_t"}],
    }
    record = rich_suite.record.model_copy(update={"spec": spec})
    found = {b.first.model: b for b in budgets_of(replace(rich_suite, record=record))}
    assert found["gan+normal(0.126)"].why == "It cycles."
    assert [len(found[name].trials) for name in ("vae", "vae_twin")] == [2, 0]
    assert found["vae"].chosen is not None


def test_a_damaged_trial_is_named(rich_suite):
    record = rich_suite.record.model_copy(update={"spec": {"trials": [{"trial": 1}]}})
    with pytest.raises(StorageError, match=r"spec\.trials\.0\.model"):
        budgets_of(replace(rich_suite, record=record))


def test_images_are_counted_with_the_batches_that_there_were():
    data = "digits@1a2b/static/100+10+20/mass"
    seen = Budget((run(protocol=data, steps=30, train={"batch_size": 500}),))
    assert (seen.batch_size, seen.images) == (100, 3000)
    assert Budget((run(steps=30, train={"batch_size": 64}),)).images == 1920
    assert Budget((run(train={"batch_size": 64}),)).images is None
    assert Budget((run(train={}),)).batch_size is None


def test_a_model_has_converged_by_the_means_over_its_seeds():
    def after(*falls):
        runs = (
            run(i, validation_fall=fall, validation_fall_stderr=0.1) for i, fall in enumerate(falls)
        )
        return Budget(tuple(runs)).converged

    assert (after(0.19), after(0.20)) == (True, False)
    assert (after(0.3, 0.0), after(0.3, 0.1)) == (True, False)
    assert Budget((run(), run(1, validation_fall=0.1, validation_fall_stderr=0.1))).fall is None
    assert Budget((run(),)).converged is None


def test_seconds_are_the_shortest_and_the_longest_of_a_seed():
    runs = tuple(run(i, train_seconds=s) for i, s in enumerate((4.0, 2.0, 3.0, None)))
    assert Budget(runs).seconds("train_seconds") == [2.0, 4.0]
    assert Budget(runs[:1]).seconds("train_seconds") == [4.0]
    assert Budget(runs[3:]).seconds("train_seconds") == []
