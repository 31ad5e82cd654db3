"""A model that was trained elsewhere stands in a suite's table, and ``run`` leaves it alone."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal

import genbench
from genbench.core.errors import ConfigError, DataError, RunsFailedError
from genbench.results.run_folder import FIGURES, MODEL, PER_DATUM, RunFolder
from genbench.results.suite import StoredSuite
from genbench.suites.table import TYPES

SUITE = """
title = "Small"

[data]
name = "digits"
binarisation = "dynamic"
limit = 40

[train]
epochs = 1
batch_size = 20

[[model]]
recipe = "vae"
hidden = [9]
latent_dim = 2

[[model]]
recipe = "cvae"
hidden = [9]
latent_dim = 2

[evaluate]
metrics = ["elbo", "iw_log_likelihood", "label_marginal_log_likelihood", "log_likelihood", "kl"]
iw_log_likelihood = { n_samples = 5 }
"""


class Vae(nn.Module):
    """A user's own model: three methods, no base class of genbench."""

    def __init__(self, seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.encoder, self.decoder = nn.Linear(64, 4), nn.Linear(2, 64)

    def prior(self):
        return Independent(Normal(torch.zeros(2), torch.ones(2)), 1)

    def posterior(self, x):
        loc, log_scale = self.encoder(x.flatten(1)).chunk(2, dim=-1)
        return Independent(Normal(loc, log_scale.exp()), 1)

    def observation_model(self, z):
        return Independent(Bernoulli(logits=self.decoder(z).unflatten(-1, (1, 8, 8))), 3)


class Sampler:
    """Only draws images, and holds no weights."""

    def __init__(self, shift=0.0):
        self.shift = shift

    def sample(self, n):
        return torch.rand(n, 1, 8, 8) + self.shift


class Broken(Vae):
    """Cannot evaluate anything."""

    def posterior(self, x):
        raise ValueError("no weights yet")

    def observation_model(self, z):
        raise ValueError("no weights yet")


class Place:
    """A suite file with results and reports beside it."""

    def __init__(self, folder):
        self.folder, self.file = folder, str(folder / "small.toml")
        self.where = {"results": folder / "results", "reports": folder / "reports"}

    @property
    def stored(self):
        return StoredSuite.open(self.where["results"], "small")

    def run(self, **options):
        return genbench.run(self.file, device="cpu", **({"report": False} | self.where | options))

    def add(self, model, name="mine", **options):
        options = {"report": False} | self.where | options
        return genbench.add(model, "small", name, **options)

    def rows(self, model, seed=0):
        table = genbench.load_results("small", self.where["results"])
        return table[(table["model"] == model) & (table["seed"] == seed)].reset_index(drop=True)

    def folders(self, name="mine"):
        runs = [run for run in self.stored.record.runs if run.model == name]
        return [self.stored.run_folder(run) for run in runs]

    def files(self, below=""):
        root = self.where["results"] / "small" / below
        return {p: p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}

    def change(self, old, new):
        path = self.folder / "small.toml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("finished"))
    (place.folder / "small.toml").write_text(SUITE)
    place.run(seeds=2)
    return place


@pytest.fixture
def place(finished, tmp_path):
    shutil.copytree(finished.folder, tmp_path / "place")
    return Place(tmp_path / "place")


@pytest.fixture
def empty(tmp_path):
    (tmp_path / "small.toml").write_text(SUITE)
    return Place(tmp_path)


@pytest.mark.parametrize("name", ["vae", "cvae"])
def test_a_suite_s_own_model_under_another_name_has_its_numbers_to_the_bit(place, name):
    results = place.where["results"]
    place.add(genbench.load_model("small", name, 1, results), seed=1)
    pd.testing.assert_frame_equal(
        place.rows(name, 1).drop(columns=["model", "train_id"]),
        place.rows("mine", 1).drop(columns=["model", "train_id"]),
    )
    (mine,), theirs = place.folders(), place.folders(name)[1]
    for file in (PER_DATUM, FIGURES, MODEL):
        ours, expected = load_file(mine / file), load_file(theirs / file)
        assert ours.keys() == expected.keys()
        assert all(torch.equal(ours[key], expected[key]) for key in expected)


def test_it_is_marked_on_the_page_and_in_every_table(place):
    place.add(Vae(), note="Of <chapter> 3.", report=True)
    report = place.where["reports"] / "small"
    page = (report / "index.html").read_text()
    assert "trained elsewhere" in page
    assert "Of &lt;chapter&gt; 3." in page
    assert "mine (trained elsewhere)" in (report / "table.md").read_text()
    assert "mine (trained elsewhere)" in re.sub(
        r"\{\\footnotesize ([^}]*)\}", r"(\1)", (report / "table.tex").read_text()
    )
    (run,) = [run for run in place.stored.record.runs if run.model == "mine"]
    assert (run.recipe, run.train, run.n_parameters) == ("elsewhere", {}, 64 * 4 + 4 + 2 * 64 + 64)
    assert (run.observation, run.measure) == ("Bernoulli", "mass")


def test_it_stands_in_the_block_of_the_others_and_is_compared_with_them(place):
    frame = place.add(Vae())
    assert set(frame["protocol"]) == set(place.rows("vae")["protocol"])
    (board, _) = place.stored.leaderboards
    assert {entry.row.model for entry in board.entries} == {"vae", "cvae", "mine"}
    assert all(entry.rank for entry in board.entries)
    place.add(Vae(seed=1), seed=1)  # as many as the others have
    lines = genbench.compare("vae", "mine", "small", place.where["results"])
    assert {"elbo", "iw_log_likelihood"} <= set(lines["metric"])


def test_a_baseline_holds_it_to_its_numbers(place):
    from genbench.cli import main

    place.add(Vae())
    where = ["--suite", "small", "--results", str(place.where["results"])]
    baseline = str(place.folder / "baseline.json")
    assert main(["check", *where, "--baseline", baseline, "--update"]) == 0
    assert main(["check", *where, "--baseline", baseline]) == 0
    place.add(Vae(seed=3), replace=True)
    assert main(["check", *where, "--baseline", baseline]) == 1


def test_a_later_run_changes_nothing(place):
    place.add(Vae())
    before = place.files()
    place.run(seeds=2)
    assert place.files() == before


@pytest.mark.parametrize("options", [{"fresh": True}, {"seeds": 3}, {"models": "vae"}])
def test_every_run_keeps_it(place, options):
    frame, (folder,) = place.add(Vae()), place.folders()
    before = place.files(f"runs/{folder.train_id}")
    place.run(**{"seeds": 2} | options)
    assert place.files(f"runs/{folder.train_id}") == before
    pd.testing.assert_frame_equal(place.rows("mine"), frame)


def test_a_dry_run_says_nothing_of_it_and_changes_nothing(place, capsys):
    from genbench.cli import main

    place.add(Vae())
    before = place.files()
    where = ["--results", str(place.where["results"])]
    assert main(["run", "--suite", place.file, "--seeds=2", "--dry-run", *where]) == 0
    assert "to do" not in capsys.readouterr().out
    assert place.files() == before


def test_of_a_metric_that_is_asked_for_later_it_says_so(place):
    frame = place.add(Vae())
    place.change('"kl"]', '"kl", "reconstruction_mse"]')
    place.run(seeds=2)
    rows = place.rows("mine").set_index("metric")
    new = rows.loc["reconstruction_mse"]
    assert new["status"] == "not_applicable"
    assert new["reason"].startswith("added before this metric was asked for: add it again")
    pd.testing.assert_frame_equal(
        rows.drop("reconstruction_mse"), frame.set_index("metric"), check_like=True
    )
    place.add(Vae(), replace=True)
    assert place.rows("mine").set_index("metric").loc["reconstruction_mse", "status"] == "ok"


def test_after_the_suite_changed_its_data_it_keeps_its_own_protocol(place):
    frame = place.add(Vae())
    place.change("limit = 40", "limit = 30")
    place.run(seeds=1)
    pd.testing.assert_frame_equal(place.rows("mine"), frame)
    assert len({*place.rows("mine")["protocol"]} & {*place.rows("vae")["protocol"]}) == 0
    alone = [[row.model for row in block.rows] for block in place.stored.blocks]
    assert ["mine"] in alone


def test_its_data_are_those_of_the_stored_run_not_of_the_file(place):
    place.change("limit = 40", "limit = 30")
    assert set(place.add(Vae())["n"].dropna()) == {40}


def test_a_suite_that_was_not_run_yet_takes_it_and_keeps_it(empty):
    genbench.add(Vae(), empty.file, "mine", report=False, **empty.where)
    frame = empty.rows("mine")
    assert set(empty.stored.models) == {"mine"}
    empty.run()
    assert list(empty.stored.models) == ["vae", "cvae", "mine"]
    pd.testing.assert_frame_equal(empty.rows("mine"), frame)


def test_what_is_added_while_the_suite_runs_is_kept(empty):
    from genbench.runs.run_options import RunOptions
    from genbench.suites.run import run_suite

    added = []

    def say(line):
        name = f"mine {len(added)}"
        added.append(genbench.add(Vae(), empty.file, name, report=False, **empty.where))

    run_suite(RunOptions(empty.file, results=empty.where["results"], device="cpu"), say)
    assert list(empty.stored.models) == ["vae", "cvae", "mine 0", "mine 1"]
    for i, frame in enumerate(added):
        pd.testing.assert_frame_equal(empty.rows(f"mine {i}"), frame)


def test_seeds_of_one_name_are_one_model(place):
    for seed in (0, 1):
        place.add(Vae(seed), seed=seed)
    row = next(row for row in place.stored.blocks[0].rows if row.model == "mine")
    assert {cell.n_seeds for cell in row.cells if cell.ok} == {2}


def test_a_name_and_seed_are_replaced_only_on_demand(place):
    first = place.add(Vae())
    (old,) = place.folders()
    with pytest.raises(ConfigError, match=r"'mine' with seed 0 is in suite 'small' already"):
        place.add(Vae(seed=1))
    pd.testing.assert_frame_equal(place.rows("mine"), first)
    second = place.add(Vae(seed=1), replace=True)
    (new,) = place.folders()
    assert not old.path.exists()
    assert new.is_sealed
    assert (first["value"].dropna() != second["value"].dropna()).all()


@pytest.mark.parametrize("name", ["vae", "cvae(3)", "", " ", "a\nb"])
def test_a_name_that_the_suite_uses_or_nobody_can_read_is_refused(place, name):
    before = place.files()
    with pytest.raises(ConfigError, match="name: "):
        place.add(Vae(), name)
    assert place.files() == before


def test_a_suite_that_takes_the_name_for_its_own_model_is_refused(place):
    place.add(Vae())
    place.change('recipe = "cvae"', 'recipe = "cvae"\nname = "mine"')
    before = place.files()
    with pytest.raises(ConfigError, match=r"'mine': a model trained elsewhere has this name"):
        place.run()
    assert place.files() == before


@pytest.mark.parametrize("model", [Broken(), object()])
def test_a_model_that_gives_no_number_stores_nothing(place, model):
    before = place.files()
    with pytest.raises(RunsFailedError, match="'mine' gave no number, so nothing is stored"):
        place.add(model)
    assert place.files() == before
    assert not list((place.where["results"] / "small" / "runs").glob(".*"))


def test_an_interrupt_stores_nothing(place):
    class Interrupted(Vae):
        def posterior(self, x):
            raise KeyboardInterrupt

    before = place.files()
    with pytest.raises(KeyboardInterrupt):
        place.add(Interrupted())
    assert place.files() == before


def test_a_model_that_only_samples_has_a_figure_of_its_samples(place):
    frame = place.add(Sampler(), dequantisation="uniform")
    assert set(frame["status"]) == {"not_applicable"}
    (inputs,) = [i for i in place.stored.figure_inputs() if i.label == "mine"]
    assert inputs.arrays["samples"].shape == (64, 1, 8, 8)


def test_pixels_of_another_protocol_are_another_block(place):
    class Grey(Vae):
        def observation_model(self, z):
            return Independent(Normal(self.decoder(z).unflatten(-1, (1, 8, 8)), 0.5), 3)

    frame = place.add(Grey(), dequantisation="uniform")
    (protocol,) = set(frame["protocol"])
    assert "/uniform(seed=0)/" in protocol
    assert protocol.endswith("/density")
    assert (frame.set_index("metric").loc["elbo", "status"]) == "ok"


def test_the_same_model_has_the_same_identity_and_another_has_another(place):
    ids = {}
    for name, model in (("a", Vae(0)), ("b", Vae(1))):
        place.add(model, replace=True)
        ids[name] = place.folders()[0].train_id
        place.add(model, replace=True)
        assert place.folders()[0].train_id == ids[name]
    assert ids["a"] != ids["b"]


def test_a_model_without_weights_is_known_by_its_numbers(place):
    class Fixed:
        def __init__(self, p):
            self.p = p

        def log_prob(self, x):
            return Independent(Bernoulli(torch.full((1, 8, 8), self.p)), 3).log_prob(x)

    ids = []
    for p in (0.3, 0.3, 0.4):
        place.add(Fixed(p), replace=True)
        (folder,) = place.folders()
        assert not (folder / MODEL).exists()
        ids.append(folder.train_id)
    assert ids[0] == ids[1] != ids[2]


def test_its_weights_are_kept_and_loading_it_says_where(place):
    model = Vae()
    place.add(model)
    (folder,) = place.folders()
    weights = load_file(folder / MODEL)
    assert weights.keys() == model.state_dict().keys()
    assert all(torch.equal(weights[name], w) for name, w in model.state_dict().items())
    with pytest.raises(ConfigError, match=re.escape(str(folder / MODEL))):
        genbench.load_model("small", "mine", results=place.where["results"])


def test_the_model_itself_is_left_as_it_was(place):
    model = Vae().train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    place.add(model)
    assert model.training
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())


