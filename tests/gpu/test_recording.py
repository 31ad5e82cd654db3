"""A recorded step against the plain one on the GPU: the same bits, and no waiting in between."""

import warnings
from contextlib import contextmanager
from functools import cache

import pytest
import torch

from genbench.core.objective import Loss
from genbench.training import loop as training
from genbench.training.loop import DivergedError
from tests.gpu.small import CONFIG, PLAIN, RECORDED, assert_same_bits, built, digits, trained
from tests.training.test_capture import CASES, toy

GAUSSIAN = [
    ("vae", {"observation": {"kind": "learned_gaussian"}}),
    ("vae", {"network": "conv", "observation": {"kind": "pixel_gaussian"}}),
]
EVERY = [*CASES, *GAUSSIAN]
NAMES = ["-".join([name, *map(str, options.values())]) for name, options in EVERY]


@cache
def training_of(device, case, steps, again=0):
    """Train a case, once for all tests."""
    name, options = EVERY[case]
    data = digits(device)
    return trained(data, built(data, name, **options), steps=steps)


every_case = pytest.mark.parametrize("case", range(len(EVERY)), ids=NAMES)


@every_case
def test_training_again_ends_in_the_same_bits(device, case):
    assert_same_bits(*(training_of(device, case, PLAIN, again=i) for i in range(2)))


@every_case
def test_recorded_training_ends_in_the_bits_of_plain_training(device, case):
    recorded = training_of(device, case, RECORDED)
    assert recorded.loop.run_step.verified
    assert_same_bits(recorded, training_of(device, case, PLAIN))


BUDGETS = {
    "sgd": {"optimizer": "sgd"},
    "momentum": {"optimizer": "sgd", "momentum": 0.9, "grad_clip": None},
    "adagrad": {"optimizer": "adagrad", "weight_decay": 0.01},
    "weight decay": {"weight_decay": 0.1, "grad_clip": 0.5},
    "constant": {"schedule": "constant"},
    "linear": {"schedule": "linear"},
    "stages": {"schedule": "stages", "epochs": 9},
}


@pytest.mark.parametrize("recipe", ["vae", "gan"])
@pytest.mark.parametrize("budget", BUDGETS)
def test_every_optimiser_and_schedule_is_recorded_bit_for_bit(device, budget, recipe):
    data, config = digits(device), CONFIG.model_copy(update=BUDGETS[budget])
    made = [built(data, recipe, config) for _ in range(2)]
    plain, recorded = (trained(data, m, config, s) for m, s in zip(made, (PLAIN, 0), strict=True))
    assert recorded.loop.run_step.verified
    assert_same_bits(recorded, plain)


def test_a_recording_is_a_cuda_graph(cuda, monkeypatch):
    recorded = training_of(cuda, NAMES.index("vae"), RECORDED)
    replay, replays = torch.cuda.CUDAGraph.replay, []
    monkeypatch.setattr(torch.cuda.CUDAGraph, "replay", lambda g: replays.append(g) or replay(g))
    recorded.loop.run_epoch(0)
    assert replays


def test_a_recorded_run_that_is_resumed_ends_in_the_same_bits(device, tmp_path, monkeypatch):
    data = digits(device)
    whole = trained(data, built(data, "gan", batch_norm=True))
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1.0)
    save, path = training.save_checkpoint, tmp_path / "checkpoint.safetensors"

    def save_then_stop(path, model, optimizers, progress):
        save(path, model, optimizers, progress)
        if progress.epoch == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "save_checkpoint", save_then_stop)
    with pytest.raises(KeyboardInterrupt):
        trained(data, built(data, "gan", batch_norm=True), checkpoint=path)
    monkeypatch.setattr(training, "save_checkpoint", save)
    assert_same_bits(trained(data, built(data, "gan", batch_norm=True), checkpoint=path), whole)


# --- no step waits for the GPU --------------------------------------------------------------------


@contextmanager
def errors_for_waiting():
    """Make torch raise where the processor waits for the GPU."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch calls the mode a prototype
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def forbid_waiting(loop, monkeypatch):
    """Forbid it from the first step of an epoch to the end of its last one."""
    stack, step, failures = errors_for_waiting(), loop.run_step, training.failures
    begun = []

    def take(*arguments):
        if not begun:
            begun.append(stack.__enter__())
        return step(*arguments)

    def read(guards):
        stack.__exit__(None, None, None)
        return failures(guards)

    monkeypatch.setattr(loop, "run_step", take)
    monkeypatch.setattr(training, "failures", read)
    return begun


@pytest.fixture
def _waiting_is_allowed_again():
    yield
    torch.cuda.set_sync_debug_mode("default")


@pytest.mark.usefixtures("_waiting_is_allowed_again")
@pytest.mark.parametrize("steps", [PLAIN, RECORDED], ids=["plain", "recorded"])
@pytest.mark.parametrize("recipe", ["vae", "iwae", "cvae", "gan", "wake_sleep"])
def test_no_step_of_an_epoch_waits_for_the_gpu(cuda, recipe, steps, monkeypatch):
    loop = training_of(cuda, NAMES.index("iwae-3" if recipe == "iwae" else recipe), steps).loop
    begun = forbid_waiting(loop, monkeypatch)
    loop.run_epoch(0)
    assert begun


def breaks_late(model, batch):
    """Infinite from the middle of the second epoch on."""
    return Loss(model.a.square() / (1.0 - 1.0 * (batch.epoch > 1.5)), {})


def reads_a_value(model, batch):
    return Loss(model.a.square() * (2.0 if model.a.item() > 0 else 1.0), {})


def toy_loop(device, objective, steps):
    data = digits(device)
    model, updates = toy(lambda: objective)()
    model.to(device)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("genbench.training.capture.CAPTURE_STEPS", steps)
        loop = training.Loop(model, updates, data, CONFIG, training.Stream(0, ("train",)))
    loop.run_epoch(0)
    return loop


@pytest.mark.parametrize("steps", [PLAIN, RECORDED], ids=["plain", "recorded"])
def test_the_first_step_whose_loss_is_not_finite_is_named(device, steps):
    loop = toy_loop(device, breaks_late, steps)
    before = loop.model.a.item()
    with pytest.raises(DivergedError, match=r"'toy' is not finite at step 5$"):
        loop.run_epoch(1)
    assert 0 < loop.model.a.item() < before  # two good steps of that epoch, and no bad one


@pytest.mark.usefixtures("_waiting_is_allowed_again")
@pytest.mark.parametrize("steps", [PLAIN, RECORDED], ids=["plain", "recorded"])
def test_a_loss_that_is_not_finite_is_caught_without_waiting(cuda, steps, monkeypatch):
    loop = toy_loop(cuda, breaks_late, steps)
    begun = forbid_waiting(loop, monkeypatch)
    with pytest.raises(DivergedError, match=r"'toy' is not finite at step 5$"):
        loop.run_epoch(1)
    assert begun


@pytest.mark.usefixtures("_waiting_is_allowed_again")
def test_a_step_that_waits_would_be_noticed(cuda, monkeypatch):
    loop = toy_loop(cuda, reads_a_value, PLAIN)
    forbid_waiting(loop, monkeypatch)
    with pytest.raises(RuntimeError, match="synchronizing"):
        loop.run_epoch(1)


def test_a_step_that_reads_a_value_stays_plain_and_trains_on(device):
    loop = toy_loop(device, reads_a_value, RECORDED)
    assert not loop.run_step.verified
    before = loop.model.a.item()
    loop.run_epoch(1)
    assert loop.model.a.item() < before
