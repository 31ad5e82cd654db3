"""Seeds of a suite trained as one computation: the same runs, told from others by provenance."""

import csv
import json
from dataclasses import dataclass

import pytest
import torch

from genbench import cli
from genbench.core.errors import StorageError
from genbench.core.objective import Batch, Loss
from genbench.core.seeding import seeded
from genbench.recipes import Built, DataFacts, Options
from genbench.runs import execute, joint_runs
from genbench.suites.spec import expand, load_suite
from genbench.training import loop as training
from genbench.training.config import TrainConfig
from genbench.training.update import Update

SEEDS = "seeds=[0, 1, 4]"


def provenance(workplace, outcome, model):
    runs = workplace.results / "tiny" / "runs"
    ids = [r.train_id for r in outcome.records if r.spec.name == model]
    return [json.loads((runs / i / "provenance.json").read_text()) for i in ids]


def table(results):
    with (results / "tiny" / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def assert_same_table(one, other):
    assert len(one) == len(other) > 0
    for row, wanted in zip(one, other, strict=True):
        fixed = ("model", "seed", "metric", "status", "train_id", "protocol", "n")
        assert [row[k] for k in fixed] == [wanted[k] for k in fixed]
        if wanted["value"]:
            assert float(row["value"]) == pytest.approx(float(wanted["value"]), rel=1e-5, abs=1e-5)


@pytest.fixture
def both(workplace):
    """The tiny suite with three seeds, trained alone and together."""
    alone = workplace.folder / "alone"
    workplace.run(SEEDS, results=alone)
    workplace.outcome = workplace.run(SEEDS, together=True)
    return workplace, alone


def test_the_table_is_that_of_runs_trained_alone(both):
    workplace, alone = both
    assert_same_table(table(workplace.results), table(alone))


def test_the_provenance_says_how_many_were_trained_together(both):
    workplace, _ = both
    told = provenance(workplace, workplace.outcome, "vae")
    assert [p.get("trained_together") for p in told] == [3, 3, 3]
    exact = provenance(workplace, workplace.outcome, "linear_gaussian")
    assert not any("trained_together" in p or "not_together" in p for p in exact)


def test_a_run_trained_alone_says_nothing_of_it(done):
    assert "trained_together" not in provenance(done, done.outcome, "vae")[0]


def test_stored_runs_are_not_trained_again_together_or_alone(both, monkeypatch):
    workplace, _ = both
    monkeypatch.setattr(joint_runs, "fit_together", None)
    monkeypatch.setattr(execute, "fit", None)
    before = workplace.state()
    assert workplace.run(SEEDS, together=True).cached
    assert workplace.state() == before
    assert workplace.run(SEEDS).cached
    changed = {name for name, file in workplace.state().items() if file != before[name]}
    assert changed == {"tiny/suite.json", "tiny/manifest.json"}  # it states the command


def test_a_new_metric_keeps_what_the_provenance_says_of_the_training(both, monkeypatch):
    workplace, _ = both
    monkeypatch.setattr(joint_runs, "fit_together", None)
    outcome = workplace.run(SEEDS, 'evaluate.metrics=["elbo", "reconstruction_mse"]', together=True)
    told = provenance(workplace, outcome, "vae")
    assert [p["trained_together"] for p in told] == [3, 3, 3]


def test_one_missing_seed_is_trained_alone(workplace):
    workplace.run("seeds=[0, 1]")
    outcome = workplace.run(SEEDS, together=True)
    assert ["trained_together" in p for p in provenance(workplace, outcome, "vae")] == [False] * 3


def test_processes_take_whole_groups(workplace):
    here, there = workplace.folder / "here", workplace.folder / "there"
    workplace.run(SEEDS, results=here, together=True)
    workplace.results = there
    outcome = workplace.run(SEEDS, together=True, jobs=2)
    assert_same_table(table(there), table(here))
    told = provenance(workplace, outcome, "vae")
    assert [p["trained_together"] for p in told] == [3, 3, 3]


def test_fresh_trains_together_again(both, monkeypatch):
    workplace, _ = both
    calls, real = [], joint_runs.fit_together
    monkeypatch.setattr(joint_runs, "fit_together", lambda *a: calls.append(len(a[0])) or real(*a))
    before = workplace.numbers()
    outcome = workplace.run(SEEDS, together=True, fresh=True)
    assert calls == [3]
    assert not outcome.cached
    assert workplace.numbers() == before


# --- what is left to be trained alone -------------------------------------------------------------


class NoOptions(Options):
    """There is nothing to choose."""


class Offset(torch.nn.Module):
    """One number; NaN from the start for a seed that draws a negative one, where asked."""

    def __init__(self, *, breaks=False):
        super().__init__()
        first = torch.randn(())
        self.a = torch.nn.Parameter(first.sqrt() if breaks else first)

    def encode(self, x):
        return x.flatten(1)[:, :1]

    def decode(self, z):
        return z[:, :, None, None].expand(-1, 1, 8, 8) * 0 + self.a


@dataclass(frozen=True)
class Square:
    """(a + noise)^2, the noise drawn as ``draw`` says."""

    draw: object

    def __call__(self, model, batch: Batch) -> Loss:
        return Loss((model.a + self.draw(batch.x)).square().mean(), {})


def integers(x):
    return torch.randint(3, (4,))


def normals(x):
    return torch.randn(4)


def offset(draw, *, breaks=False):
    def build(data: DataFacts, options: NoOptions, train: TrainConfig) -> Built:
        """One number."""
        model = Offset(breaks=breaks)
        return Built(model, (Update("offset", [model.a], Square(draw)),))

    return build


def use(workplace, recipe):
    text = workplace.suite.read_text().split("[[model]]")
    tail = "[evaluate]" + text[-1].split("[evaluate]")[1]
    model = f'\nrecipe = "{recipe}"\n\n'
    workplace.suite.write_text("[[model]]".join((text[0], model)) + tail)


def draws_a_negative(seed):
    with seeded(seed, "init"):
        return torch.randn(()).item() < 0


LUCKY = [seed for seed in range(30) if not draws_a_negative(seed)]
UNLUCKY = [seed for seed in range(30) if draws_a_negative(seed)]
MIXED = f"seeds={[LUCKY[0], UNLUCKY[0], LUCKY[1]]}"


def test_what_cannot_be_batched_is_trained_alone_and_says_why(workplace, own_recipe):
    own_recipe("offset", offset(integers))
    use(workplace, "offset")
    alone = workplace.folder / "alone"
    workplace.run(SEEDS, results=alone)
    outcome = workplace.run(SEEDS, together=True)
    assert [r.status for r in outcome.records] == ["ok"] * 3
    told = provenance(workplace, outcome, "offset")
    assert all("cannot" in p["not_together"] for p in told)
    assert not any("trained_together" in p for p in told)
    for path in (workplace.results / "tiny" / "runs").rglob("model.safetensors"):
        twin = alone / path.relative_to(workplace.results)
        assert path.read_bytes() == twin.read_bytes()


def test_a_recipe_that_cannot_be_built_fails_as_it_does_alone(workplace, own_recipe):
    def broken(data: DataFacts, options: NoOptions, train: TrainConfig) -> Built:
        """Breaks for some seeds."""
        if torch.randn(()) < 0:
            raise RuntimeError("no luck")
        return offset(normals)(data, options, train)

    own_recipe("broken", broken)
    use(workplace, "broken")
    outcome = workplace.run(MIXED, together=True)
    assert [r.status for r in outcome.records] == ["ok", "failed", "ok"]
    assert "no luck" in outcome.records[1].reason


def test_one_diverged_seed_is_a_result_and_the_others_are_fine(workplace, own_recipe, monkeypatch):
    own_recipe("offset", offset(normals, breaks=True))
    use(workplace, "offset")
    outcome = workplace.run(MIXED, together=True)
    assert [r.status for r in outcome.records] == ["ok", "diverged", "ok"]
    assert outcome.records[1].reason == "the loss of 'offset' is not finite at step 0"
    told = provenance(workplace, outcome, "offset")
    assert [p["trained_together"] for p in told] == [3, 3, 3]
    monkeypatch.setattr(joint_runs, "fit_together", None)
    assert workplace.run(MIXED, together=True).cached


GAN = """
[[model]]
recipe = "gan"
hidden = [16]
latent_dim = 3
binarisation = "none"
dequantisation = "uniform"
{}
[evaluate]
metrics = ["reconstruction_mse"]
"""


def test_runs_with_an_assumption_take_the_training_of_their_base(workplace, monkeypatch):
    head = workplace.suite.read_text().split("[[model]]")[0]
    both = GAN.format("").split("[evaluate]")[0] + GAN.format("assume = { scale = 0.2 }\n")
    workplace.suite.write_text(head + both)
    calls, real = [], joint_runs.fit_together
    monkeypatch.setattr(joint_runs, "fit_together", lambda *a: calls.append(len(a[0])) or real(*a))
    monkeypatch.setattr(execute, "fit", None)
    outcome = workplace.run(SEEDS, together=True)
    assert [r.status for r in outcome.records] == ["ok"] * 6
    assert calls == [3]
    told = provenance(workplace, outcome, "gan+normal")
    assert [p["trained_together"] for p in told] == [3, 3, 3]


def test_runs_with_an_assumption_are_trained_together_without_their_base(workplace, monkeypatch):
    head = workplace.suite.read_text().split("[[model]]")[0]
    workplace.suite.write_text(head + GAN.format("assume = { scale = 0.2 }\n"))
    monkeypatch.setattr(execute, "fit", None)
    outcome = workplace.run(SEEDS, together=True)
    assert [r.status for r in outcome.records] == ["ok"] * 3
    told = provenance(workplace, outcome, "gan+normal")
    assert [p["trained_together"] for p in told] == [3, 3, 3]


def test_groups_hold_what_differs_in_seed_and_numbers(workplace):
    text = workplace.suite.read_text()
    beta = '[[model]]\nname = "b{0}"\nrecipe = "beta_vae"\nbeta = {0}.5\nlatent_dim = {1}\n\n'
    models = "".join(beta.format(b, d) for b, d in ((1, 3), (2, 3), (3, 4)))
    workplace.suite.write_text(text.replace("[evaluate]", models + "[evaluate]"))
    suite = load_suite(str(workplace.suite), [SEEDS])
    found = [[(s.name, s.seed) for s in group] for group in joint_runs.joint_groups(expand(suite))]
    wanted = [["vae"], ["linear_gaussian"], ["b1", "b2"], ["b3"]]
    assert found == [[(name, seed) for name in names for seed in (0, 1, 4)] for names in wanted]


def test_an_interrupted_joint_training_goes_on_together(workplace, monkeypatch):
    whole = workplace.folder / "whole"
    workplace.run(SEEDS, results=whole, together=True)
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1.0)
    save, saved = training.save_checkpoint, []

    def save_and_stop(*arguments):
        save(*arguments)
        saved.append(1)
        if len(saved) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "save_checkpoint", save_and_stop)
    with pytest.raises(KeyboardInterrupt):
        workplace.run(SEEDS, together=True)
    monkeypatch.setattr(training, "save_checkpoint", save)
    outcome = workplace.run(SEEDS, together=True)
    assert [p["trained_together"] for p in provenance(workplace, outcome, "vae")] == [3] * 3
    names = ("model.safetensors", "last_model.safetensors", "history.csv", "metrics.json")
    for path in workplace.results.rglob("*"):
        if path.name in names:
            assert path.read_bytes() == (whole / path.relative_to(workplace.results)).read_bytes()


def test_an_error_of_storage_is_not_hidden(workplace, monkeypatch):
    def full(*_):
        raise StorageError("cannot write x: No space left on device")

    monkeypatch.setattr(joint_runs, "fit_together", full)
    with pytest.raises(StorageError, match="No space left"):
        workplace.run(SEEDS, together=True)


def test_the_command_line_trains_together_and_says_so(workplace):
    command = ["run", "--suite", str(workplace.suite), "--results", str(workplace.results)]
    command += ["--set", SEEDS, "--no-report", "--device", "cpu", "--together"]
    assert cli.main(command) == 0
    summary = json.loads((workplace.results / "tiny" / "suite.json").read_text())
    assert summary["command"].endswith("--together")
    told = [json.loads(p.read_text()) for p in workplace.results.rglob("provenance.json")]
    assert sorted(p.get("trained_together", 0) for p in told) == [0, 0, 0, 3, 3, 3]