def test_a_damaged_folder_is_said_and_can_be_added_again(place):
    place.add(Vae())
    (folder,) = place.folders()
    (folder / PER_DATUM).write_bytes(b"")
    place.run(seeds=2)
    rows = place.rows("mine")
    assert set(rows["status"]) == {"failed"}
    assert rows["reason"].str.startswith("its folder is damaged: add it again").all()
    place.add(Vae(), replace=True)
    assert "ok" in set(place.rows("mine")["status"])


def test_an_unknown_suite_and_a_collection_are_refused(place, tmp_path):
    with pytest.raises(ConfigError, match="did you mean 'mnist'"):
        genbench.add(Vae(), "mnits", "mine", results=tmp_path)
    with pytest.raises(ConfigError, match="name one of its suites"):
        genbench.add(Vae(), "lectures", "mine", results=tmp_path)
    assert not list(tmp_path.glob("*/metrics.csv"))


def test_the_added_rows_have_the_types_of_the_others(place):
    place.add(Vae())
    assert {n: str(t) for n, t in place.stored.table.dtypes.items() if n in TYPES} == TYPES
    content = json.loads((place.where["results"] / "small" / "suite.json").read_text())
    keys = [run.keys() for run in content["runs"]]
    assert all(key == keys[0] for key in keys)
    assert RunFolder(place.where["results"] / "small", content["runs"][-1]["train_id"]).is_sealed


