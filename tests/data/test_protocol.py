"""Configurations and the line that names them."""

import re
from dataclasses import replace

import pytest
from pydantic import ValidationError

from genbench.core.errors import DataError
from genbench.core.protocol import Protocol
from genbench.data import DataConfig, datasets
from genbench.data.protocol import protocol_of, split_sizes

DIGEST = "1a2b3c4d" * 8


@pytest.mark.parametrize(
    ("options", "expected", "seed"),
    [
        ({}, "grey/55000+5000+10000", 0),
        ({"seed": 3}, "grey/55000+5000+10000", 3),
        ({"binarisation": "threshold"}, "threshold/55000+5000+10000", 0),
        ({"binarisation": "static", "seed": 2}, "static(seed=2)/55000+5000+10000", 2),
        ({"binarisation": "dynamic"}, "dynamic(seed=0)/55000+5000+10000", 0),
        ({"dequantisation": "uniform"}, "uniform(seed=0)/55000+5000+10000", 0),
        ({"validation_size": 10_000}, "grey/50000+10000+10000", 0),
        ({"limit": 7_000}, "grey/7000+5000+7000 of 55000+5000+10000", 0),
        ({"limit": 90_000}, "grey/55000+5000+10000", 0),
    ],
)
def test_the_protocol_states_what_distinguishes_numbers(options, expected, seed):
    config = DataConfig(name="mnist", **options)
    text = f"mnist@1a2b3c4d/{expected} validation(seed={seed})"
    assert protocol_of(config, datasets["mnist"], DIGEST).text == text


def test_given_validation_images_have_no_seed():
    given = replace(datasets["digits"], validation_is_given=True)
    text = protocol_of(DataConfig(name="digits", seed=3), given, DIGEST).text
    assert text == "digits@1a2b3c4d/grey/1097+200+500"


def test_levels_of_colour_are_not_called_grey():
    colour = replace(datasets["digits"], name="photos", image_shape=(3, 8, 8))
    config = DataConfig(name="digits")
    assert protocol_of(config, colour, DIGEST).text.startswith("photos@1a2b3c4d/levels/")


def test_limit_keeps_the_sizes_of_smaller_splits():
    sizes = split_sizes(DataConfig(name="digits", limit=300), datasets["digits"])
    assert sizes == (300, 200, 300)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"name": "mnits"}, "did you mean 'mnist'"),
        ({"binarisation": "random"}, "binarisation"),
        ({"binarisation": "static", "dequantisation": "uniform"}, "needs binarisation 'none'"),
        ({"validation_size": 0}, "validation_size"),
        ({"validation_size": 60_000}, "below 60000"),
        ({"limit": 0}, "limit"),
        ({"binarization": "static"}, "Extra inputs"),
    ],
)
def test_a_wrong_option_is_refused_with_its_reason(options, reason):
    with pytest.raises(ValidationError, match=reason):
        DataConfig(**({"name": "mnist"} | options))


OWN = replace(datasets["digits"], name="shots", split="drawn(seed=3)", view=("levels=17",))


@pytest.mark.parametrize(
    ("options", "view"),
    [
        ({}, "grey(levels=17)"),
        ({"binarisation": "static"}, "static(seed=0, levels=17)"),
        ({"limit": 300}, "grey(levels=17)"),
    ],
)
def test_the_protocol_of_own_images_says_how_they_were_read_and_split(options, view):
    protocol = protocol_of(DataConfig(path="shots.npz", **options), OWN, DIGEST)
    sizes = "300+200+300 of 1097+200+500" if "limit" in options else "1097+200+500"
    assert protocol.text == f"shots@1a2b3c4d/{view}/{sizes} drawn(seed=3) validation(seed=0)"
    assert Protocol.parse(protocol.text) == protocol


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("shots.npz", "shots"),
        ("folder/of.shots", "of.shots"),
        ("folder/of.shots/", "of.shots"),
        ("a@b|c:d.npy", "a_b_c_d"),
        ("mnist.npz", "own_mnist"),
        ("x" * 80 + ".npy", "x" * 60),
        ("\u202egnp.npz", "_gnp"),
        ("bad\udcff.npz", "bad_"),
        ("...npz", "images"),
    ],
)
def test_own_images_are_called_what_their_file_is_called(path, name):
    config = DataConfig(path=path)
    assert config.name == name
    assert DataConfig(path=path, name="my shots").name == "my shots"
    assert Protocol.parse(protocol_of(config, OWN, DIGEST).text).digest == "1a2b3c4d"


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "name of a data set, or the path"),
        ({"name": "digits", "path": "shots.npz"}, "another data set than path"),
        ({"name": "shots.npz"}, 'path = "shots.npz"'),
        ({"name": "folder/of/shots"}, 'path = "folder/of/shots"'),
        ({"name": "a/b", "path": "shots.npz"}, "holds a '/'"),
        ({"name": "a\nb", "path": "shots.npz"}, "can be printed"),
        ({"name": "x" * 61, "path": "shots.npz"}, "up to 60"),
        ({"name": "digits", "levels": 17}, "levels is for own images"),
        ({"name": "digits", "layout": "NHW"}, "layout is for own images"),
        ({"name": "digits", "resize": (8, 8)}, "resize is for own images"),
        ({"name": "digits", "split": {"test": 9}}, "split is for own images"),
        ({"path": "shots.npz", "levels": 1}, "levels"),
        ({"path": "shots.npz", "levels": 257}, "levels"),
        ({"path": "shots.npz", "resize": (0, 8)}, "resize"),
        ({"path": "shots.npz", "resize": (8, 8, 8)}, "resize"),
        ({"path": "shots.npz", "split": {"test": 0}}, "a share such as 0.2"),
        ({"path": "shots.npz", "split": {"test": 1.0}}, "a share such as 0.2"),
        ({"path": "shots.npz", "split": {"test": True}}, "split.test"),
        ({"path": "shots.npz", "split": {"seed": -1}}, "split.seed"),
    ],
)
def test_a_wrong_way_to_state_own_images_is_refused_with_its_reason(options, reason):
    with pytest.raises(ValidationError, match=re.escape(reason)):
        DataConfig(**options)


@pytest.mark.parametrize("path", ["", "bell\x07.npz", "new\nline.npz", "nul\0.npz"])
def test_a_path_with_control_characters_is_refused_as_data(path):
    with pytest.raises(DataError, match="control character"):
        DataConfig(path=path)


def test_the_path_of_own_images_is_in_nothing_that_is_stored():
    config = DataConfig(path="/home/somebody/shots.npz", levels=17)
    assert "somebody" not in config.model_dump_json()
    assert config.model_dump()["name"] == "shots"


def test_a_configuration_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        DataConfig(name="mnist").seed = 1
