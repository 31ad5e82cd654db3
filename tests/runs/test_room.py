"""Runs that cannot fit in memory are refused before any of it is taken; all others pass."""

from contextlib import nullcontext

import pytest
import torch

from genbench.core import memory
from genbench.core.errors import ConfigError
from genbench.data import DataConfig
from genbench.data.specs import datasets
from genbench.recipes import DataFacts, recipes
from genbench.runs import room
from genbench.runs.assume import Assume
from genbench.runs.build import initialised
from genbench.runs.room import require_room
from genbench.runs.spec import RunSpec
from genbench.suites.load import suite_files
from genbench.suites.spec import expand, load_suite
from genbench.training.config import TrainConfig

CPU = torch.device("cpu")
HUGE = (10**9, 10**12, 2**63 - 1)
HARMLESS = {"channels", "n_fit", "n_levels", "sleep_steps", "inference_steps", "missing"}
HARMLESS |= {"n_couplings", "n_steps"}
"""Options that a default model does not use, that take time and no memory, that name a class, or
that have a limit of their own."""


def facts(shape=(1, 28, 28), n_train=1000):
    return DataFacts(shape, 10, torch.full(shape, 0.3), n_train)


def spec(recipe, train=None, assume=None, **options):
    typed = recipes[recipe].options.read(options, "model.one")
    config = TrainConfig.read(train or {}, "train")
    return RunSpec("one", recipe, typed, DataConfig(name="digits"), config, 0, assume)


def whole_numbers(recipe):
    """Return how often the options of a recipe that hold whole numbers repeat one, by name."""
    values = recipes[recipe].options().model_dump().items()
    lists = {key: v for key, v in values if isinstance(v, tuple) and v and type(v[0]) is int}
    numbers = dict.fromkeys((key for key, value in values if type(value) is int), 0)
    return numbers | {key: len(value) for key, value in lists.items()}


@pytest.fixture
def available(monkeypatch):
    """Pretend that so many bytes are available."""
    return lambda n: monkeypatch.setattr(memory, "available_bytes", lambda: n)


@pytest.mark.parametrize("recipe", sorted(recipes))
def test_every_option_that_takes_memory_is_refused_where_it_cannot_fit(recipe):
    for key, count in whole_numbers(recipe).items():
        for n in HUGE if key not in HARMLESS and recipe != "linear_gaussian" else ():
            huge = spec(recipe, **{key: (n,) * count if count else n})
            with pytest.raises(ConfigError, match=rf"^model\.one\S* .*would need .* {key} = {n}$"):
                require_room(huge, facts(n_train=0), CPU)  # not known: any number of images


@pytest.mark.parametrize("recipe", sorted(recipes))
def test_a_model_without_memory_has_the_weights_of_the_real_one(recipe, monkeypatch):
    for name, n in (("REAL", 0), ("SMALL", 100)):
        monkeypatch.setattr(room, name, n)
    told = {}
    monkeypatch.setattr(room, "free_gpu_bytes", lambda _: 10**15)
    monkeypatch.setattr(room, "require_memory", lambda n, what, *_, **__: told.setdefault(what, n))
    require_room(spec(recipe), facts(), torch.device("cuda"))
    real = initialised(spec(recipe), facts()).model.state_dict().values()
    (n_bytes, *_), (what, *_) = told.values(), told
    assert what == f"model.one: training {sum(t.numel() for t in real):,} weights"
    assert n_bytes == sum(t.numel() * t.element_size() for t in real)


@pytest.mark.parametrize(
    ("train", "copies"),
    [
        ({}, 5),
        ({"optimizer": "adagrad"}, 4),
        ({"optimizer": "sgd"}, 3),
        ({"optimizer": "sgd", "momentum": 0.9}, 4),
    ],
)
def test_training_holds_weights_best_copy_gradients_and_moments(available, train, copies):
    request = spec("linear_vae", train, latent_dim=3)
    weights = initialised(request, facts()).model.state_dict().values()
    needed = 4 * copies * sum(t.numel() for t in weights)
    available(needed)
    require_room(request, facts(n_train=1), CPU)
    available(needed - 1)
    with pytest.raises(ConfigError, match="weights would need"):
        require_room(request, facts(n_train=1), CPU)


def test_on_a_gpu_training_must_fit_there_and_the_model_in_both(available, monkeypatch):
    request, gpu = spec("linear_vae", latent_dim=3), torch.device("cuda")
    weights = 4 * sum(t.numel() for t in initialised(request, facts()).model.state_dict().values())
    for host, on_gpu, refused in (
        (weights, 4 * weights, None),
        (weights - 1, 4 * weights, "weights would need .* of memory"),
        (weights, 4 * weights - 1, "weights would need .* of GPU memory"),
    ):
        available(host)
        monkeypatch.setattr(room, "free_gpu_bytes", lambda _, n=on_gpu: n)
        with pytest.raises(ConfigError, match=refused) if refused else nullcontext():
            require_room(request, facts(n_train=1), gpu)


def test_a_step_holds_the_images_that_all_draws_decode(available):
    request = spec("iwae", hidden=[], latent_dim=1, n_samples=10**5)
    available(4 * 784 * 10**5 * 10)
    require_room(request, facts(n_train=10), CPU)
    with pytest.raises(ConfigError, match="decoding 1,100,000 images in a step"):
        require_room(request, facts(n_train=11), CPU)


def test_the_chains_of_an_assumption_are_counted_too():
    chains = spec("gan", assume=Assume(n_chains=10**9))
    with pytest.raises(ConfigError, match=r"model\.one\.assume: .*n_chains = 1000000000"):
        require_room(chains, facts(), CPU)


def test_what_a_recipe_does_wrong_is_left_to_the_build():
    too_many = spec("linear_gaussian", latent_dim=10**6)
    require_room(too_many, facts(), CPU)
    with pytest.raises(ConfigError, match="latent_dim"):
        initialised(too_many, facts())


def test_a_long_training_is_a_matter_of_time():
    require_room(spec("vae", {"epochs": 10**6}), facts(), CPU)


@pytest.mark.parametrize("epochs", [10**11, 10**18, 2**63 - 1])
def test_epochs_whose_history_fits_into_no_memory_are_refused_with_its_size(epochs):
    told = rf"^model\.one: train\.epochs = {epochs}: the history would need \d"
    with pytest.raises(ConfigError, match=told):
        require_room(spec("vae", {"epochs": epochs}), facts(), CPU)


def test_steps_that_do_not_end_within_a_year_are_refused_with_their_number(available):
    available(10**15)
    with pytest.raises(ConfigError, match=r"epochs = 1000000000000: .* steps would take over 317 "):
        require_room(spec("vae", {"epochs": 10**12, "batch_size": 1}), facts(), CPU)


def test_epochs_of_a_model_that_is_not_trained_in_steps_do_not_matter():
    require_room(spec("linear_gaussian", {"epochs": 10**18}, latent_dim=2), facts(), CPU)


def test_counting_leaves_the_random_numbers_of_the_process_alone():
    state = torch.random.get_rng_state()
    require_room(spec("vae"), facts(), CPU)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_every_shipped_model_fits_in_two_gigabytes(available):
    available(2 * 10**9)
    for name in suite_files().keys() - {"standard"}:  # which has no data of its own
        for one in {run.name: run for run in expand(load_suite(name))}.values():
            data = datasets[one.data.name]
            require_room(one, facts(data.image_shape, 50_000), CPU)
