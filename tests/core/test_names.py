"""Names that people choose."""

import re
from pathlib import Path

import pytest

from genbench.core.errors import ConfigError
from genbench.core.names import LONGEST, names_in, require_key, require_name, require_path


@pytest.mark.parametrize(
    "name",
    [
        "vae",
        "gan+normal",
        "lambda_0.01",
        "β-VAE",
        "my model (2)",
        "変分",
        "x" * LONGEST,
        "a=b",
        "é",
    ],
)
def test_a_printable_name_passes_unchanged(name):
    assert require_name(name, "name") == name


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "empty"),
        ("x" * (LONGEST + 1), "at most 100 characters"),
        ("変" * LONGEST, "at most 100 characters"),
        ("a\nb", "control"),
        ("a\rb", "control"),
        ("a\0b", "control"),
        ("a\u2028b", "line breaks"),
        ("a\u202eb", "control"),
        ("a\u00a0b", "special spaces"),
        ("a\udc80b", "control"),
        (" a", "space"),
        ("a ", "space"),
        ("a/b", "no /"),
        ("..\\b", r"no \\"),
        ("=1+1", "formula"),
        ("+1", "formula"),
        ("-1", "formula"),
        ("@sum", "formula"),
    ],
)
def test_any_other_name_is_refused_in_one_short_printable_line(name, told):
    with pytest.raises(ConfigError, match=rf"^model\.0\.name: .*{told}") as caught:
        require_name(name, "model.0.name")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("name", ["flip_rate", "my-vae.2", "été"])
def test_a_name_of_letters_and_digits_can_be_registered(name):
    require_key(name, "recipe")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "'': a name has letters, digits, "),
        ("my metric", "'my metric': a name has letters, digits, "),
        ("kl[0]", "a name has letters, digits, "),
        ("x" * (LONGEST + 1), "at most 100"),
        (test_a_printable_name_passes_unchanged, "expected its name in quotes, not a function"),
    ],
)
def test_what_cannot_be_a_key_is_not_registered(name, told):
    with pytest.raises(ConfigError, match=rf"^recipe: .*{re.escape(told)}"):
        require_key(name, "recipe")


def test_a_single_string_is_one_name():
    assert names_in("elbo") == ("elbo",)


def test_a_path_that_no_file_system_holds_is_refused_by_its_key():
    require_path(Path("x" * 255, "y" * 255), "results")
    for path in (Path("a\0b"), Path("a", "x" * 256), Path("é" * 128)):
        with pytest.raises(ConfigError, match=r"^results: a "):
            require_path(path, "results")
