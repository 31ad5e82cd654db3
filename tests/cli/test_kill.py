"""A run killed at any moment goes on with the same command and ends in the same bytes."""

import json
import signal
import time

import pytest
from safetensors import safe_open

RUN = ("run", "--suite", "tiny.toml", "--no-report", "--device", "cpu", "--jobs", "1")
QUICKLY = 4.0
"""Seconds: twice what is promised, for machines that do other work at the same time."""
EAGER = "import genbench.training.loop as loop; loop.CHECKPOINT_SECONDS = -1.0\n"

STOP_AT = {
    "after the first checkpoint": """
import os, signal
import genbench.training.loop as loop
save = loop.save_checkpoint
def save_and_stop(path, model, optimizers, progress):
    save(path, model, optimizers, progress)
    if progress.epoch == 2:
        os.kill(os.getpid(), signal.SIGKILL)
loop.save_checkpoint = save_and_stop
""",
    "while the second run writes a checkpoint": """
import os, signal
import genbench.core.files as files, genbench.training.checkpoint as checkpoint
write, seen = files.write_atomic, set()
def stop(path, content):
    if path.name == "checkpoint.safetensors":
        seen.add(str(path.parent))
    if len(seen) == 2:
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / f".{path.name}.half.tmp").write_bytes(content[: len(content) // 2])
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, content)
checkpoint.write_atomic = stop
""",
    "before the evaluation": """
import os, signal
import genbench.runs.evaluating as evaluating
evaluating.evaluate_model = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
""",
    "between the metrics and the manifest": """
import os, signal
from genbench.results.run_folder import RunFolder
RunFolder.seal = lambda self, **_: os.kill(os.getpid(), signal.SIGKILL)
""",
    "after the checkpoint was dropped": """
import os, signal
from genbench.results.run_folder import RunFolder
write = RunFolder.write
def stop(self, name, value):
    if name == "manifest.json":
        os.kill(os.getpid(), signal.SIGKILL)
    write(self, name, value)
RunFolder.write = stop
""",
    "before the table": """
import os, signal
import genbench.suites.run as run
run.write_suite = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL)
""",
}


@pytest.fixture(scope="session")
def expected(server, kinds, tmp_path_factory):
    """The bytes of an uninterrupted run, made in a process of the same kind."""
    Place, Running = kinds
    folder = tmp_path_factory.mktemp("whole")
    place = Place(folder)
    files = {name: str(folder / name) for name in ("stdout", "stderr")}
    done = Running(server, {"argv": RUN, "cwd": str(folder), "first": "", **files}).wait()
    assert done.code == 0, done.err
    return place.numbers()


@pytest.mark.parametrize("moment", STOP_AT)
def test_a_killed_run_ends_in_the_same_bytes(start, place, expected, moment):
    killed = start(*RUN, first=EAGER + STOP_AT[moment]).wait()
    assert killed.code == -signal.SIGKILL
    assert place.numbers() != expected
    again = start(*RUN).wait()
    assert again.code == 0, again.err
    assert place.numbers() == expected


def test_a_run_killed_three_times_ends_in_the_same_bytes(start, place, expected):
    for moment in ("after the first checkpoint", "before the evaluation", "before the table"):
        assert start(*RUN, first=EAGER + STOP_AT[moment]).wait().code == -signal.SIGKILL
    assert start(*RUN).wait().code == 0
    assert place.numbers() == expected


@pytest.mark.parametrize("delay", [0.15, 0.4])
def test_a_kill_at_an_arbitrary_moment_ends_in_the_same_bytes(start, place, expected, delay):
    running = start(*RUN, first=EAGER)
    running.wait_for(lambda: any(place.results.rglob("checkpoint.safetensors")))
    time.sleep(delay)
    running.send(signal.SIGKILL)
    running.wait()
    assert start(*RUN).wait().code == 0
    assert place.numbers() == expected


def test_training_goes_on_from_the_checkpoint(start, place):
    assert start(*RUN, first=EAGER + STOP_AT["after the first checkpoint"]).wait().code < 0
    counted = """
import sys
from genbench.training.loop import Loop
run_epoch = Loop.run_epoch
Loop.run_epoch = lambda self, e: print(self.updates[0].name, e, file=sys.stderr) or run_epoch(self, e)
"""  # noqa: E501
    again = start(*RUN, first=counted).wait()
    epochs = [line.split()[1] for line in again.err.splitlines() if line.startswith("vae ")]
    assert [e for e in epochs if e.isdigit()] == ["2", "3", "4", "5"]