def test_pixels_that_its_likelihood_cannot_take_are_refused(place):
    with pytest.raises(ConfigError, match=r"Bernoulli.*: binarisation=\"dynamic\" gives binary"):
        place.add(Vae(), dequantisation="uniform")


def test_a_suite_without_images_asks_for_them(tmp_path):
    with pytest.raises(ConfigError, match=r"^suite 'standard' needs images: data=PATH$"):
        genbench.add(Vae(), "standard", "mine", results=tmp_path)


def test_stored_images_are_handed_out_once(place):
    class Stored:
        def __init__(self):
            self.left = torch.rand(64, 1, 8, 8)

        def sample(self, n):
            images, self.left = self.left[:n], self.left[n:]
            return images

    place.add(Stored(), dequantisation="uniform")
    (inputs,) = [i for i in place.stored.figure_inputs() if i.label == "mine"]
    assert inputs.arrays["samples"].shape == (64, 1, 8, 8)


def test_three_methods_give_samples_and_reconstructions(place):
    place.add(Vae())
    (inputs,) = [i for i in place.stored.figure_inputs() if i.label == "mine"]
    assert inputs.arrays["samples"].shape == (64, 1, 8, 8)
    assert inputs.arrays["reconstructions"].shape == inputs.arrays["originals"].shape


