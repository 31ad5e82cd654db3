"""Runs trained jointly end where runs trained alone end."""

import math
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from genbench.core.objective import Batch, Loss
from genbench.core.seeding import Stream
from genbench.training.config import TrainConfig
from genbench.training.joint.loop import fit_together
from genbench.training.loop import DivergedError, Loop, fit
from genbench.training.update import Update
from tests.contracts.builders import ODD, SHAPES, TRAINED
from tests.training.joint.members import (
    CONFIG,
    SEEDS,
    Pictures,
    alone,
    assert_close,
    member,
    members,
    pictures_for,
    weight_tolerance,
    with_options,
)

SQUARE = [case for case in TRAINED if case.shape not in ODD]


@pytest.mark.parametrize("case", SQUARE, ids=lambda case: case.name)
def test_each_member_ends_where_the_run_trained_alone_ends(case, tmp_path):
    data = pictures_for(case)
    expected = alone(members(case, tmp_path / "alone", data))
    together = fit_together(members(case, tmp_path / "together", data))
    assert_close(together, expected, weight_tolerance(case))
    first, second = together[0].last, together[1].last
    assert any(not torch.equal(first[name], second[name]) for name in first)


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
    expected = alone(members(case, tmp_path / "alone", data))
    together = fit_together(members(case, tmp_path / "together", data))
    assert_close(together, expected, weight_tolerance(case))


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
    expected = alone(members(case, tmp_path / "alone", data, [config] * 3))
    together = fit_together(members(case, tmp_path / "together", data, [config] * 3))
    assert_close(together, expected, 1e-10)


def test_members_may_differ_in_learning_rate_and_in_beta(tmp_path):
    data = Pictures(SHAPES["mlp"])
    rates = (1e-3, 1e-2, 4e-3)

    def variants(folder):
        folder.mkdir()
        for seed, rate, beta in zip(SEEDS, rates, (0.5, 4.0, 1.0), strict=True):
            config = CONFIG.model_copy(update={"learning_rate": rate})
            yield member(with_options("beta_vae", beta=beta), seed, folder, data, config)

    expected = alone(variants(tmp_path / "alone"))
    together = fit_together(list(variants(tmp_path / "together")))
    assert_close(together, expected, 1e-10)


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_what_is_recorded_agrees_to_five_digits(build, data, tmp_path, precision):
    config = TrainConfig(epochs=6, batch_size=30, precision=precision)

    def each(folder):
        folder.mkdir()
        for seed in SEEDS:
            built = build("vae", config)
            path = folder / f"{seed}.safetensors"
            yield Loop(built.model, built.updates, data, config, Stream(seed, ("train",)), path)

    expected = alone(each(tmp_path / "alone"))
    together = fit_together(list(each(tmp_path / "together")))
    assert_close(together, expected, weights=1e-4, history=1e-5)


# --- members that diverge ------------------------------------------------------------------------


class Number(nn.Module):
    """One number."""

    def __init__(self, start):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(start, dtype=torch.float64))


@dataclass(frozen=True)
class Root:
    """sqrt(a): descent makes a negative after some steps, and the loss NaN."""

    def __call__(self, model, batch: Batch) -> Loss:
        return Loss(model.a.sqrt() + 0 * batch.x.mean(), {})


def roots(folder, starts, data):
    folder.mkdir(exist_ok=True)
    config = TrainConfig(epochs=3, batch_size=20, learning_rate=0.1, schedule="constant")
    for i, start in enumerate(starts):
        model = Number(start)
        update = Update("root", list(model.parameters()), Root())
        yield Loop(model, (update,), data, config, Stream(i), folder / f"{i}.safetensors")


STARTS = (9.0, 0.35, 16.0, math.nan)


@pytest.fixture
def diverged(tmp_path):
    data = Pictures((1, 2, 2))
    return data, fit_together(list(roots(tmp_path / "together", STARTS, data)))


def test_a_diverged_member_is_reported_as_it_is_alone(diverged, tmp_path):
    data, together = diverged
    for i in (1, 3):
        one = list(roots(tmp_path / "alone", STARTS, data))[i]
        with pytest.raises(DivergedError) as error:
            alone([one])
        assert isinstance(together[i], DivergedError)
        assert str(together[i]) == str(error.value)
    assert str(together[3]).endswith("step 0")
    assert not str(together[1]).endswith("step 0")


def test_the_others_go_on_unchanged(diverged, tmp_path):
    data, together = diverged
    healthy = [m for i, m in enumerate(roots(tmp_path / "alone", STARTS, data)) if i in (0, 2)]
    for result, expected in zip((together[0], together[2]), alone(healthy), strict=True):
        assert torch.equal(result.last["a"], expected.last["a"])
        for row, expected_row in zip(result.history, expected.history, strict=True):
            assert row == pytest.approx(expected_row, rel=1e-14)


def test_a_diverged_member_leaves_no_checkpoint_that_is_not_finite(diverged, tmp_path):
    written = sorted(path.name for path in (tmp_path / "together").iterdir())
    assert written == ["0.safetensors", "2.safetensors"]


def test_when_all_have_diverged_training_stops(tmp_path):
    together = fit_together(list(roots(tmp_path, (math.nan, math.nan), Pictures((1, 2, 2)))))
    assert [str(error) for error in together] == ["the loss of 'root' is not finite at step 0"] * 2


def test_a_diverged_member_does_not_join_those_that_are_an_epoch_ahead(tmp_path):
    data, starts = Pictures((1, 2, 2)), (9.0, 0.25, 16.0, 25.0)
    for loop in list(roots(tmp_path, starts, data))[2:]:
        loop.config = loop.config.model_copy(update={"epochs": 1})
        fit(loop)
    together = fit_together(list(roots(tmp_path, starts, data)))
    with pytest.raises(DivergedError) as error:
        fit(list(roots(tmp_path / "alone", starts, data))[1])
    assert str(together[1]) == str(error.value)
    assert [len(result.history) for i, result in enumerate(together) if i != 1] == [3, 3, 3]
