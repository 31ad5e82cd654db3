"""How far the validation loss still fell at the end of training, and how well that is known."""

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import stdev

import pytest
import torch
from torch import nn

from genbench.core.objective import Batch, Loss
from genbench.core.seeding import Stream
from genbench.training.config import TrainConfig
from genbench.training.convergence import block_size, compared_epochs, fall_between
from genbench.training.joint.loop import fit_together
from genbench.training.loop import Loop, fit
from genbench.training.update import Update

CONFIG = TrainConfig(epochs=4, batch_size=30)
FALLING = TrainConfig(epochs=10, batch_size=90, optimizer="sgd", schedule="constant")


class Number(nn.Module):
    """One parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.zeros((), dtype=torch.float64))


@dataclass(frozen=True)
class Brightness:
    """In training a, whose gradient is 1; in validation a times the brightness, after noise."""

    def __call__(self, model: Number, batch: Batch) -> Loss:
        if not math.isinf(batch.epoch):
            return Loss(model.a.clone(), {})
        noise = torch.randn(len(batch.x), dtype=torch.float64).mean()
        return Loss(model.a * batch.x.double().mean() + noise, {})


def number_loop(data, config=FALLING, **options):
    model = Number()
    update = Update("number", [model.a], Brightness(), **options)
    return Loop(model, [update], data, config, Stream(0, ("train",)))


def test_the_fall_is_that_of_the_last_tenth_under_the_same_noise(data):
    result = fit(number_loop(data))
    x = data.held_out("validation").x.double()
    blocks = [FALLING.learning_rate * block.mean().item() for block in x.split(9)]
    assert result.fall.value == pytest.approx(sum(blocks) / 10, rel=1e-9)
    assert result.fall.stderr == pytest.approx(stdev(blocks) / math.sqrt(10), rel=1e-9)


def test_training_that_stands_still_has_not_fallen(data):
    config = FALLING.model_copy(update={"learning_rate": 1e-300})
    assert fit(number_loop(data, config)).fall == (0.0, 0.0)


def test_the_error_covers_the_fall_that_more_data_would_show():
    generator = torch.Generator().manual_seed(0)
    covered = 0
    for _ in range(1000):
        noise = torch.randn(1000, generator=generator, dtype=torch.float64) * 5  # shared
        falls = 0.1 + torch.randn(1000, generator=generator, dtype=torch.float64)
        losses = [[b.mean().item() for b in each.split(100)] for each in (noise + falls, noise)]
        fall = fall_between(losses)
        covered += abs(fall.value - 0.1) < 2.262 * fall.stderr  # t with 9 degrees of freedom
    assert 930 <= covered <= 970


@pytest.mark.parametrize(
    ("config", "options"),
    [(FALLING, {"validates": False}), (FALLING.model_copy(update={"epochs": 1}), {})],
    ids=["no validation loss", "one epoch"],
)
def test_where_nothing_can_be_compared_nothing_is_said(data, config, options):
    assert fit(number_loop(data, config, **options)).fall is None


def test_losses_that_are_not_finite_tell_nothing():
    assert fall_between([[1.0, math.inf], [0.0, 0.0]]) is None
    assert fall_between([[1.0, 2.0]]) is None


def test_a_validation_loss_is_what_it_is_without_the_comparison(train, monkeypatch):
    with_it = train("vae", CONFIG)[1]
    monkeypatch.setattr("genbench.training.loop.compared_epochs", lambda n: ())
    without = train("vae", CONFIG)[1]
    assert with_it.history == without.history
    assert with_it.fall is not None
    assert without.fall is None
    assert all(torch.equal(with_it.last[k], without.last[k]) for k in without.last)


@pytest.mark.parametrize("stopped_after", [2, 3, 4])
def test_a_resumed_run_has_the_fall_of_an_uninterrupted_one(
    train, kill_after, tmp_path, stopped_after
):
    whole = train("vae", CONFIG)[1]
    path = tmp_path / "killed.safetensors"
    kill_after(stopped_after)
    with pytest.raises(KeyboardInterrupt):
        train("vae", CONFIG, path)
    assert train("vae", CONFIG, path)[1].fall == whole.fall


def test_a_member_of_joint_training_has_the_fall_of_the_run_alone(build, data, tmp_path):
    def loops(folder):
        folder.mkdir()
        for seed in (0, 1):
            built, stream = build("vae", CONFIG), Stream(seed, ("train",))
            path = folder / f"{seed}.safetensors"
            yield Loop(built.model, built.updates, data, CONFIG, stream, path)

    alone = [fit(loop).fall for loop in loops(tmp_path / "alone")]
    together = [result.fall for result in fit_together(list(loops(tmp_path / "together")))]
    assert alone[0] != alone[1]
    for one, other in zip(alone, together, strict=True):
        assert other == pytest.approx(one, rel=2e-3)


def test_the_early_epoch_is_the_last_of_the_first_nine_tenths():
    for n in range(2, 60):
        early, last = compared_epochs(n)
        assert last == n
        assert early <= 0.9 * n < early + 1


def test_there_are_ten_blocks_or_more_and_none_is_too_large():
    for smaller, larger in pairwise(block_size(n, 500) for n in range(20_000)):
        assert smaller <= larger <= 500
    assert all(n // block_size(n, 500) >= 10 for n in range(10, 20_000))
    assert block_size(9, 500) == 0
