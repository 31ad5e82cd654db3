"""Registering recipes: what is refused, and what a recipe may know of the data."""

import pytest
import torch

from genbench.core.errors import ConfigError
from genbench.recipes import Built, DataFacts, Options, recipe, recipes
from genbench.training.config import TrainConfig


@pytest.fixture
def own_table(monkeypatch):
    """A copy of the table, so that registrations of a test stay in the test."""
    monkeypatch.setattr(recipes, "_entries", dict(recipes._entries))


class MyOptions(Options):
    width: int = 3


@pytest.mark.usefixtures("own_table")
def test_a_recipe_is_registered_with_its_options_and_first_line():
    @recipe("mine", version=2)
    def build(data: DataFacts, options: MyOptions, train: TrainConfig) -> Built:
        """My own.

        And more.
        """
        return Built(torch.nn.Linear(data.n_pixels, options.width))

    mine = recipes["mine"]
    assert (mine.about, mine.options, mine.version) == ("My own.", MyOptions, 2)
    facts = DataFacts((1, 2, 3), 10, torch.zeros(1, 2, 3))
    built = mine.build(facts, MyOptions(width=4), TrainConfig())
    assert built.model.weight.shape == (4, 6)


@pytest.mark.usefixtures("own_table")
def test_a_name_is_given_once():
    with pytest.raises(ConfigError, match="'vae' is already registered"):

        @recipe("vae")
        def build(data: DataFacts, options: MyOptions, train: TrainConfig) -> Built: ...


def wrong_two(data: DataFacts, options: MyOptions) -> Built: ...
def wrong_bare(data, options, train): ...
def wrong_type(data: DataFacts, options: dict, train: TrainConfig) -> Built: ...


@pytest.mark.usefixtures("own_table")
@pytest.mark.parametrize("build", [wrong_two, wrong_bare, wrong_type])
def test_a_function_of_another_form_is_refused_with_the_right_one(build):
    with pytest.raises(ConfigError, match=r"recipe 'odd': the signature must be .*YourOptions"):
        recipe("odd")(build)
    assert "odd" not in recipes


def test_an_unknown_recipe_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="unknown recipe 'beta-vae'; did you mean 'beta_vae'"):
        recipes["beta-vae"]
