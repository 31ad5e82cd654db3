"""Joint training that is stopped in the middle of an epoch ends in the bits of one that is not."""

import itertools
import json
import math
import shutil

import pytest
import torch
from safetensors import safe_open

from genbench.training import capture, loop
from genbench.training.config import TrainConfig
from genbench.training.guard import DivergedError
from genbench.training.joint import loop as joint
from genbench.training.joint.loop import JointLoop, fit_together
from genbench.training.loop import fit
from tests.training.interruption import interrupted_at
from tests.training.joint.members import Pictures, alone, assert_close, members, with_options
from tests.training.joint.test_loop import STARTS, roots
from tests.training.joint.test_resume import assert_same_bits

CONFIGS = tuple(
    TrainConfig(epochs=2, batch_size=10, learning_rate=rate) for rate in (3e-3, 3e-3, 1e-3)
)
CASES = {
    "vae": with_options("vae"),
    "gan": with_options("gan", batch_norm=True, dropout=0.3),
}
every_case = pytest.mark.parametrize("name", CASES)
DATA = Pictures((1, 8, 8))
folders = itertools.count()


@pytest.fixture(scope="module", autouse=True)
def _two_blocks():
    """Divide the validation data."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (loop, joint):
            patch.setattr(module, "VALIDATION_BLOCK", 10)
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory, _two_blocks):
    """Uninterrupted trainings, by case."""
    return {
        name: fit_together(members(case, tmp_path_factory.mktemp(name) / "c", DATA, CONFIGS))
        for name, case in CASES.items()
    }


def again(name, folder):
    """Return the members with their first weights, and the checkpoints of a folder."""
    fresh = folder.with_name(f"fresh{next(folders)}")
    each = members(CASES[name], fresh, DATA, CONFIGS)
    shutil.rmtree(fresh)
    for one in each:
        one.checkpoint = folder / one.checkpoint.name
    return each


def stopped(name, folder, *polls):
    for n in polls:
        with interrupted_at(n):
            fit_together(again(name, folder))


def positions(folder):
    found = []
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, "pt") as file:
            progress = json.loads(file.metadata()["progress"])
        found.append((progress["epoch"], progress.get("part", {}).get("steps", 0)))
    return found


@pytest.mark.parametrize("n", [2, 5, 8, 12], ids=["step", "validation", "later step", "end"])
def test_members_stopped_anywhere_end_in_the_same_bits(whole, tmp_path, n):
    stopped("vae", tmp_path / "c", n)
    assert_same_bits(fit_together(again("vae", tmp_path / "c")), whole["vae"])


@every_case
def test_members_stopped_again_and_again_end_in_the_same_bits(whole, tmp_path, name):
    stopped(name, tmp_path / "c", 2, 2, 3, 3)
    assert positions(tmp_path / "c") == [(1, 2)] * 3 if name == "gan" else [(1, 0)] * 3
    assert_same_bits(fit_together(again(name, tmp_path / "c")), whole[name])


def test_recorded_members_that_are_stopped_end_in_the_same_bits(whole, tmp_path, monkeypatch):
    monkeypatch.setattr(capture, "CAPTURE_STEPS", 0)
    made, record = [], capture.record_steps
    monkeypatch.setattr(capture, "record_steps", lambda *a: made.append(record(*a)) or made[-1])
    stopped("vae", tmp_path / "c", 4)
    assert_same_bits(fit_together(again("vae", tmp_path / "c")), whole["vae"])
    assert len(made) == 2


def test_only_members_at_the_same_step_go_on_together(whole, tmp_path, monkeypatch):
    stopped("vae", tmp_path / "c", 2)
    with interrupted_at(2):
        fit(again("vae", tmp_path / "c")[1])
    assert sorted(positions(tmp_path / "c")) == [(0, 1), (0, 1), (0, 2)]
    seen, run_epoch = [], JointLoop.run_epoch
    monkeypatch.setattr(
        JointLoop, "run_epoch", lambda self, e: seen.append(len(self.loops)) or run_epoch(self, e)
    )
    assert_close(fit_together(again("vae", tmp_path / "c")), whole["vae"], 1e-10)
    assert seen == [2, 2]


@every_case
def test_members_go_on_alone_and_runs_trained_alone_together(whole, tmp_path, name):
    folder, tolerance = tmp_path / "c", 1e-6 if name == "gan" else 1e-10
    stopped(name, folder, 2)
    for i in range(3):
        with interrupted_at(2):
            fit(again(name, folder)[i])
    assert positions(folder) == [(0, 2)] * 3
    stopped(name, folder, 2)
    assert positions(folder) == [(0, 3)] * 3
    expected = alone(members(CASES[name], tmp_path / "alone", DATA, CONFIGS))
    assert_close(fit_together(again(name, folder)), expected, tolerance)


@pytest.mark.parametrize("n", range(2, 7))
def test_a_member_that_diverged_keeps_its_last_good_checkpoint(tmp_path, n):
    data = Pictures((1, 2, 2))
    expected = fit_together(list(roots(tmp_path / "whole", STARTS, data)))
    with interrupted_at(n):
        fit_together(list(roots(tmp_path / "c", STARTS, data)))
    for path in (tmp_path / "c").glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            assert all(torch.isfinite(file.get_tensor(k)).all() for k in file.keys())  # noqa: SIM118
    resumed = fit_together(list(roots(tmp_path / "c", STARTS, data)))
    for one, other, start in zip(resumed, expected, STARTS, strict=True):
        if isinstance(other, DivergedError):
            assert str(one) == str(other), start
            continue
        assert not math.isnan(start)
        assert torch.equal(one.last["a"], other.last["a"])
        assert one.history == other.history
