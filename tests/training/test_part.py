"""Training that is stopped in the middle of an epoch ends in the bits of training that is not."""

import errno
import json
import math
import os
import signal
from itertools import pairwise

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from genbench.core import files
from genbench.core.errors import StorageError
from genbench.core.interrupts import Interrupts
from genbench.core.objective import Loss
from genbench.core.seeding import Stream
from genbench.training import capture, checkpoint, loop
from genbench.training.config import TrainConfig
from genbench.training.convergence import N_BLOCKS
from genbench.training.loop import DivergedError, Loop, fit
from genbench.training.update import Update
from tests.training.interruption import interrupted_at

CONFIG = TrainConfig(epochs=2, batch_size=15, kl_warmup_epochs=2.0, grad_clip=5.0)
N_STEPS = 6
"""Of an epoch."""
N_POLLS = N_STEPS + 3 + N_BLOCKS
"""Of an epoch of a model with a validation loss, which has three blocks, and ten to compare."""
RECIPES = {
    "vae": {},
    "iwae": {"n_samples": 3, "posterior": "full"},
    "cvae": {"network": "conv"},
    "gan": {"dropout": 0.3, "batch_norm": True},
    "wake_sleep": {},
    "diffusion": {},
}
every_recipe = pytest.mark.parametrize("recipe", RECIPES)


