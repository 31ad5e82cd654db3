"""Budgets and selection: what each model was given."""

import pytest

from genbench.reporting.tables.budgets import MOST_SEEDS, budget_tables
from genbench.results.budgets import Budget
from genbench.results.records import StoredRun, TrialRecord

TRAIN = {"epochs": 10, "batch_size": 128, "learning_rate": 3e-3, "select": "best"}
FALL = {"validation_fall": 0.25, "validation_fall_stderr": 0.1}


def budget(model="vae", seeds=(0,), validated=True, **content):
    of_run = {"recipe": "vae", "protocol": "p", "train": TRAIN, "steps": 4290, "selected_epoch": 9}
    own = {name: content.pop(name) for name in ("why", "trials", "control") if name in content}
    runs = [
        StoredRun(train_id=f"{model}{s}", model=model, seed=s, **(of_run | content)) for s in seeds
    ]
    return Budget(tuple(runs), validated=validated, **own)


def shown(*budgets, table=0):
    """The rows of a table by the heads of their columns."""
    made = budget_tables(budgets)[table]
    heads = [head.text for head in made.heads]
    return [dict(zip(heads, (cell.line for cell in row), strict=True)) for row in made.rows]


def test_a_model_has_its_steps_images_seconds_and_device():
    row, _ = shown(
        budget(n_parameters=425284, train_seconds=12.6, device="a CPU"), budget("gan", device="b")
    )
    assert (row["parameters"], row["steps"]) == ("425\u202f284", "4\u202f290")
    assert (row["batch size"], row["images seen"]) == ("128", "549\u202f120")
    assert row["training"] == "13 s (a CPU)"


def test_what_all_share_is_said_once_below():
    both = [budget(name, (0, 1), train_seconds=12.6, device="a CPU") for name in ("vae", "gan")]
    for row in shown(*both):
        assert row["training"] == "13 s"
        assert "seeds" not in row
    caption = budget_tables(both)[0].caption
    assert "shortest to longest, on a CPU. Training seeds of each: 0, 1." in caption
    one, other = shown(both[0], budget("gan", (0,)))
    assert (one["seeds"], other["seeds"]) == ("0, 1", "0")


def test_absent_facts_make_no_column():
    (row,) = shown(budget(steps=None, selected_epoch=None))
    absent = {"parameters", "steps", "images seen", "search", "weights", "converged", "why"}
    assert not absent & set(row)
    assert "" not in row.values()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({}, "epoch 9 of 10 (lowest validation loss)"),
        ({"options": {"beta": 4.0}}, "epoch 9 of 10 (lowest validation loss, beta = 4)"),
        ({"validated": False}, "epoch 9 of 10 (the last: no validation loss)"),
        ({"train": TRAIN | {"select": "last"}}, "epoch 9 of 10 (the last)"),
    ],
)
def test_it_is_said_by_what_the_weights_were_selected(content, said):
    (row,) = shown(budget(**content))
    assert row["weights"] == said


def test_a_fall_beyond_its_error_is_no_convergence():
    moving, still, risen = shown(
        budget(**FALL),
        budget(validation_fall=0.25, validation_fall_stderr=0.2),
        budget(validation_fall=-0.25, validation_fall_stderr=0.2),
    )
    assert moving["converged"] == "no (fell by 0.25 ± 0.10)"
    assert still["converged"] == "yes (fell by 0.25 ± 0.20)"
    assert risen["converged"] == "yes (rose by 0.25 ± 0.20)"


def test_what_is_fitted_in_closed_form_or_elsewhere_has_no_budget():
    fitted, mine, _ = shown(
        budget("linear", train={}, steps=None, closed_form=True, train_seconds=9.8),
        budget("mine", recipe="elsewhere", train={}, steps=None, about="By hand."),
        budget(),
    )
    assert fitted["training"] == "closed form (9.8 s)"
    assert mine["training"] == "elsewhere"
    assert (fitted["steps"], fitted["weights"], mine["batch size"]) == ("–", "–", "–")


def leads(*budgets):
    return budget_tables(budgets)[0].lead


def test_the_lead_says_what_trained_models_share_and_who_gives_no_reason():
    vae, twin, few = budget(), budget("twin"), budget("few", steps=429)
    assert leads(vae) == ""
    assert leads(vae, twin) == "All 2 trained models take 4\u202f290 steps of 128 images."
    assert leads(vae, twin, few).endswith("the others differ; no reason is stated for few.")
    told = budget("few", steps=429, why="It overfits.")
    assert leads(vae, twin, told).endswith("the others differ, for the reasons stated.")
    assert shown(vae, twin, told)[2]["why"] == "It overfits."


def test_the_search_is_shown_with_all_its_trials():
    asked = {"model": "vae", "metric": "elbo", "steps": 9, "seconds": 30.0, "stderr": 0.25}
    asked["seed"] = 1000
    trials = (
        TrialRecord(trial=0, options={"learning_rate": 1e-3}, value=-99.0, **asked),
        TrialRecord(trial=1, options={"learning_rate": 3e-3}, value=-97.0, chosen=True, **asked),
        TrialRecord(trial=2, options={"learning_rate": 1e-2}, **asked),
    )
    searched, other = shown(budget(trials=trials), budget("gan"))
    assert searched["search"] == "3 trials, 1 min 30 s (by elbo on validation data)"
    assert searched["chosen settings"] == "learning_rate = 0.003"
    assert other["search"] == "–"
    rows = shown(budget(trials=trials), table=1)
    assert [row["criterion"] for row in rows] == [
        "-99.00 ± 0.25 (elbo)", "-97.00 ± 0.25 (elbo)", "failed"
    ]  # fmt: skip
    assert [row["chosen"] for row in rows] == ["–", "chosen", "–"]
    caption = budget_tables([budget(trials=trials)])[1].caption
    assert caption.startswith("Each model that was searched has 3 trials. Trained with seed 1000.")


def test_very_many_seeds_are_not_listed_one_by_one():
    (row,) = shown(budget(seeds=range(MOST_SEEDS + 1)))
    assert row["seeds"] == f"0 to {MOST_SEEDS}"
    (row,) = shown(budget(seeds=range(MOST_SEEDS)))
    assert row["seeds"].count(",") == MOST_SEEDS - 1


def test_options_are_listed_whole():
    (row,) = shown(budget(options={"latent_dim": 2, "clip": None}, fitted={"scale": 0.1}), table=1)
    assert row["options"].startswith("latent_dim = 2, clip = null, epochs = 10, batch_size = 128")
    assert row["options"].endswith("select = best, fitted scale = 0.1")
    (row,) = shown(budget(train={}, about="A pair of networks.", observation="Bernoulli"), table=1)
    assert row["what it is"] == "A pair of networks. (recipe vae; Bernoulli)"
    assert row["options"] == "none"
