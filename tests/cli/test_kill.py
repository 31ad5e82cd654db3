"""A run killed at any moment goes on with the same command and ends in the same bytes."""

import signal
import time

import pytest

RUN = ("run", "--suite", "tiny.toml", "--no-report", "--device", "cpu")
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
    assert time.monotonic() - sent < 5
    assert stopped.code == code
    assert word in stopped.err
    assert "Traceback" not in stopped.err
    assert len(stopped.err.splitlines()) <= 10


def test_parallel_runs_stop_quickly_too(start, place):
    running = start(*RUN, "--jobs", "2", "--set", "train.epochs=1000000")
    running.wait_for(lambda: len(list(place.results.rglob("spec.json"))) >= 1)
    sent = time.monotonic()
    running.send(signal.SIGTERM)
    stopped = running.wait(30)
    assert time.monotonic() - sent < 10
    assert stopped.code == 143
    assert "Traceback" not in stopped.err
