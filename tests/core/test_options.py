"""Strict options, and findings a user can act on."""

import math
from typing import Annotated, ClassVar, Literal

import pytest
from pydantic import Field, PositiveInt, ValidationError

from genbench.core.errors import ConfigError
from genbench.core.options import Options, Seed, explain, require_seed


class Inner(Options):
    width: PositiveInt = 3


class Circle(Options):
    kind: Literal["circle"] = "circle"


class Square(Options):
    kind: Literal["square"] = "square"


class Outer(Options):
    latent_dim: PositiveInt = 2
    rate: float = 0.5
    inner: Inner = Inner()
    colour: Literal["red", "green"] = "red"
    shape: Annotated[Circle | Square, Field(discriminator="kind")] = Circle()
    slot: Literal["", "left", "right"] = ""
    pair: tuple[int, int] = (1, 1)


class Named(Options):
    name: str


def explained(values, where="model.vae"):
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(values)
    return explain(caught.value, where, Outer)


def test_an_unknown_key_is_named_with_its_path_and_the_nearest_valid_one():
    text = explained({"latent_dims": 3})
    assert text.startswith("model.vae.latent_dims: ")
    assert "did you mean 'latent_dim'? known: colour, inner, latent_dim, pair, rate" in text


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"colour": "gren"},
            "colour: unknown name 'gren'; did you mean 'green'? known: green, red",
        ),
        ({"slot": "lefd"}, "slot: unknown name 'lefd'; did you mean 'left'? known: left, right"),
        (
            {"shape": {"kind": "sqare"}},
            "shape: unknown name 'sqare'; did you mean 'square'? known: circle, square",
        ),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_valid_one(values, expected):
    assert explained(values, "") == expected


def test_a_value_that_is_no_name_is_answered_with_what_was_expected():
    assert explained({"colour": 3}, "") == "colour: Input should be 'red' or 'green'"


def test_what_should_be_a_list_is_said_in_the_words_of_a_suite_file():
    assert explained({"pair": 8}, "") == "pair: expected a list"


def test_a_wrong_value_is_named_with_its_whole_path():
    assert explained({"inner": {"width": 0}}).startswith("model.vae.inner.width: ")
    assert explained({"latent_dim": "many"}, "").startswith("latent_dim: ")


def test_a_missing_key_must_be_stated():
    with pytest.raises(ConfigError, match=r"^plot\.name: must be stated$"):
        Named.read({}, "plot")


def test_what_is_read_is_valid_or_a_config_error():
    assert Outer.read({"latent_dim": 3}, "model.vae").latent_dim == 3
    with pytest.raises(ConfigError, match=r"^model\.vae\.latent_dim: "):
        Outer.read({"latent_dim": 0}, "model.vae")
    with pytest.raises(ConfigError, match=r"^model\.vae: .*dictionary"):
        Outer.read("vae", "model.vae")


def test_each_finding_has_a_line_and_there_are_eight_at_most():
    assert len(explained({"latent_dim": 0, "rate": "x"}).splitlines()) == 2
    assert len(explained({f"key{i}": 0 for i in range(20)}).splitlines()) == 8


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_options_take_no_infinity_and_no_nan(bad):
    assert explained({"rate": bad}).startswith("model.vae.rate: ")


def test_options_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        Outer().latent_dim = 5


class Young(Options):
    """An option that once had another name."""

    young: str = "as ever"
    replaced: ClassVar = {"youth": "youth is now young"}


def test_the_canonical_form_has_every_option_as_json():
    assert Young().canonical() == {"young": "as ever"}
    assert Outer().canonical()["inner"] == Inner().canonical()


def test_a_key_of_an_older_version_is_answered_with_what_to_write_now():
    with pytest.raises(ConfigError, match=r"^model\.youth: unknown key; youth is now young$"):
        Young.read({"youth": 3}, "model")


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"latent_dim": True}, "latent_dim"),
        ({"latent_dim": "3"}, "latent_dim"),
        ({"rate": False}, "rate"),
        ({"rate": "0.5"}, "rate"),
        ({"inner": {"width": True}}, "inner.width"),
        ({"sizes": [1, True]}, "sizes.1"),
        ({"sizes": ["1"]}, "sizes.0"),
        ({"sizes": True}, "sizes"),
        ({"most": True}, "most"),
    ],
)
def test_no_truth_value_and_no_text_passes_for_a_number(values, key):
    class Sized(Outer):
        sizes: tuple[PositiveInt, ...] = ()
        most: int | None = None

    with pytest.raises(ConfigError, match=rf"^{key}: (Input should be a valid |expected a list)"):
        Sized.read(values, "")


@pytest.mark.parametrize("seed", [-1, 2**63, True, 1.5, "0", float("inf")])
def test_a_seed_lies_between_0_and_what_a_table_holds(seed):
    class Seeded(Options):
        seed: Seed = 0

    assert [Seeded.read({"seed": s}, "").seed for s in (0, 2**63 - 1)] == [0, 2**63 - 1]
    with pytest.raises(ConfigError, match=r"^seed: Input should be "):
        Seeded.read({"seed": seed}, "")


@pytest.mark.parametrize("seed", [-1, 2**63, 10**400, True, 1.5, "0", None])
def test_a_seed_that_is_given_in_python_is_checked_too(seed):
    require_seed(0)
    require_seed(2**63 - 1)
    with pytest.raises(ConfigError, match=r"^seed: expected a whole number from 0 to 2\^63 - 1$"):
        require_seed(seed)
