"""``data describe`` and ``data export`` as a user calls them."""

import json

import numpy as np
import pytest

from genbench.core.texts import Terminal


@pytest.fixture
def shots(place):
    """Twenty images with two classes; one of them twice, and a column that never changes."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 256, (20, 6, 5), dtype=np.uint8)
    images[:, :, 0] = 3
    images[1] = images[0]
    np.savez(place.folder / "shots.npz", x=images, y=np.array(["cat", "dog"] * 10))
    return place.folder / "shots.npz"


def test_describe_says_how_images_are_read_how_many_there_are_and_what_will_hurt(shots, command):
    found = command("data", "describe", "shots.npz")
    assert (found.code, found.err) == (0, "")
    assert "shots: 20 images, 1x6x5 with 256 levels, from shots.npz" in found.out
    rows = [line.split() for line in found.out.splitlines()]
    assert ["class", "train", "validation", "test"] in rows
    assert ["all", "15", "1", "4"] in rows
    assert {row[0] for row in rows if row[1:] and row[0] in ("cat", "dog")} == {"cat", "dog"}
    assert '[data]\npath = "shots.npz"\n' in found.out
    assert "warning: 6 of 30 pixels are the same in all training images" in found.out


def test_describe_takes_the_keys_of_a_suite_file_and_prints_them(shots, command):
    arguments = ("--split-test", "0.5", "--split-seed", "3", "--validation-size", "4")
    found = command("data", "describe", shots, *arguments, "--resize", "8X9", "--format", "json")
    it = json.loads(found.out)
    assert (it["image_shape"], it["sizes"]) == (
        [1, 8, 9],
        {"train": 6, "validation": 4, "test": 10},
    )
    assert set(it["lines"][1:]) == {
        "validation_size = 4",
        "resize = [8, 9]",
        "split = { test = 0.5, seed = 3 }",
    }
    assert it["protocol"].endswith("grey(resize=8x9)/6+4+10 drawn(seed=3) validation(seed=0)")
    assert {concern["kind"] for concern in it["concerns"]} >= {"constant_pixels"}


def test_the_lines_that_describe_prints_choose_the_same_data(shots, command, place):
    import tomllib

    from genbench.data import DataConfig
    from genbench.data.own.load import own_data

    it = json.loads(command("data", "describe", shots, "--split-test", "3", "--format", "json").out)
    again = own_data(DataConfig.read(tomllib.loads("\n".join(it["lines"])), "data"))
    assert again.digest == it["digest"]
    assert again.spec.n_test == it["sizes"]["test"] == 3


def test_warnings_fit_the_terminal(shots, command, monkeypatch):
    monkeypatch.setattr("genbench.commands.data.terminal", lambda: Terminal(width=70))
    assert max(map(len, command("data", "describe", "shots.npz").out.splitlines())) <= 70


@pytest.mark.parametrize("action", [("describe",), ("export", "--to", "npz", "--output", "o.npz")])
@pytest.mark.parametrize(
    ("data", "code", "said"),
    [
        ("shotz.npz", 3, "shotz.npz: no such file or folder; did you mean 'shots.npz'?"),
        ("shotz", 3, "shotz: no such file or folder; did you mean 'shots.npz'?"),
        ("zebra", 2, "unknown data set 'zebra'; known: digits"),
        ("mnits", 2, "did you mean 'mnist'"),
        ("broken.npz", 3, "broken.npz"),
        ("empty", 3, "empty"),
    ],
)
def test_what_cannot_be_read_is_one_line_and_the_right_code(
    shots, command, place, action, data, code, said
):
    (place.folder / "broken.npz").write_bytes(shots.read_bytes()[:200])
    (place.folder / "empty").mkdir()
    found = command("data", action[0], data, *action[1:])
    assert (found.code, found.out) == (code, "")
    assert found.err.startswith("genbench: ")
    assert said in found.err
    assert len(found.err.splitlines()) == 1
    assert not (place.folder / "o.npz").exists()


@pytest.mark.parametrize(
    "wrong", [("--resize", "28"), ("--resize", "ax9"), ("--split-test", "few"), ("--layout", "WHN")]
)
def test_a_wrong_argument_is_code_2(shots, command, wrong):
    found = command("data", "describe", "shots.npz", *wrong)
    assert found.code == 2
    assert wrong[0] in found.err


def test_export_says_how_to_read_it_again(shots, command, place):
    digest = json.loads(command("data", "describe", "shots.npz", "--format", "json").out)["digest"]
    found = command("data", "export", "shots.npz", "--to", "folder", "--output", "pictures")
    assert found.code == 0
    assert found.out == f'pictures: 20 images\ndigest {digest}\nread it as `path = "pictures"`\n'
    assert len(list(place.folder.glob("pictures/cat/*.png"))) == 10
    again = command("data", "export", "shots.npz", "--to", "folder", "--output", "pictures")
    assert (again.code, "pictures exists and is not overwritten" in again.err) == (2, True)


def test_export_of_a_registered_set_says_what_changes(command, place):
    found = command("data", "export", "shapes", "--to", "folder")
    assert found.code == 0
    assert {path.name for path in (place.folder / "shapes").iterdir()} == {"train", "test"}
    assert "not of the registered set" in found.err
    assert "with the same `validation_size` and `seed`" in found.err.replace("\n", " ")


SUITE = """
[data]
path = "shotz.npz"
binarisation = "dynamic"

[[model]]
recipe = "independent_pixels"
"""


@pytest.mark.parametrize("more", [(), ("--dry-run",)])
def test_a_run_on_images_that_are_not_there_is_code_3_and_says_what_lies_beside(
    shots, command, place, more
):
    (place.folder / "mine.toml").write_text(SUITE)
    found = command("run", "--suite", "mine.toml", *more)
    assert found.code == 3
    assert len(found.err.splitlines()) == 1
    assert found.err.endswith("shotz.npz: no such file or folder; did you mean 'shots.npz'?\n")
    assert ("data missing" in found.out) == bool(more)
