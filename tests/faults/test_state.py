"""Each kind of harm to a results folder is noticed."""

import hashlib
import json

import pytest

from tests.faults.command import Finished
from tests.faults.state import different, everything, half_done

NUMBERS = b"metric,value\nelbo,-20.5\n"
RUN = "tiny/runs/a"


@pytest.fixture
def folder(tmp_path):
    files = {f"{RUN}/history.csv": b"epoch\n1\n", "tiny/metrics.csv": NUMBERS}
    listed = {"history.csv": hashlib.sha256(b"epoch\n1\n").hexdigest()}
    files[f"{RUN}/manifest.json"] = json.dumps({"files": listed}).encode()
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.fixture
def calm(folder):
    return everything(folder)


def test_the_same_files_are_in_order(folder, calm):
    assert different(folder, calm) is None
    assert half_done(folder, calm) is None


def test_a_changed_digit_is_a_difference(folder, calm):
    (folder / "tiny/metrics.csv").write_bytes(NUMBERS.replace(b"5", b"6"))
    assert "tiny/metrics.csv" in different(folder, calm)
    assert "tiny/metrics.csv" in half_done(folder, calm)


def test_an_absent_file_is_no_half_done_one(folder, calm):
    (folder / "tiny/metrics.csv").unlink()
    assert half_done(folder, calm) is None
    assert "tiny/metrics.csv" in different(folder, calm)


def test_what_is_left_behind_is_named(folder, calm):
    (folder / RUN / ".model.safetensors.x.tmp").write_bytes(b"")
    assert "left behind" in different(folder, calm)


def test_a_seal_over_other_bytes_is_broken(folder, calm):
    manifest = folder / RUN / "manifest.json"
    manifest.write_text(json.dumps({"files": {"history.csv": "0" * 64}}))
    assert "lists another" in different(folder, calm)


@pytest.mark.parametrize(
    ("code", "err", "wrong"),
    [
        (5, "genbench: cannot write x: No space left on device\n", False),
        (4, "genbench: failed\n", True),
        (5, "", True),
        (5, "Traceback (most recent call last)\ngenbench: x\n", True),
        (5, "genbench: internal error: KeyError: 1\n", True),
        (-9, "", True),
    ],
)
def test_an_answer_needs_its_code_and_one_sentence(code, err, wrong):
    assert bool(Finished(code, "", err, 0.0, {}).misbehaved(0, 5)) == wrong
