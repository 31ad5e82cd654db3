"""Tables of models, their training and their runs."""

from genbench.reporting.page.trained import (
    MOST_RUNS,
    MOST_SEEDS,
    model_views,
    runs_table,
    training_tables,
)
from genbench.results.records import StoredRun


def run(model, seed, **content):
    return StoredRun(train_id=f"{model}{seed}", model=model, seed=seed, protocol="p", **content)


RUNS = (
    run("vae", 0, options={"latent_dim": 2}, train={"epochs": 3, "clip": None}, train_seconds=4.0),
    run("vae", 1, options={"latent_dim": 2}, train={"epochs": 3, "clip": None}, train_seconds=2.0),
    run("copier", 0, n_parameters=12345, status="failed", reason="no room"),
)


def test_runs_that_differ_in_the_seed_only_are_one_row():
    trained, _ = training_tables(model_views(RUNS, {"copier"}))
    (vae, copier) = [
        {head.text: cell for head, cell in zip(trained.heads, row, strict=True)}
        for row in trained.rows
    ]
    assert vae["seeds"].text == "0, 1"
    assert vae["epochs"].value == 3
    assert vae["training"].text == "2.0 s to 4.0 s"
    assert copier["parameters"].value == 12345
    assert (vae["model"].badge, copier["model"].badge) == ("", "control")


def test_options_are_those_without_a_column_of_their_own():
    _, options = training_tables(model_views(RUNS))
    assert [row[1].text for row in options.rows] == ["latent_dim = 2, clip = null", "none"]


def test_each_run_stands_with_its_folder_and_how_it_ended():
    table = runs_table(RUNS)
    assert [row[0].text for row in table.rows] == ["vae0", "vae1", "copier0"]
    assert [row[3].text for row in table.rows] == ["ok", "ok", "failed: no room"]


def test_very_many_seeds_and_runs_are_not_listed_one_by_one():
    runs = [run("vae", seed) for seed in range(MOST_RUNS + 1)]
    assert model_views(runs)[0].seeds == f"0 to {MOST_RUNS}"
    assert model_views(runs[:MOST_SEEDS])[0].seeds.count(",") == MOST_SEEDS - 1
    assert model_views([*runs[:30], *runs[40:50]])[0].seeds.count(",") == 39
    table = runs_table(runs)
    assert len(table.rows) == MOST_RUNS
    assert table.caption == f"The first {MOST_RUNS} of {MOST_RUNS + 1} runs; suite.json lists all."
    assert runs_table(RUNS).caption == ""


def test_a_model_trained_elsewhere_has_no_recipe_and_no_training():
    mine = run("mine", 0, recipe="elsewhere", n_parameters=7, about="Trained elsewhere. By hand.")
    trained, _ = training_tables(model_views([mine]))
    (cells,) = (dict(zip((h.text for h in trained.heads), r, strict=True)) for r in trained.rows)
    assert cells["what it is"].text == "Trained elsewhere. By hand."
    assert (cells["recipe"].text, cells["epochs"].text) == ("–", "–")
    assert (cells["training"].text, cells["parameters"].text) == ("elsewhere", "7")
