"""A joint run that was killed continues, jointly where its members are at the same epoch."""

import shutil

import pytest
import torch

from genbench.training import loop
from genbench.training.config import TrainConfig
from genbench.training.joint.loop import JointLoop, fit_together
from genbench.training.loop import Loop, fit
from tests.training.joint.members import (
    Pictures,
    alone,
    assert_close,
    members,
    with_options,
)

CONFIGS = (TrainConfig(epochs=4, batch_size=16, learning_rate=3e-3),) * 3
CASES = {"vae": with_options("vae"), "gan": with_options("gan", dropout=0.3)}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
DATA = Pictures((1, 8, 8))


@pytest.fixture
def kill_after(monkeypatch):
    """Write every checkpoint, and stop after so many of them."""

    def stop_after(n_checkpoints: int) -> None:
        monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
        save, written = loop.save_checkpoint, []

        def save_then_stop(*arguments):
            save(*arguments)
            written.append(1)
            if len(written) == n_checkpoints:
                monkeypatch.setattr(loop, "save_checkpoint", save)
                raise KeyboardInterrupt

        monkeypatch.setattr(loop, "save_checkpoint", save_then_stop)

    return stop_after


def killed(case, folder, kill_after, n_checkpoints):
    kill_after(n_checkpoints)
    with pytest.raises(KeyboardInterrupt):
        fit_together(members(case, folder, DATA, CONFIGS))


def restarted(case, folder):
    kept = folder.with_name("kept")
    folder.rename(kept)
    each = members(case, folder, DATA, CONFIGS)
    shutil.copytree(kept, folder, dirs_exist_ok=True)
    return each


def assert_same_bits(resumed, expected):
    for one, other in zip(resumed, expected, strict=True):
        assert one.history == other.history
        assert one.best_epoch == other.best_epoch
        for name in one.last:
            assert torch.equal(one.last[name], other.last[name]), name
            assert torch.equal(one.best[name], other.best[name]), name


@every_case
def test_a_joint_run_killed_between_epochs_ends_in_the_same_bits(case, tmp_path, kill_after):
    whole = fit_together(members(case, tmp_path / "whole", DATA, CONFIGS))
    killed(case, tmp_path / "killed", kill_after, 3 * 2)
    resumed = fit_together(restarted(case, tmp_path / "killed"))
    assert_same_bits(resumed, whole)


def epochs_trained(monkeypatch):
    """Record the epochs that members train, alone or jointly, with the number of members."""
    seen = []
    run_alone, run_joint = Loop.run_epoch, JointLoop.run_epoch

    def one(self, epoch):
        seen.append((epoch, 1))
        return run_alone(self, epoch)

    def many(self, epoch):
        seen.append((epoch, len(self.loops)))
        return run_joint(self, epoch)

    monkeypatch.setattr(Loop, "run_epoch", one)
    monkeypatch.setattr(JointLoop, "run_epoch", many)
    return seen


@every_case
def test_members_at_different_epochs_go_on_in_groups(case, tmp_path, kill_after, monkeypatch):
    whole = fit_together(members(case, tmp_path / "whole", DATA, CONFIGS))
    killed(case, tmp_path / "killed", kill_after, 3 * 2 + 1)  # the first is an epoch ahead
    each = restarted(case, tmp_path / "killed")
    seen = epochs_trained(monkeypatch)
    resumed = fit_together(each)
    assert sorted(seen) == [(2, 2), (3, 1), (3, 2)]
    assert_close(resumed, whole, 1e-6 if case.recipe == "gan" else 1e-10)


def test_a_finished_joint_run_trains_nothing(tmp_path, monkeypatch):
    case = CASES["vae"]
    whole = fit_together(members(case, tmp_path / "whole", DATA, CONFIGS))
    each = restarted(case, tmp_path / "whole")
    seen = epochs_trained(monkeypatch)
    assert_same_bits(fit_together(each), whole)
    assert not seen


@every_case
def test_a_member_can_go_on_alone_from_a_joint_checkpoint(case, tmp_path, kill_after):
    expected = alone(members(case, tmp_path / "alone", DATA, CONFIGS))
    killed(case, tmp_path / "killed", kill_after, 3 * 2)
    resumed = fit(restarted(case, tmp_path / "killed")[1])
    assert_close([resumed], expected[1:2], 1e-6 if case.recipe == "gan" else 1e-10)


def test_members_own_their_tensors_when_training_is_done(tmp_path):
    each = members(CASES["vae"], tmp_path / "c", DATA, CONFIGS)
    fit_together(each)
    pointers = [p.untyped_storage().data_ptr() for m in each for p in m.model.parameters()]
    assert len(set(pointers)) == len(pointers)


def test_the_seconds_of_members_add_up_to_those_of_the_joint_run(tmp_path):
    resumed = fit_together(members(CASES["vae"], tmp_path / "c", DATA, CONFIGS))
    assert len({result.seconds for result in resumed}) == 1
    assert resumed[0].seconds > 0
