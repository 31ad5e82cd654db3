"""Data sets that a user registers: what they may return, and what is said of anything else."""

from pathlib import Path

import numpy as np
import pytest
import torch

import genbench
from genbench.core.errors import ConfigError, DataError
from genbench.data.own.registry import own_datasets


@pytest.fixture(autouse=True)
def own_table(monkeypatch):
    """A copy of the table, so that registrations of a test stay in the test."""
    monkeypatch.setattr(own_datasets, "_entries", dict(own_datasets._entries))


def test_arrays_are_returned_as_arrays_and_stated_options_are_kept():
    @genbench.dataset("rings", levels=4, layout="NHW")
    def rings():
        """Rings.

        And more.
        """
        return {"x_train": torch.arange(8).reshape(2, 2, 2), "y_train": [0, 1]}

    mine = own_datasets["rings"]
    assert (mine.about, mine.reading) == ("Rings.", {"levels": 4, "layout": "NHW"})
    arrays = mine()
    assert np.array_equal(arrays["x_train"], np.arange(8).reshape(2, 2, 2))
    assert arrays["y_train"].tolist() == [0, 1]


def test_a_path_is_relative_to_the_file_of_the_function():
    genbench.dataset("faces")(lambda: "faces.npz")
    assert own_datasets["faces"]() == Path(__file__).parent / "faces.npz"
    genbench.dataset("absolute")(lambda: Path("/faces"))
    assert own_datasets["absolute"]() == Path("/faces")


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (None, "data set 'odd' returned nothing, expected a path, or arrays by name"),
        (np.zeros((3, 4, 4)), "data set 'odd' returned a ndarray, expected a path"),
        ((1, 2), "data set 'odd' returned a tuple, expected"),
        ({}, "data set 'odd' returned nothing, expected"),
        ({1: np.zeros(3)}, "data set 'odd' returned the key 1, expected"),
        ({"x": [[1], [2, 3]]}, "data set 'odd': no arrays: "),
    ],
)
def test_anything_else_is_refused_with_its_type(returned, words):
    genbench.dataset("odd")(lambda: returned)
    with pytest.raises(DataError, match=words):
        own_datasets["odd"]()


def test_an_error_of_the_function_names_the_data_set():
    @genbench.dataset("broken")
    def broken():
        raise FileNotFoundError("no images here\nnor there")

    with pytest.raises(DataError, match=r"data set 'broken': FileNotFoundError: no images here$"):
        own_datasets["broken"]()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mnist", "data set 'mnist' comes with genbench"),
        ("a/b", "'a/b': a name has letters"),
        ("", "'': a name has letters"),
        ("new\nline", "a name has letters"),
    ],
)
def test_a_name_that_is_taken_or_odd_is_refused(name, words):
    with pytest.raises(ConfigError, match=words):
        genbench.dataset(name)(lambda: "x.npz")


def test_a_wrong_option_is_named():
    with pytest.raises(ConfigError, match=r"^dataset\.odd\.levels: .* less than or equal to 256"):
        genbench.dataset("odd", levels=1000)
    with pytest.raises(ConfigError, match=r"^dataset\.odd\.layout: unknown name 'CHW'; did you"):
        genbench.dataset("odd", layout="CHW")


def test_a_function_with_arguments_is_refused():
    with pytest.raises(ConfigError, match="data set 'sized': its function takes no arguments"):
        genbench.dataset("sized")(lambda size: "x.npz")
