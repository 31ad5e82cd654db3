"""The figures of a suite: made when asked for, kept, added later without training."""

import json

import pytest
from safetensors.torch import load_file

from genbench.core.errors import ConfigError
from genbench.core.figures import DEFAULT_FIGURES, FIGURES
from genbench.evaluation.figure_source import figure_functions

MORE = "figures=['interpolations', 'samples', 'traversals']"


def tensors(workplace, outcome):
    run = workplace.run_of(outcome, "vae")
    found = load_file(run / "artifacts" / "figures.safetensors")
    return {name: tensor.clone() for name, tensor in found.items()}  # not a map of the file


def test_every_figure_that_can_be_asked_for_is_made_somewhere():
    assert set(FIGURES) == set(figure_functions)


def test_a_figure_switched_on_later_is_what_it_would_have_been_at_first(workplace):
    first = workplace.run("figures=['samples']", results=workplace.folder / "whole")
    workplace.run(MORE, results=workplace.folder / "whole")
    together = workplace.run(MORE)
    whole = tensors(workplace, together)
    workplace.results = workplace.folder / "whole"
    later = tensors(workplace, first)
    assert later.keys() == whole.keys() > {"samples", "traversals", "interpolations"}
    assert all(later[name].equal(whole[name]) for name in whole)


def test_a_figure_is_added_without_training_and_the_others_stay(done, untrained):
    untrained()
    before = tensors(done, done.outcome)
    assert not done.run(MORE).cached
    after = tensors(done, done.outcome)
    assert all(after[name].equal(before[name]) for name in before)
    assert after.keys() - before.keys() == {
        "interpolations", "interpolation_ends",
        "traversals", "traversal_dims", "traversal_kl", "traversal_values",
    }  # fmt: skip
    assert done.run(MORE).cached
    assert done.run().cached  # fewer figures: nothing is missing


def test_a_run_of_an_older_version_has_the_default_figures(done, untrained):
    from genbench.results.run_folder import RunFolder

    untrained()
    train_ids = [path.name for path in done.runs()]
    for train_id in train_ids:
        folder = RunFolder(done.results / "tiny", train_id)
        metrics = folder.read("metrics.json")
        assert metrics.pop("figures") == list(DEFAULT_FIGURES)
        folder.write("metrics.json", metrics)
        folder.seal()
    before = tensors(done, done.outcome)
    assert done.run().cached
    assert not done.run(MORE).cached
    assert tensors(done, done.outcome).keys() > before.keys()


def test_a_damaged_picture_file_is_made_again_with_all_that_is_asked(done, untrained):
    untrained()
    done.run(MORE)
    path = done.run_of(done.outcome, "vae") / "artifacts" / "figures.safetensors"
    whole = tensors(done, done.outcome)
    path.write_bytes(path.read_bytes()[:-1])
    done.run(MORE)
    again = tensors(done, done.outcome)
    assert again.keys() == whole.keys() - {
        "latent_means", "latent_labels", "latent_dims", "originals", "reconstructions",
    }  # fmt: skip
    assert all(again[name].equal(whole[name]) for name in again)
    recorded = json.loads((path.parents[1] / "metrics.json").read_text())["figures"]
    assert recorded == ["interpolations", "samples", "traversals"]


def test_an_unknown_figure_is_named_with_the_nearest_one(workplace):
    with pytest.raises(ConfigError, match=r"figures: .*'manifolds'; did you mean 'manifold'\?"):
        workplace.run("figures=['manifolds']")
    assert not workplace.results.exists()


def test_the_suite_records_which_figures_its_report_shows(workplace):
    workplace.run("figures=['traversals', 'traversals']")
    found = json.loads((workplace.results / "tiny" / "suite.json").read_text())
    assert found["spec"]["figures"] == ["traversals"]