@pytest.mark.parametrize(
    ("number", "code", "word"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")],
)
def test_a_signal_stops_quickly_and_the_same_command_goes_on(
    start, place, expected, number, code, word
):
    running = start(*RUN, "--set", "train.epochs=100000", first=EAGER)
    running.wait_for(lambda: any(place.results.rglob("checkpoint.safetensors")))
    sent = time.monotonic()
    running.send(number)
    stopped = running.wait(20)
    assert time.monotonic() - sent < QUICKLY
    assert stopped.code == code
    assert word in stopped.err
    assert "Traceback" not in stopped.err
    assert len(stopped.err.splitlines()) <= 10


SLOW = """
import sys, time
from genbench.training.loop import Loop
pause = Loop.pause
def slow(self, steps):
    print("at", self.updates[0].name, self.progress.epoch, steps, file=sys.stderr, flush=True)
    time.sleep(0.05)
    pause(self, steps)
Loop.pause = slow
"""
"""Says how far training is, and sleeps between steps."""


def says(place, text):
    """Return what asks whether the running command has said something."""
    path = place.folder / "stderr"
    return lambda: path.exists() and text in path.read_text()


def stored_position(checkpoint):
    """Return the epochs and the steps of a checkpoint."""
    with safe_open(checkpoint, "pt") as file:
        progress = json.loads(file.metadata()["progress"])
    return progress["epoch"], progress.get("part", {}).get("steps", 0)


def moments(finished, model="vae"):
    """Return the epochs and steps at which a slow training was, in order."""
    lines = [line.split() for line in finished.err.splitlines()]
    return [(int(line[2]), int(line[3])) for line in lines if line[:2] == ["at", model]]


@pytest.mark.parametrize(
    ("number", "code", "moment"),
    [
        (signal.SIGINT, 130, (0, 1)),
        (signal.SIGTERM, 143, (1, 3)),
        (signal.SIGINT, 130, (2, 4)),  # in the validation
    ],
    ids=["first epoch", "second epoch", "validation"],
)
def test_a_signal_before_the_first_checkpoint_loses_no_step(
    start, place, expected, number, code, moment
):
    running = start(*RUN, first=SLOW)
    running.wait_for(says(place, f"at vae {moment[0]} {moment[1]}\n"))
    sent = time.monotonic()
    running.send(number)
    stopped = running.wait(20)
    assert time.monotonic() - sent < QUICKLY
    assert stopped.code == code
    (checkpoint,) = place.results.rglob("checkpoint.safetensors")
    saved = stored_position(checkpoint)
    assert saved == moments(stopped)[-1]

    again = start(*RUN, first=SLOW.replace("0.05", "0.0")).wait()
    assert again.code == 0, again.err
    assert moments(again)[0] == saved
    assert place.numbers() == expected


def test_worker_processes_save_the_epoch_in_progress_too(start, place, expected):
    said = place.folder / "said"
    plugin = SLOW.replace("sys.stderr", f"open({str(said)!r}, 'a')")
    (place.folder / "slow.py").write_text(plugin)
    running = start(*RUN, "--jobs", "2", "--plugin", "slow.py")
    running.wait_for(lambda: said.exists() and "at vae 1 2\n" in said.read_text())
    sent = time.monotonic()
    running.send(signal.SIGTERM)
    stopped = running.wait(30)
    assert time.monotonic() - sent < QUICKLY
    assert stopped.code == 143, stopped.err
    checkpoints = [stored_position(path) for path in place.results.rglob("checkpoint.safetensors")]
    assert any(epoch >= 1 and step for epoch, step in checkpoints)
    assert start(*RUN).wait().code == 0
    assert place.numbers() == expected


def test_a_signal_in_the_evaluation_trains_nothing_again(start, place, expected):
    stop = """
import os, signal
import genbench.runs.evaluating as evaluating
evaluating.evaluate_model = lambda *a, **k: os.kill(os.getpid(), signal.SIGTERM)
"""
    assert start(*RUN, first=stop).wait().code == 143
    again = start(*RUN, first=SLOW.replace("0.05", "0.0")).wait()
    assert again.code == 0, again.err
    assert moments(again) == []
    assert place.numbers() == expected


def test_a_second_signal_stops_at_once(start, place):
    running = start(*RUN, first=SLOW.replace("0.05", "5.0"))
    running.wait_for(says(place, "at vae 0 1\n"))
    sent = time.monotonic()
    running.send(signal.SIGINT)
    time.sleep(0.5)
    running.send(signal.SIGINT)
    stopped = running.wait(20)
    assert time.monotonic() - sent < QUICKLY
    assert stopped.code == 130
    assert not any(place.results.rglob("checkpoint.safetensors"))