def test_a_suite_of_own_images_takes_a_model_on_the_same_images(tmp_path):
    rng = np.random.default_rng(0)
    paths = [tmp_path / "shots.npz", tmp_path / "others.npz"]
    for path in paths:
        np.savez(path, images=rng.integers(0, 2, (60, 8, 8)).astype(bool))
    text = SUITE.replace('name = "digits"', 'path = "shots.npz"').replace("cvae", "ae")
    (tmp_path / "small.toml").write_text(text)
    place = Place(tmp_path)
    place.run()
    with pytest.raises(DataError, match="data=PATH says where the images are"):
        place.add(Vae())
    with pytest.raises(DataError, match=r"was run on shots; these are other images: .*others"):
        place.add(Vae(), data=paths[1])
    frame = place.add(Vae(), data=paths[0])
    assert set(frame["protocol"]) == set(place.rows("vae")["protocol"])
    assert set(frame["dataset"]) == {"shots"}
    place.run()
    pd.testing.assert_frame_equal(place.rows("mine"), frame)


def test_what_must_be_said_of_its_methods_stands_beside_its_numbers(place):
    class OneDimension(Vae):
        def observation_model(self, z):
            return Bernoulli(logits=self.decoder(z).reshape(len(z), 1, 8, 8))

    rows = place.add(OneDimension()).set_index("metric")
    assert rows.loc["elbo", "reason"] == (
        "observation_model(z) was given z with one leading dimension"
    )


