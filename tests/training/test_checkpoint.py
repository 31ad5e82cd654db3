"""What a kill leaves behind is enough to end in the same bits."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from genbench.core.errors import StorageError
from genbench.training.checkpoint import (
    Progress,
    load_checkpoint,
    read_weights,
    save_checkpoint,
    weights_of,
    write_weights,
)
from genbench.training.config import TrainConfig

CONFIG = TrainConfig(epochs=4, batch_size=30, kl_warmup_epochs=2.0, grad_clip=5.0)
VARIANTS = [
    ("vae", {"network": "mlp"}),
    ("vae", {"network": "conv"}),
    ("gan", {"network": "mlp", "batch_norm": True, "dropout": 0.2}),
    ("gan", {"network": "conv", "batch_norm": True}),
]


def same(left, right):
    assert left.keys() == right.keys()
    return all(torch.equal(left[k], right[k]) for k in left)


def outcome(result):
    return [list(row.items()) for row in result.history], result.best_epoch  # columns in order


@pytest.mark.parametrize(
    ("recipe", "options", "stopped_after"),
    [(*VARIANTS[0], 1), (*VARIANTS[0], 3), (*VARIANTS[1], 2), (*VARIANTS[2], 3), (*VARIANTS[3], 2)],
    ids=["vae-mlp-1", "vae-mlp-3", "vae-conv-2", "gan-mlp-3", "gan-conv-2"],
)
def test_resuming_ends_in_the_bits_of_an_uninterrupted_run(
    train, kill_after, tmp_path, recipe, options, stopped_after
):
    whole = train(recipe, CONFIG, tmp_path / "whole.safetensors", **options)[1]
    kill_after(stopped_after)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, CONFIG, tmp_path / "killed.safetensors", **options)
    resumed = train(recipe, CONFIG, tmp_path / "killed.safetensors", **options)[1]
    assert same(resumed.last, whole.last)
    assert same(resumed.best, whole.best)
    assert outcome(resumed) == outcome(whole)


def test_resuming_does_not_repeat_finished_epochs(train, kill_after, tmp_path, monkeypatch):
    from genbench.training.loop import Loop

    path = tmp_path / "c.safetensors"
    kill_after(3)
    with pytest.raises(KeyboardInterrupt):
        train("vae", CONFIG, path)
    ran = []
    original = Loop.run_epoch
    monkeypatch.setattr(
        Loop, "run_epoch", lambda self, epoch: ran.append(epoch) or original(self, epoch)
    )
    train("vae", CONFIG, path)
    assert ran == [3]


def test_a_finished_run_is_not_trained_further(train, tmp_path):
    path = tmp_path / "c.safetensors"
    first = train("vae", CONFIG, path)[1]
    again = train("vae", CONFIG, path)[1]
    assert same(first.last, again.last)
    assert outcome(first) == outcome(again)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip_one_bit(path):
    content = bytearray(path.read_bytes())
    content[-40] ^= 1
    path.write_bytes(bytes(content))


def flip_in_progress(path):
    content = path.read_bytes()
    assert b'\\"epoch\\": 3' in content
    path.write_bytes(content.replace(b'\\"epoch\\": 3', b'\\"epoch\\": 2'))


def empty(path):
    path.write_bytes(b"")


def not_a_checkpoint(path):
    path.write_bytes(b"this is no safetensors file at all" * 10)


def without_progress(path):
    save_file(load_file(path), path)


def without_optimizer(path):
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    kept = {k: v for k, v in load_file(path).items() if not k.startswith("optimizer/")}
    save_file(kept, path, metadata)


@pytest.mark.parametrize(
    "damage",
    [
        truncate,
        flip_one_bit,
        flip_in_progress,
        empty,
        not_a_checkpoint,
        without_progress,
        without_optimizer,
    ],
)
def test_a_damaged_checkpoint_starts_over_and_ends_in_the_same_bits(
    train, kill_after, tmp_path, damage
):
    path = tmp_path / "c.safetensors"
    whole = train("vae", CONFIG)[1]
    kill_after(3)
    with pytest.raises(KeyboardInterrupt):
        train("vae", CONFIG, path)
    damage(path)
    again = train("vae", CONFIG, path)[1]
    assert same(again.last, whole.last)
    assert outcome(again) == outcome(whole)


@pytest.mark.parametrize(
    ("recipe", "options"), [("gan", {}), ("vae", {"network": "conv"}), ("cvae", {})]
)
def test_a_foreign_checkpoint_starts_over_and_ends_in_the_same_bits(
    train, tmp_path, recipe, options
):
    path = tmp_path / "c.safetensors"
    whole = train("vae", CONFIG)[1]
    train(recipe, CONFIG, path, **options)
    again = train("vae", CONFIG, path)[1]
    assert same(again.last, whole.last)
    assert outcome(again) == outcome(whole)


def trained_parts(build, steps=3):
    built = build("gan", CONFIG, network="conv")
    model = built.model
    adam = [torch.optim.Adam(u.parameters, lr=1e-3, fused=True) for u in built.updates]
    torch.manual_seed(0)
    for _ in range(steps):
        for optimizer in adam:
            optimizer.zero_grad()
            model.critic(model.sample(8)).sum().backward()
            optimizer.step()
    return model, adam


def test_checkpoint_round_trip_keeps_model_optimisers_and_progress(build, tmp_path):
    path = tmp_path / "c.safetensors"
    model, adam = trained_parts(build)
    history = [{"epoch": 1, "train.x.loss": 0.1 + 0.2}, {"epoch": 2, "train.x.loss": 1e-300}]
    best = {k: v + 1 for k, v in weights_of(model).items()}
    progress = Progress(2, history, -1.5, 1, 3.25, best, compared=[[0.1, 1 / 3]])
    save_checkpoint(path, model, adam, progress)
    other, fresh = trained_parts(build, steps=1)
    read = load_checkpoint(path, other, fresh)
    assert same(weights_of(other), weights_of(model))
    assert (read.history, read.compared) == (history, progress.compared)
    assert (read.epoch, read.best_score, read.best_epoch, read.seconds) == (2, -1.5, 1, 3.25)
    assert same(read.best, best)
    for loaded, saved in zip(fresh, adam, strict=True):
        left, right = loaded.state_dict()["state"], saved.state_dict()["state"]
        assert left.keys() == right.keys()
        for index in left:
            assert same(left[index], right[index])
        assert left[0]["step"].item() == 3.0


def test_a_checkpoint_holds_json_and_tensors_only(train, tmp_path):
    path = tmp_path / "c.safetensors"
    train("vae", CONFIG, path)
    with safe_open(path, "pt") as file:
        progress = json.loads(file.metadata()["progress"])
        parts = {key.split("/")[0] for key in file.keys()}  # noqa: SIM118
    assert progress["epoch"] == 4
    assert parts == {"model", "best", "optimizer"}


def test_weights_file_round_trip(tmp_path):
    weights = {"a": torch.randn(3, 4), "n": torch.tensor(5), "d": torch.zeros(2).double() + 1e-300}
    write_weights(tmp_path / "w.safetensors", weights)
    weights_read = read_weights(tmp_path / "w.safetensors")
    assert same(weights_read, weights)
    assert [weights_read[k].dtype for k in ("a", "n", "d")] == [
        torch.float32,
        torch.int64,
        torch.float64,
    ]


@pytest.mark.parametrize("content", [None, b"", b"abc"])
def test_missing_or_damaged_weights_are_a_storage_error(tmp_path, content):
    path = tmp_path / "w.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StorageError, match=r"w\.safetensors"):
        read_weights(path)


def test_weights_are_copies_not_views():
    module = torch.nn.Linear(2, 2)
    kept = weights_of(module)
    before = kept["bias"].clone()
    with torch.no_grad():
        module.bias += 1
    assert torch.equal(kept["bias"], before)
