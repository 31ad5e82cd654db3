"""Models of a suite with a search have equal budgets, or state why not."""

import pytest

from genbench.core.errors import ConfigError
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
        ("epochs = 3", "epochs = 3, of the suite 2"),
        ("train = { epochs = 3 }", "epochs = 3, of the suite 2"),
        ("batch_size = 32", "batch_size = 32, of the suite 128"),
        ("hidden = [10]", "network 'mlp' with hidden = [10], most models network 'mlp'"),
        ('network = "conv"\nhidden = [400]', "network 'conv' with hidden = [400]"),
    ],
)
def test_a_difference_needs_a_reason(suite_file, keys, difference):
    assert f"model.beta_vae.why: {difference}" in problem(suite_file, keys)
    assert problem(suite_file, f'{keys}\nwhy = "An example."') == ""
    assert problem(suite_file, keys, tune="") == ""
    assert problem(suite_file, keys, settings=["seeds=1"]) == ""


@pytest.mark.parametrize("keys", ["", "epochs = 2", "beta = 9.0", "hidden = [400, 400]"])
def test_what_is_equal_needs_none(suite_file, keys):
    assert problem(suite_file, keys) == ""


def test_a_model_that_is_trained_as_another_is_explained_with_it(suite_file):
    twin = 'epochs = 3\nwhy = "Because."\n[[model]]\nrecipe = "beta_vae"\nepochs = 3\nname = "b"'
    assert problem(suite_file, twin) == ""
