"""Runs trained together end where runs trained alone end."""

import math
from dataclasses import dataclass

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from genbench.core.objective import Batch, Loss
from genbench.core.seeding import Stream
from genbench.data.loaders import Split
from genbench.training import capture
from genbench.training.config import TrainConfig
from genbench.training.joint import loop as ensemble
from genbench.training.joint.compatible import Member
from genbench.training.joint.fit import fit_together
from genbench.training.loop import DivergedError, Loop, fit
from genbench.training.update import Update
from tests.contracts.builders import SHAPES, SMALL, Case, trained_cases

CONFIG = TrainConfig(epochs=2, batch_size=16, learning_rate=3e-3)
SEEDS = (0, 1, 5)


class Pictures:
    """Float64 pictures that are redrawn for each batch, in the form of a data set."""

    def __init__(self, shape, *, binary=True):
        generator = torch.Generator().manual_seed(2)
        self.grey = torch.rand(60, *shape, dtype=torch.float64, generator=generator)
        self.y, self.binary = torch.randint(10, (60,), generator=generator), binary

    def size(self, split):
        return 40 if split == "train" else 20

    def held_out(self, split):
        part = slice(40) if split == "train" else slice(40, 60)
        x = self.grey[part]
        return Split(x.round() if self.binary else x, self.y[part])

    def train_batch(self, indices):
        grey, y = self.grey.index_select(0, indices), self.y.index_select(0, indices)
        noise = torch.rand(grey.shape, dtype=grey.dtype)
        return Split((noise < grey).to(grey.dtype) if self.binary else (grey + noise) / 2, y)


def pictures_for(case):
    head = case.build().observation
    return Pictures(SHAPES[case.network], binary=bool(head) and head.domain == "binary")


def member(case, seed, folder, config=CONFIG):
    built = case.build(seed)
    stream = Stream(seed, ("train",))
    return Member(built.model, built.updates, config, stream, folder / f"{seed}.safetensors")


def members(case, folder, configs=(CONFIG, CONFIG, CONFIG)):
    folder.mkdir()
    pairs = zip(SEEDS, configs, strict=True)
    return [member(case, seed, folder, config) for seed, config in pairs]


def alone(each, data):
    return [fit(m.model, m.updates, data, m.config, m.stream, m.checkpoint) for m in each]


def assert_close(found, expected, weights, history=1e-11):
    for one, other in zip(found, expected, strict=True):
        assert one.best_epoch == other.best_epoch
        assert one.last.keys() == other.last.keys()
        for kept, wanted in ((one.last, other.last), (one.best, other.best)):
            for name, tensor in wanted.items():
                assert torch.allclose(kept[name], tensor, rtol=weights, atol=weights), name
        assert [list(row) for row in one.history] == [list(row) for row in other.history]
        for row, wanted_row in zip(one.history, other.history, strict=True):
            assert row == pytest.approx(wanted_row, rel=history, abs=history)


def weight_tolerance(case):
    """A bias before batch norm has no gradient but rounding, which Adam makes steps of."""
    return 1e-6 if case.recipe in ("gan", "gan_minimax") else 1e-10


@trained_cases
def test_each_member_ends_where_the_run_trained_alone_ends(case, tmp_path):
    data = pictures_for(case)
    expected = alone(members(case, tmp_path / "alone"), data)
    found = fit_together(members(case, tmp_path / "together"), data)
    assert_close(found, expected, weight_tolerance(case))
    first, second = found[0].last, found[1].last
    assert any(not torch.equal(first[name], second[name]) for name in first)


def with_options(recipe, network="mlp", **options):
    keys = {"network": network, "hidden": (11, 7), "latent_dim": 3}
    if network == "conv":
        keys["channels"] = SMALL["channels"]
    return Case(recipe, network, keys | options)


DRAWING = {
    "dropout": with_options("gan", dropout=0.3),
    "dropout of images": with_options("gan", "conv", dropout=0.3),
    "many draws": with_options("vae", n_samples=3),
    "score function": with_options("vae", n_samples=3, gradient="score_function_baseline"),
    "doubly reparameterised": with_options("iwae", n_samples=4, gradient="doubly_reparameterised"),
}


@pytest.mark.parametrize("case", DRAWING.values(), ids=DRAWING)
def test_every_draw_of_a_member_is_that_of_the_run_alone(case, tmp_path):
    data = pictures_for(case)
    expected = alone(members(case, tmp_path / "alone"), data)
    found = fit_together(members(case, tmp_path / "together"), data)
    assert_close(found, expected, weight_tolerance(case))


BUDGETS = {
    "momentum": CONFIG.model_copy(update={"optimizer": "sgd", "momentum": 0.9}),
    "adagrad": CONFIG.model_copy(update={"optimizer": "adagrad", "weight_decay": 0.01}),
    "clipped": CONFIG.model_copy(update={"grad_clip": 0.5}),
    "last": CONFIG.model_copy(update={"select": "last", "schedule": "linear"}),
}


@pytest.mark.parametrize("budget", BUDGETS)
def test_every_training_option_is_each_members_own(budget, tmp_path):
    case, config = with_options("vae"), BUDGETS[budget]
    data = pictures_for(case)
    expected = alone(members(case, tmp_path / "alone", [config] * 3), data)
    found = fit_together(members(case, tmp_path / "together", [config] * 3), data)
    assert_close(found, expected, 1e-10)