@pytest.fixture(scope="module", autouse=True)
def _small_blocks(data):
    """Divide the validation data."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "VALIDATION_BLOCK", -(-data.size("validation") // 3))
        yield


@pytest.fixture
def recordings(monkeypatch):
    """Record steps, as a long training does; the recordings."""
    made, record = [], capture.record_steps

    def noted(*arguments):
        made.append(record(*arguments))
        return made[-1]

    monkeypatch.setattr(capture, "CAPTURE_STEPS", 0)
    monkeypatch.setattr(capture, "record_steps", noted)
    return made


@pytest.fixture(scope="module")
def whole(build, data):
    """Uninterrupted trainings, by recipe; ``**options`` change the budget."""
    made = {}

    def of(recipe, **options):
        key = recipe, *options.items()
        if key not in made:
            config = CONFIG.model_copy(update=options)
            built = build(recipe, config, **RECIPES[recipe])
            made[key] = fit(Loop(built.model, built.updates, data, config, Stream(0, ("train",))))
        return made[key]

    return of


def assert_same_bits(one, other):
    assert [list(row.items()) for row in one.history] == [list(r.items()) for r in other.history]
    assert (one.best_epoch, one.fall) == (other.best_epoch, other.fall)
    for ours, theirs in ((one.last, other.last), (one.best, other.best)):
        assert ours.keys() == theirs.keys()
        assert [k for k in ours if not torch.equal(ours[k], theirs[k])] == []


def position(path):
    """Return the epochs and the steps of a checkpoint."""
    with safe_open(path, "pt") as file:
        progress = json.loads(file.metadata()["progress"])
    return progress["epoch"], progress.get("part", {}).get("steps", 0)


def stopped_and_resumed(train, recipe, path, *polls, config=CONFIG):
    """Stop a training at each of several polls, then let it end; return the result."""
    for n in polls:
        with interrupted_at(n):
            train(recipe, config, path, **RECIPES[recipe])
    return train(recipe, config, path, **RECIPES[recipe])[1]


@pytest.mark.parametrize("n", [*range(1, 12), N_POLLS, N_POLLS + 1, 2 * N_POLLS - 1, 2 * N_POLLS])
def test_a_training_stopped_anywhere_ends_in_the_same_bits(train, whole, tmp_path, n):
    path = tmp_path / "c.safetensors"
    assert_same_bits(stopped_and_resumed(train, "vae", path, n), whole("vae"))


@every_recipe
def test_a_training_stopped_again_and_again_ends_in_the_same_bits(train, whole, tmp_path, recipe):
    path = tmp_path / "c.safetensors"
    each_step = [2] * N_STEPS  # one step is taken each time
    resumed = stopped_and_resumed(train, recipe, path, *each_step, 4, 3)
    assert_same_bits(resumed, whole(recipe))


@pytest.mark.parametrize("recipe", ["vae", "gan", "diffusion"])
def test_a_recorded_training_that_is_stopped_ends_in_the_same_bits(
    train, whole, tmp_path, recipe, recordings
):
    path, expected = tmp_path / "c.safetensors", whole(recipe)
    recordings.clear()
    resumed = stopped_and_resumed(train, recipe, path, 4)  # a plain step, two recorded ones
    assert len(recordings) == 2
    assert_same_bits(resumed, expected)


@pytest.mark.parametrize("size", [2, 3])
def test_windows_of_steps_go_on_where_they_ended(train, whole, tmp_path, monkeypatch, size):
    expected = whole("vae")
    monkeypatch.setattr(capture.StepRecorder, "_window", lambda self, n: size)
    path = tmp_path / "c.safetensors"
    with interrupted_at(2):
        train("vae", CONFIG, path)
    assert position(path) == (0, size)
    assert_same_bits(train("vae", CONFIG, path)[1], expected)


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": "sgd", "momentum": 0.9},
        {"optimizer": "adagrad"},
        {"schedule": "linear"},
        {"schedule": "stages"},
        {"precision": "bf16"},
        {"batch_size": 90},
    ],
    ids=str,
)
def test_every_budget_goes_on_in_the_same_bits(train, whole, tmp_path, options):
    path, config = tmp_path / "c.safetensors", CONFIG.model_copy(update=options)
    resumed = stopped_and_resumed(train, "vae", path, 2, 3, config=config)
    assert_same_bits(resumed, whole("vae", **options))


def test_no_step_is_taken_twice(train, tmp_path, monkeypatch):
    path, taken = tmp_path / "c.safetensors", []
    take_steps = capture.take_steps

    def noted(step, window, sums):
        taken.extend(round(float(epoch) * N_STEPS) for epoch in window.epoch)
        return take_steps(step, window, sums)

    monkeypatch.setattr(capture, "take_steps", noted)
    stopped_and_resumed(train, "vae", path, 3, 2, N_STEPS)
    assert taken == list(range(2 * N_STEPS))


def test_between_training_and_evaluation_nothing_is_lost(train, whole, tmp_path, monkeypatch):
    path, save, expected = tmp_path / "c.safetensors", loop.save_checkpoint, whole("vae")

    def save_and_signal(*arguments):
        save(*arguments)
        signal.raise_signal(signal.SIGTERM)

    def stop(*_):
        raise SystemExit(143)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(loop, "save_checkpoint", save_and_signal)
            with pytest.raises(SystemExit):
                train("vae", CONFIG, path)
    finally:
        signal.signal(signal.SIGTERM, before)
    monkeypatch.setattr(Loop, "run_epoch", None)
    assert_same_bits(train("vae", CONFIG, path)[1], expected)


def test_a_handler_that_returns_lets_training_go_on(train, whole, tmp_path, monkeypatch):
    path, seen, poll = tmp_path / "c.safetensors", [], Interrupts.poll
    expected = whole("vae")

    def poll_after_signal(self, save):
        signal.raise_signal(signal.SIGINT)
        poll(self, save)

    monkeypatch.setattr(Interrupts, "poll", poll_after_signal)
    before = signal.signal(signal.SIGINT, lambda *_: seen.append(position(path)))
    try:
        result = train("vae", CONFIG, path)[1]
    finally:
        signal.signal(signal.SIGINT, before)
    assert_same_bits(result, expected)
    steps = [(epoch, step) for epoch in (0, 1) for step in range(N_STEPS)]
    assert sorted(set(seen)) == [*steps[:6], (0, 6), *steps[6:], (1, 6)]


def test_a_training_that_was_never_stopped_leaves_the_same_file_as_before(train, tmp_path):
    path = tmp_path / "c.safetensors"
    train("vae", CONFIG, path)
    with safe_open(path, "pt") as file:
        progress = json.loads(file.metadata()["progress"])
        parts = {key.split("/")[0] for key in file.keys()}  # noqa: SIM118
    assert list(progress) == ["epoch", "history", "best_score", "best_epoch", "seconds", "compared"]
    assert parts == {"model", "best", "optimizer"}


def test_the_seconds_of_an_epoch_count_once(train, tmp_path, monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(loop.time, "monotonic", lambda: float(next(clock)))
    path = tmp_path / "c.safetensors"
    with interrupted_at(3):
        train("vae", CONFIG, path)
    with safe_open(path, "pt") as file:
        seconds = json.loads(file.metadata()["progress"])["seconds"]
    assert 0 < seconds < 5
    assert train("vae", CONFIG, path)[1].seconds > seconds


# --- losses that are not finite ------------------------------------------------------------------


class Number(torch.nn.Module):
    """A number."""

    def __init__(self) -> None:
        super().__init__()
        self.a = torch.nn.Parameter(torch.tensor(1.0))


def breaks_late(data, path):
    """Return a training whose loss is not finite from its ninth step on."""

    def objective(model, batch):
        late = torch.as_tensor(batch.epoch) > 1.4
        return Loss(model.a.square() / (1.0 - late.float()), {})

    model = Number()
    update = Update("toy", [model.a], objective, validates=False)
    config = TrainConfig(epochs=2, batch_size=15, schedule="constant", learning_rate=0.1)
    return Loop(model, (update,), data, config, Stream(0), path)


@pytest.mark.parametrize("n", [*range(2, 2 * N_STEPS + 1)])
def test_a_diverging_training_that_is_stopped_diverges_at_the_same_step(data, tmp_path, n):
    path = tmp_path / "c.safetensors"
    with interrupted_at(n):
        fit(breaks_late(data, path))
    assert not path.exists() or position(path) <= (1, 3)
    again = breaks_late(data, path)
    with pytest.raises(DivergedError, match=r"'toy' is not finite at step 9$"):
        fit(again)
    alone = breaks_late(data, None)
    with pytest.raises(DivergedError):
        fit(alone)
    assert torch.equal(again.model.a, alone.model.a)


# --- files ---------------------------------------------------------------------------------------


def resealed(path, change):
    """Change a checkpoint and give it the digest of what it says now."""
    with safe_open(path, "pt") as file:
        progress = json.loads(file.metadata()["progress"])
    tensors = load_file(path)
    change(progress, tensors)
    text = json.dumps(progress)
    save_file(tensors, path, {"progress": text, "sha256": checkpoint.digest_of(tensors, text)})


def from_a_gpu(progress, tensors):
    progress["part"]["device"] = "cuda"
    tensors["part/generators/cuda"] = torch.zeros(16, dtype=torch.uint8)


def test_on_another_type_of_device_the_rest_of_an_epoch_has_noise_of_its_own(
    train, whole, tmp_path, monkeypatch
):
    path, drawn = tmp_path / "c.safetensors", []
    draw = capture.take_steps

    def noted(step, window, sums):
        drawn.append(torch.get_rng_state().sum().item())
        return draw(step, window, sums)

    monkeypatch.setattr(capture, "take_steps", noted)
    with interrupted_at(4):
        train("vae", CONFIG, path)
    resealed(path, from_a_gpu)
    result = train("vae", CONFIG, path)[1]
    assert len(set(drawn)) == len(drawn) == 2 * N_STEPS
    assert len(result.history) == 2
    assert all(a["epoch"] < b["epoch"] for a, b in pairwise(result.history))


def setting(name, value):
    return lambda progress, tensors: progress.__setitem__(name, value)


def setting_of_part(name, value):
    return lambda progress, tensors: progress["part"].__setitem__(name, value)


def setting_tensor(name, value):
    return lambda progress, tensors: tensors.__setitem__(name, value)


def first(tensors, prefix, more):
    return next(k for k, v in sorted(tensors.items()) if k.startswith(prefix) and more(v))


def not_finite(prefix):
    def change(progress, tensors):
        tensors[first(tensors, prefix, lambda v: v.dim() == 2)][0, 0] = math.nan

    return change


def of_another_shape(prefix):
    def change(progress, tensors):
        tensors[first(tensors, prefix, lambda v: v.dim() == 2)] = torch.zeros(3, 5)

    return change


IMPOSSIBLE = {
    "epochs that are too many": setting("epoch", 9),
    "epochs below zero": setting("epoch", -1),
    "epochs that are a text": setting("epoch", "1"),
    "a best epoch that is not there yet": setting("best_epoch", 2),
    "a best score that is not finite": setting("best_score", math.nan),
    "a history that is too short": setting("history", []),
    "a history of texts": setting("history", ["x"]),
    "seconds below zero": setting("seconds", -1.0),
    "an unknown key": setting("more", 1),
    "a part that is no part": setting("part", [1]),
    "no steps": setting_of_part("steps", 0),
    "too many steps": setting_of_part("steps", N_STEPS + 1),
    "half a step": setting_of_part("steps", 1.5),
    "keys that are too few": setting_of_part("keys", ["vae.loss"]),
    "a part of the last epoch's next": lambda progress, tensors: progress.update(
        epoch=2, history=progress["history"] * 2
    ),
    "a generator that is none": setting_tensor(
        "part/generators/cpu", torch.zeros(9, dtype=torch.uint8)
    ),
    "no generator": lambda progress, tensors: tensors.pop("part/generators/cpu"),
    "no sums": lambda progress, tensors: tensors.pop("part/sums"),
    "sums that are integers": setting_tensor("part/sums", torch.zeros(5, dtype=torch.int64)),
    "weights that are not finite": not_finite("model/"),
    "best weights that are not finite": not_finite("best/"),
    "best weights of another shape": of_another_shape("best/"),
    "a moment of another shape": of_another_shape("optimizer/0/0/"),
}


@pytest.fixture(scope="module")
def in_second_epoch(build, data, tmp_path_factory, _small_blocks):
    """The bytes of a checkpoint in the middle of the second epoch."""
    path = tmp_path_factory.mktemp("second") / "c.safetensors"
    built = build("vae", CONFIG)
    with interrupted_at(N_POLLS + 4):
        fit(Loop(built.model, built.updates, data, CONFIG, Stream(0, ("train",)), path))
    assert position(path) == (1, 3)
    return path.read_bytes()


@pytest.mark.parametrize("what", IMPOSSIBLE)
def test_a_checkpoint_of_what_cannot_be_starts_over(build, data, tmp_path, in_second_epoch, what):
    path = tmp_path / "c.safetensors"
    path.write_bytes(in_second_epoch)
    resealed(path, IMPOSSIBLE[what])
    built = build("vae", CONFIG)
    before = checkpoint.weights_of(built.model)
    again = Loop(built.model, built.updates, data, CONFIG, Stream(0, ("train",)), path)
    again.resume()
    assert again.progress.position() == (0, 0, ())
    assert all(torch.equal(v, before[k]) for k, v in built.model.state_dict().items())
    assert not again.step.optimizers[0].state


def test_a_checkpoint_that_would_not_fit_in_memory_is_not_read(build, data, tmp_path, monkeypatch):
    path = tmp_path / "c.safetensors"
    with path.open("wb") as file:
        file.truncate(10**12)  # a hole, which takes no room
    built = build("vae", CONFIG)
    monkeypatch.setattr(checkpoint, "read_tensors", pytest.fail)
    Loop(built.model, built.updates, data, CONFIG, Stream(0, ("train",)), path).resume()


@pytest.mark.parametrize("again", [False, True], ids=["first", "later"])
def test_a_full_disk_at_an_interruption_is_told_and_keeps_the_last_checkpoint(
    train, tmp_path, monkeypatch, again
):
    path = tmp_path / "c.safetensors"
    if again:
        with interrupted_at(3):
            train("vae", CONFIG, path)
    before = path.read_bytes() if again else None

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    poll, polls = Interrupts.poll, iter(range(99))

    def poll_interrupted(self, save):
        if next(polls) == 2:
            signal.raise_signal(signal.SIGINT)
        poll(self, save)

    monkeypatch.setattr(Interrupts, "poll", poll_interrupted)
    with pytest.raises(StorageError, match="No space left"):
        train("vae", CONFIG, path)
    assert (path.read_bytes() if path.exists() else None) == before
    assert list(tmp_path.iterdir()) == ([path] if again else [])
