"""``run --data``: the standard models on somebody's images, and on whose they were."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

ONE = ("--seeds", "1", "--set", "train.epochs=1", "--no-report", "--device", "cpu")
QUICK = (*ONE, "--models", "vae,independent_pixels")
NAME = 'it\'s a "café" \\ of mine'


def write(path, seed=0, levels=256, **arrays):
    rng = np.random.default_rng(seed)
    np.savez(path, images=rng.integers(0, levels, (40, 5, 6), dtype=np.uint8), **arrays)


@pytest.fixture
def shots(place):
    write("shots.npz")
    return place


def stored(place, name="standard"):
    return json.loads((place.results / name / "suite.json").read_text(encoding="utf-8"))


def test_the_standard_models_are_compared_on_images_with_nothing_else_said(shots, command):
    found = command("run", "--data", "shots.npz", *ONE)
    assert found.code == 0, found.err
    suite = stored(shots)
    assert suite["title"] == "Standard models on shots"
    assert "29 training images of 1x5x6 pixels with 256 levels" in suite["description"]
    assert "cvae is left out: the images have no labels." in suite["description"]
    assert suite["command"].startswith("python -m genbench run --data shots.npz --set")
    models = [entry["name"] for entry in suite["spec"]["model"]]
    assert {"vae", "independent_pixels"} < set(models)
    assert len(suite["runs"]) == len(models)
    assert {run["status"] for run in suite["runs"]} == {"ok"}
    assert "standard" in found.out


def test_the_labels_of_figures_are_told_apart_from_numbers(place, command):
    write("pets.npz", labels=np.array(["dog", "cat"] * 20))
    assert command("run", "--data", "pets.npz", *QUICK).code == 0
    assert "Labels: 0 cat, 1 dog." in stored(place)["description"]
    write("digits.npz", labels=np.array([0, 1] * 20))
    assert command("run", "--data", "./digits.npz", *QUICK).code == 0
    assert "Labels" not in stored(place)["description"]


def test_no_folder_of_this_machine_is_stored(shots, command):
    assert command("run", "--data", shots.folder / "shots.npz", *QUICK).code == 0
    text = (shots.results / "standard" / "suite.json").read_text()
    assert '"path": "shots.npz"' in text
    assert str(shots.folder) not in text


def test_a_name_may_hold_quotes_spaces_and_letters_of_any_language(place, command):
    write(f"{NAME}.npz")
    found = command("run", "--data", f"{NAME}.npz", *QUICK)
    assert found.code == 0, found.err
    assert stored(place)["runs"][0]["dataset"].startswith("it's a")
    again = command("run", "--data", f"./{NAME}.npz", *QUICK)
    assert "nothing to do" in again.err


def test_images_of_another_set_in_the_same_folder_are_announced_with_the_way_out(shots, command):
    write("cats.npz", seed=1)
    assert "keeps both" not in command("run", "--data", "shots.npz", *QUICK).err
    assert "keeps both" not in command("run", "--data", "shots.npz", *QUICK).err
    found = command("run", "--data", "cats.npz", *QUICK)
    (line,) = [line for line in found.err.splitlines() if "keeps both" in line]
    assert "was of shots and becomes one of cats" in line
    assert "--set name=cats" in line
    assert (
        "keeps both" not in command("run", "--data", "cats.npz", *QUICK, "--set", "name=cats").err
    )
    assert stored(shots, "cats")["title"] == "Standard models on cats"
    back = command("run", "--data", "shots.npz", *QUICK)
    assert "2 runs stored" in back.err  # those of the first set were kept


def test_settings_reach_the_images_and_the_sizes_follow(shots, command):
    write("few.npz", levels=17)
    for setting, words in (("data.levels=17", "with 17 levels"), ("data.resize=[4, 3]", "1x4x3")):
        argv = ("run", "--data", "few.npz", *QUICK, "--set", setting, "--limit", "20")
        assert command(*argv).code == 0
        assert words in stored(shots)["description"]
        assert "20 training images" in stored(shots)["description"]


def test_a_dry_run_reads_the_images_and_writes_nothing(shots, command):
    found = command("run", "--data", "shots.npz", "--dry-run")
    assert found.code == 0
    assert "independent_pixels" in found.out
    assert not shots.results.exists()


def test_the_models_of_another_suite_are_trained_on_the_images(shots, command):
    found = command("run", "--suite", "tiny.toml", "--data", "shots.npz", *ONE, "--models", "vae")
    assert found.code == 0, found.err
    suite = stored(shots, "tiny")
    assert suite["title"] == "Models of tiny on shots"
    assert suite["command"].startswith("python -m genbench run --suite tiny.toml --data shots.npz")
    assert suite["runs"][0]["options"]["hidden"] == [16]
    assert suite["spec"]["data"] == {
        "binarisation": "dynamic", "limit": 100, "path": "shots.npz"
    }  # fmt: skip


def test_a_registered_name_is_taken_too_and_refused_where_a_file_has_it(place, command):
    quick = (*QUICK, "--limit", "20")
    assert command("run", "--data", "shapes", *quick).code == 0
    assert stored(place)["title"] == "Standard models on shapes"
    assert stored(place)["runs"][0]["data"]["binarisation"] == "threshold"
    assert command("data", "export", "shapes", "--to", "folder").code == 0
    found = command("run", "--data", "shapes", *quick)
    assert found.code == 2
    ways = re.findall(r"--(?:data|suite) \S+(?: --set \S+)?", found.err)
    assert ways == ["--data ./shapes", "--suite standard --set data.name=shapes"]
    for way, name in zip(ways, ("own_shapes", "shapes"), strict=True):
        assert command("run", *way.split(), *quick).code == 0
        assert {run["dataset"] for run in stored(place)["runs"]} == {name}
        assert way in stored(place)["command"]


def test_a_known_name_is_described_with_a_word_about_the_folder_of_that_name(place, command):
    Path("shapes").mkdir()
    found = command("data", "describe", "shapes")
    assert found.out.startswith("shapes: ")
    assert found.err == "the data set shapes; ./shapes is what lies here\n"


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (("--suite", "standard"), 2, "suite 'standard' needs images: --data PATH"),
        (("--data", "shot.npz"), 3, "did you mean 'shots.npz'?"),
        (("--data", ""), 3, "empty"),
        (("--data", "shots.npz", "--suite", "lectures"), 2, "is a collection"),
        (("--data", "shots.npz", "--suite", "topics"), 2, "has no models to train"),
        (("--data", "shots.npz", "--models", "vea"), 2, "vae"),
        (("--data", "shots.npz", "--set", "data.leves=3"), 2, "levels"),
        (("--data", "shots.npz", "--set", "sizes=yes"), 2, "sizes"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(shots, command, argv, code, words):
    found = command("run", *argv)
    assert (found.code, found.out) == (code, "")
    assert words in found.err
    assert len(found.err.splitlines()) <= 3