def test_a_method_that_fails_costs_its_metrics_and_is_announced(place, capsys):
    class NoPrior(Vae):
        def prior(self):
            raise RuntimeError("not trained")

        def log_prob(self, x):
            return x.flatten(1).sum(1) * 0

    rows = place.add(NoPrior(), progress=True).set_index("metric")
    assert rows.loc["log_likelihood", "status"] == "ok"
    assert rows.loc["elbo", "status"] == "failed"
    said = capsys.readouterr().err
    assert "mine: elbo, iw_log_likelihood, kl failed: prior() raised RuntimeError" in said


class Pixels:
    """A user's model that states log p(x) and nothing else."""

    def log_prob(self, x):
        return Bernoulli(torch.full((64,), 0.4)).log_prob(x.flatten(1)).sum(dim=1)


@pytest.mark.parametrize("measure", ["mass", "density", None])
def test_the_stated_measure_decides_whether_a_log_prob_is_a_code_length(tmp_path, measure):
    suite = tmp_path / "bits.toml"
    suite.write_text(SUITE.replace('"log_likelihood"', '"log_likelihood", "bits_per_dim"'))
    genbench.add(Pixels(), str(suite), "pixels", results=tmp_path / "results", measure=measure)
    frame = genbench.load_results("bits", results=tmp_path / "results")
    rows = frame[frame.model == "pixels"].set_index("metric")
    assert (rows.status["bits_per_dim"] == "ok") == (measure != "density")  # pixels are binary
    if measure != "density":
        nats = rows.value["bits_per_dim"] * 64 * np.log(2)
        assert nats == pytest.approx(-rows.value["log_likelihood"])
