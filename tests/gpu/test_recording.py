"""A recorded step against the plain one on the GPU: the same bits, and no waiting in between."""

import warnings
from contextlib import contextmanager
from functools import cache

import pytest
import torch

from genbench.core.objective import Loss
from genbench.training import capture
from genbench.training import loop as training
from genbench.training.loop import DivergedError
from tests.gpu.small import (
    CONFIG,
    PLAIN,
    RECORDED,
    STREAM,
    assert_same_bits,
    built,
    digits,
    recording_from,
    stopped_after,
    trained,
)
from tests.training.interruption import interrupted_at
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
    assert recorded.loop.run_steps.recording, recorded.loop.run_steps.refusal
    assert_same_bits(recorded, training_of(device, case, PLAIN))


BUDGETS = {
    "sgd": {"optimizer": "sgd"},
    "momentum": {"optimizer": "sgd", "momentum": 0.9, "grad_clip": None},
    "adagrad": {"optimizer": "adagrad", "weight_decay": 0.01},
    "weight decay": {"weight_decay": 0.1, "grad_clip": 0.5},
    "constant": {"schedule": "constant"},
    "linear": {"schedule": "linear"},
    "stages": {"schedule": "stages", "epochs": 9},
    "tf32": {"precision": "tf32"},
    "bf16": {"precision": "bf16"},
}


@pytest.mark.parametrize("recipe", ["vae", "gan"])
@pytest.mark.parametrize("budget", BUDGETS)
def test_every_optimiser_and_schedule_is_recorded_bit_for_bit(device, budget, recipe):
    data, config = digits(device), CONFIG.model_copy(update=BUDGETS[budget])
    made = [built(data, recipe, config) for _ in range(2)]
    plain, recorded = (trained(data, m, config, s) for m, s in zip(made, (PLAIN, 0), strict=True))
    assert recorded.loop.run_steps.recording, recorded.loop.run_steps.refusal
    assert_same_bits(recorded, plain)