def test_members_may_differ_in_learning_rate_and_in_beta(tmp_path):
    data = Pictures(SHAPES["mlp"])
    rates = (1e-3, 1e-2, 4e-3)

    def variants(folder):
        folder.mkdir()
        for seed, rate, beta in zip(SEEDS, rates, (0.5, 4.0, 1.0), strict=True):
            config = CONFIG.model_copy(update={"learning_rate": rate})
            yield member(with_options("beta_vae", beta=beta), seed, folder, config)

    expected = alone(list(variants(tmp_path / "alone")), data)
    found = fit_together(list(variants(tmp_path / "together")), data)
    assert_close(found, expected, 1e-10)


def test_in_float32_what_is_recorded_agrees_to_five_digits(build, data, tmp_path):
    config = TrainConfig(epochs=6, batch_size=30)

    def each(folder):
        folder.mkdir()
        for seed in SEEDS:
            built = build("vae", config)
            path = folder / f"{seed}.safetensors"
            yield Member(built.model, built.updates, config, Stream(seed, ("train",)), path)

    expected = alone(each(tmp_path / "alone"), data)
    found = fit_together(list(each(tmp_path / "together")), data)
    assert_close(found, expected, weights=1e-4, history=1e-5)


def test_a_recorded_joint_step_gives_the_bits_of_the_plain_one(tmp_path, monkeypatch):
    case = with_options("gan", dropout=0.3)
    data, runners, real = pictures_for(case), [], ensemble.Runner

    def runner(*arguments):
        runners.append(real(*arguments))
        return runners[-1]

    monkeypatch.setattr(ensemble, "Runner", runner)
    plain = fit_together(members(case, tmp_path / "plain"), data)
    monkeypatch.setattr(capture, "CAPTURE_STEPS", 1)
    recorded = fit_together(members(case, tmp_path / "recorded"), data)
    assert [r.recording is not None and r._proven for r in runners] == [False, True]
    for one, other in zip(plain, recorded, strict=True):
        assert all(torch.equal(one.last[name], other.last[name]) for name in one.last)


class NoReading(TorchDispatchMode):
    """Fails where a value is read, which on a GPU waits for the device."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = str(func)
        for reads in ("_local_scalar_dense", "nonzero", "equal.default", "masked_select"):
            assert reads not in name, name
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("recipe", ["vae", "cvae", "gan"])
def test_a_joint_step_reads_no_value(recipe, tmp_path):
    case = with_options(recipe)
    data = pictures_for(case)
    each = members(case, tmp_path / "c")
    loops = [Loop(m.model, m.updates, data, m.config, m.stream) for m in each]
    step = ensemble.Ensemble(loops, data).step
    indices = torch.arange(16).repeat(3, 1)
    step.begin([torch.Generator().manual_seed(s) for s in SEEDS], 0)
    step(indices, 0.0)
    with NoReading():
        step.prepare(1)
        step(indices, 0.1)
    with pytest.raises(AssertionError, match="_local_scalar_dense"), NoReading():
        indices[0, 0].item()


# --- members that diverge ------------------------------------------------------------------------


class Number(nn.Module):
    """One number."""

    def __init__(self, start):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(start, dtype=torch.float64))


@dataclass(frozen=True)
class Root:
    """sqrt(a): descent makes a negative one day, and the loss NaN."""

    def __call__(self, model, batch: Batch) -> Loss:
        return Loss(model.a.sqrt() + 0 * batch.x.mean(), {})


def roots(folder, starts):
    folder.mkdir(exist_ok=True)
    config = TrainConfig(epochs=3, batch_size=20, learning_rate=0.1, schedule="constant")
    for i, start in enumerate(starts):
        model = Number(start)
        update = Update("root", list(model.parameters()), Root())
        yield Member(model, (update,), config, Stream(i), folder / f"{i}.safetensors")


STARTS = (9.0, 0.35, 16.0, math.nan)


@pytest.fixture
def diverged(tmp_path):
    data = Pictures((1, 2, 2))
    return data, fit_together(list(roots(tmp_path / "together", STARTS)), data)


def test_a_diverged_member_is_reported_as_it_is_alone(diverged, tmp_path):
    data, found = diverged
    for i in (1, 3):
        one = list(roots(tmp_path / "alone", STARTS))[i]
        with pytest.raises(DivergedError) as error:
            alone([one], data)
        assert isinstance(found[i], DivergedError)
        assert str(found[i]) == str(error.value)
    assert str(found[3]).endswith("step 0")
    assert not str(found[1]).endswith("step 0")


def test_the_others_go_on_unchanged(diverged, tmp_path):
    data, found = diverged
    healthy = [m for i, m in enumerate(roots(tmp_path / "alone", STARTS)) if i in (0, 2)]
    for result, expected in zip((found[0], found[2]), alone(healthy, data), strict=True):
        assert torch.equal(result.last["a"], expected.last["a"])
        for row, wanted in zip(result.history, expected.history, strict=True):
            assert row == pytest.approx(wanted, rel=1e-14)


def test_a_diverged_member_leaves_no_checkpoint_that_is_not_finite(diverged, tmp_path):
    written = sorted(path.name for path in (tmp_path / "together").iterdir())
    assert written == ["0.safetensors", "2.safetensors"]


def test_when_all_have_diverged_training_stops(tmp_path):
    found = fit_together(list(roots(tmp_path, (math.nan, math.nan))), Pictures((1, 2, 2)))
    assert [str(error) for error in found] == ["the loss of 'root' is not finite at step 0"] * 2
