"""Models of a suite with a search have equal budgets, or state why not."""

import pytest

from genbench.core.errors import ConfigError
from genbench.suites.budgets import unexplained
from genbench.suites.load import suite_files
from genbench.suites.spec import load_suite

TUNE = "[tune]\nlearning_rate = [1e-3, 2e-3]\n"
SUITE = """
data = {{ name = "digits", binarisation = "dynamic" }}
train = {{ epochs = 2 }}
{tune}
[[model]]
recipe = "vae"
[[model]]
recipe = "ae"
[[model]]
recipe = "beta_vae"
{keys}
"""


def problem(suite_file, keys, tune=TUNE, settings=()):
    try:
        load_suite(suite_file(SUITE.format(keys=keys, tune=tune)), settings)
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("keys", "difference"),
    [
        ("epochs = 3", "it has epochs = 3, batch_size = 128, and most models epochs = 2"),
        ("train = { epochs = 3 }", "it has epochs = 3"),
        ("batch_size = 32", "it has epochs = 2, batch_size = 32"),
        ("hidden = [10]", 'it has network = "mlp", hidden = [10], and most models network'),
        ('network = "conv"\nhidden = [400]', 'it has network = "conv", hidden = [400]'),
    ],
)
def test_a_difference_needs_a_reason(suite_file, keys, difference):
    assert f"model.beta_vae.why: {difference}" in problem(suite_file, keys)
    assert problem(suite_file, f'{keys}\nwhy = "An example."') == ""
    assert problem(suite_file, keys, tune="") == ""
    assert problem(suite_file, keys, settings=["seeds=1"]) == ""


@pytest.mark.parametrize(
    "keys",
    [
        "",
        "epochs = 2",
        "beta = 9.0",
        "hidden = [400, 400]",
        'epochs = 3\ndata = { name = "frey_faces" }',
    ],
)
def test_what_is_equal_needs_none(suite_file, keys):
    assert problem(suite_file, keys) == ""


def test_a_model_that_is_trained_as_another_is_explained_with_it(suite_file):
    twin = 'epochs = 3\nwhy = "Because."\n[[model]]\nrecipe = "beta_vae"\nepochs = 3\nname = "b"'
    assert problem(suite_file, twin) == ""


@pytest.mark.parametrize("name", suite_files())
def test_every_shipped_suite_has_equal_budgets_or_says_why_not(name):
    suite = load_suite(name)
    assert [(entry.name, what) for entry, what in unexplained(suite.train, suite.model)] == []


@pytest.mark.parametrize("name", suite_files())
def test_no_shipped_suite_speaks_of_a_choice_on_test_data(name):
    text = suite_files()[name].read_text(encoding="utf-8").lower()
    for word in ("by looking", "by hand", "test elbo"):
        assert word not in text