@pytest.mark.parametrize("n_batches", [7, 10, 11, 30])
def test_every_number_of_batches_and_steps_in_a_graph_gives_the_same_bits(
    device, n_batches, monkeypatch
):
    data, config = digits(device), CONFIG.model_copy(update={"batch_size": 90 // n_batches})
    plain = trained(data, built(data, "vae", config), config, PLAIN)
    assert plain.loop.n_batches == n_batches
    for most in (1, 10):
        monkeypatch.setattr(capture, "STEPS_PER_GRAPH", most)
        recorded = trained(data, built(data, "vae", config), config)
        assert recorded.loop.run_steps.recording
        assert_same_bits(recorded, plain)


def test_recordings_beside_each_other_do_not_share_memory(device):
    data = digits(device)
    recipes = ("vae", "gan", "ae")
    alone = [trained(data, built(data, recipe)) for recipe in recipes]
    loops = []
    for recipe in recipes:
        made = built(data, recipe)
        with recording_from(RECORDED):
            loops.append(training.Loop(made.model, made.updates, data, CONFIG, STREAM))
    for epoch in range(CONFIG.epochs):
        for loop in loops:
            loop.train_epoch(epoch)
            torch.rand(100_000, device=device)
    for loop, expected in zip(loops, alone, strict=True):
        assert_same_bits(loop.result(), expected)


def test_the_memory_of_a_recording_is_given_back(cuda):
    data = digits(cuda)
    trained(data, built(data, "vae"))  # libraries keep working memory from here on
    held = []
    for _ in range(3):
        trained(data, built(data, "vae"))
        torch.cuda.synchronize()
        held.append(torch.cuda.memory_allocated())
    assert held[2] <= held[0]


def test_a_recording_is_a_cuda_graph(cuda, monkeypatch):
    recorded = training_of(cuda, NAMES.index("vae"), RECORDED)
    replay, replays = torch.cuda.CUDAGraph.replay, []
    monkeypatch.setattr(torch.cuda.CUDAGraph, "replay", lambda g: replays.append(g) or replay(g))
    recorded.loop.run_epoch(0)
    assert replays


def test_a_recorded_run_that_is_resumed_ends_in_the_same_bits(device, tmp_path):
    data, path = digits(device), tmp_path / "checkpoint.safetensors"
    whole = trained(data, built(data, "gan", batch_norm=True))
    with stopped_after(2):
        trained(data, built(data, "gan", batch_norm=True), checkpoint=path)
    assert_same_bits(trained(data, built(data, "gan", batch_norm=True), checkpoint=path), whole)


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("steps", [PLAIN, RECORDED], ids=["plain", "recorded"])
def test_a_run_that_is_stopped_within_an_epoch_ends_in_the_same_bits(device, tmp_path, steps, n):
    data, path = digits(device), tmp_path / "checkpoint.safetensors"
    config = CONFIG.model_copy(update={"batch_size": 6})  # three graphs of five steps

    def train(checkpoint=None):
        made = built(data, "gan", config, batch_norm=True, dropout=0.3)
        return trained(data, made, config, steps, checkpoint)

    with interrupted_at(n):
        train(path)
    assert path.exists()
    assert_same_bits(train(path), train())


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
    steps = loop.run_steps

    def take(*arguments):
        with errors_for_waiting():
            return steps(*arguments)

    monkeypatch.setattr(loop, "run_steps", take)


@pytest.mark.parametrize("steps", [PLAIN, RECORDED], ids=["plain", "recorded"])
@pytest.mark.parametrize("recipe", ["vae", "iwae", "cvae", "gan", "wake_sleep"])
def test_no_step_of_an_epoch_waits_for_the_gpu(cuda, recipe, steps, monkeypatch):
    case = next(i for i, (name, _) in enumerate(EVERY) if name == recipe)
    loop = training_of(cuda, case, steps).loop
    forbid_waiting(loop, monkeypatch)
    assert loop.run_epoch(0)


def breaks_late(model, batch):
    """Infinite in the last step of the third epoch."""
    return Loss(model.a.square() / (1.0 - 1.0 * (batch.epoch > 2.5)), {})


def reads_a_value(model, batch):
    return Loss(model.a.square() * (2.0 if model.a.item() > 0 else 1.0), {})


def toy_loop(device, objective, steps):
    data = digits(device)
    model, updates = toy(lambda: objective)()
    model.to(device)
    with recording_from(steps):
        loop = training.Loop(model, updates, data, CONFIG, STREAM)
    loop.run_epoch(0)  # plain
    loop.run_epoch(1)  # recorded, if it is to be
    return loop


@pytest.mark.parametrize("steps", [PLAIN, RECORDED], ids=["plain", "recorded"])
def test_the_first_step_whose_loss_is_not_finite_is_named(device, steps):
    loop = toy_loop(device, breaks_late, steps)
    before = loop.model.a.item()
    with pytest.raises(DivergedError, match=r"'toy' is not finite at step 8$"):
        loop.run_epoch(2)
    assert 0 < loop.model.a.item() < before  # two good steps of that epoch, and no bad one


@pytest.mark.parametrize("steps", [PLAIN, RECORDED], ids=["plain", "recorded"])
def test_a_loss_that_is_not_finite_is_caught_without_waiting(cuda, steps, monkeypatch):
    loop = toy_loop(cuda, breaks_late, steps)
    forbid_waiting(loop, monkeypatch)
    with pytest.raises(DivergedError, match=r"'toy' is not finite at step 8$"):
        loop.run_epoch(2)


def test_a_step_that_waits_would_be_noticed(cuda, monkeypatch):
    loop = toy_loop(cuda, reads_a_value, PLAIN)
    forbid_waiting(loop, monkeypatch)
    with pytest.raises(RuntimeError, match="synchronizing"):
        loop.run_epoch(2)


def makes_a_tensor_on_the_processor(model, batch):
    return Loss(model.a.square() * torch.tensor(2.0).to(model.a.device), {})


def waits(model, batch):
    torch.cuda.synchronize()  # not seen before the capture, which it breaks
    return Loss(model.a.square(), {})


def carries_on(loop):
    """Say whether the processes' numbers, memory and other recordings are as before."""
    device = loop.step.device
    before = loop.model.a.item()
    loop.run_epoch(2)
    assert 0 < loop.model.a.item() < before
    assert torch.rand(3, device=device).isfinite().all()
    other = trained(digits(device), built(digits(device), "gan"))
    assert other.loop.run_steps.recording, other.loop.run_steps.refusal
    return True


def test_a_step_that_reads_a_value_stays_plain_and_trains_on(device):
    loop = toy_loop(device, reads_a_value, RECORDED)
    assert not loop.run_steps.recording
    assert loop.run_steps.refusal
    assert carries_on(loop)


@pytest.mark.parametrize("objective", [makes_a_tensor_on_the_processor, waits])
def test_a_step_that_breaks_a_capture_stays_plain_and_trains_on(cuda, objective):
    loop = toy_loop(cuda, objective, RECORDED)
    assert not loop.run_steps.recording
    assert loop.run_steps.refusal
    torch.cuda.empty_cache()
    assert carries_on(loop)
