"""What is left, and said, when a number or a run goes wrong."""

import dataclasses
import json

import pytest
import torch

import genbench.training.loop as loop
from genbench.cli import main
from genbench.core.objective import Loss
from genbench.evaluation.spec import PerDatum, evaluators
from genbench.recipes import Built, DataFacts, recipes
from genbench.recipes.options import VaeOptions
from genbench.training.config import TrainConfig
from genbench.training.update import Update


def break_the_elbo(monkeypatch):
    def not_a_number(block, options):
        return PerDatum(torch.full((len(block.x),), float("nan")))

    broken = dataclasses.replace(evaluators["elbo"], function=not_a_number)
    monkeypatch.setitem(evaluators._entries, "elbo", broken)


def test_a_number_that_fails_makes_the_suite_fail_and_names_itself(workplace, monkeypatch):
    break_the_elbo(monkeypatch)
    outcome = workplace.run()
    assert [record.status for record in outcome.records] == ["ok", "ok"]
    assert [record.spec.name for record in outcome.failures] == ["vae", "linear_gaussian"]
    told = outcome.describe_failures()
    assert told.startswith("2 of 2 runs did not succeed:\n")  # both were trained
    assert "elbo failed: 80 of 80 data have a non-finite value" in told
    assert "failed too" not in told


def test_each_metric_that_fails_is_named(workplace, monkeypatch):
    break_the_elbo(monkeypatch)
    broken = dataclasses.replace(evaluators["kl"], function=evaluators["elbo"].function)
    monkeypatch.setitem(evaluators._entries, "kl", broken)
    outcome = workplace.run("evaluate.metrics=['elbo', 'kl', 'log_likelihood']")
    assert len(outcome.failures) == 2
    for record in outcome.failures:
        first, others = record.summary_line().split(" (failed too: ")
        named = {first.split(": ")[1].removesuffix(" failed"), *others.rstrip(")").split(", ")}
        assert named == {"elbo", "kl"}


def test_a_number_that_fails_is_exit_code_4(workplace, monkeypatch, capsys):
    break_the_elbo(monkeypatch)
    arguments = ["run", "--suite", str(workplace.suite), "--no-report", "--device", "cpu"]
    assert main([*arguments, "--results", str(workplace.results)]) == 4
    assert "elbo failed" in capsys.readouterr().err


def nan_from_call(first):
    """Return a recipe like the VAE whose loss is not a number from a call on."""
    calls = []

    def build(data: DataFacts, options: VaeOptions, train: TrainConfig) -> Built:
        """A recipe that diverges late."""
        built = recipes["vae"].build(data, options, train)
        (good,) = built.updates

        def objective(model, batch):
            calls.append(1)
            loss = good.objective(model, batch)
            return loss if len(calls) < first else Loss(loss.value * float("nan"), {})

        return Built(built.model, (Update("late", good.parameters, objective),))

    return build


def test_the_last_good_checkpoint_of_a_diverged_run_stays(workplace, own_recipe, monkeypatch):
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    own_recipe("late", nan_from_call(8))  # after the first epoch of four steps and its validation
    workplace.suite.write_text(workplace.suite.read_text().replace('"vae"', '"late"', 1))
    outcome = workplace.run()
    (record,) = outcome.failures
    assert record.status == "diverged"
    folder = workplace.run_of(outcome, "late")
    listed = json.loads((folder / "manifest.json").read_text())["files"]
    assert "checkpoint.safetensors" in listed
    assert not (folder / "model.safetensors").exists()


def test_what_interrupted_writes_left_is_cleared(workplace):
    outcome = workplace.run()
    folder = workplace.run_of(outcome, "vae")
    half = folder / ".metrics.json.abc.tmp"
    half.write_text("{")
    (folder / "metrics.json").write_text("{")
    workplace.run()
    assert not half.exists()


def fit_only_seed_0(monkeypatch, error):
    def fit(trained, description):
        if trained.stream.seed:
            raise error
        return loop.fit(trained, description)

    monkeypatch.setattr("genbench.runs.execute.fit", fit)


@pytest.mark.parametrize("error", [loop.DivergedError("at step 3"), RuntimeError("no")])
def test_a_seed_that_fails_counts_in_every_protocol_of_its_model(workplace, monkeypatch, error):
    metrics = 'metrics = ["label_marginal_log_likelihood"'
    text = workplace.suite.read_text().replace('"vae"', '"cvae"')
    workplace.suite.write_text(text.replace('metrics = ["elbo"', f'{metrics}, "elbo"'))
    fit_only_seed_0(monkeypatch, error)
    workplace.run("seeds=2", models=("cvae",))
    rows = [row for row in workplace.rows("cvae") if row["metric"] == "iw_log_likelihood"]
    bad = "failed" if type(error) is RuntimeError else "diverged"
    found = {(row["seed"], row["status"], row["protocol"].endswith("|label")) for row in rows}
    assert found == {(s, w, c) for s, w in (("0", "ok"), ("1", bad)) for c in (False, True)}
    assert len({row["protocol"] for row in rows}) == 2
