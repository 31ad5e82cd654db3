"""Whether a model fits the data it is asked to describe."""

from dataclasses import replace

import pytest

from genbench.core.errors import ConfigError
from genbench.core.estimate import UnusableError
from genbench.data import DataConfig, load
from genbench.recipes import recipes
from genbench.runs.build import build
from genbench.runs.record import describe, protocol_of
from genbench.runs.spec import RunSpec
from genbench.training.config import TrainConfig

GREY = {}
BINARY = {"binarisation": "dynamic"}
SPREAD = {"dequantisation": "uniform"}
LOGISTIC = {"kind": "discretised_logistic", "n_levels": 17}
SMALL = {"hidden": [8], "latent_dim": 2}


def request(view, recipe="vae", **options):
    data = DataConfig(name="digits", limit=20, **view)
    known = recipes[recipe].options
    small = {key: value for key, value in SMALL.items() if key in known.model_fields}
    typed = known.read(small | options, "model.one")
    spec = RunSpec(name="one", recipe=recipe, options=typed, data=data, train=TrainConfig(), seed=0)
    return spec, load(data)


@pytest.mark.parametrize(
    ("view", "observation", "missing"),
    [
        (GREY, "bernoulli", r"needs pixels in \{0, 1\}"),
        (SPREAD, "bernoulli", r"needs pixels in \{0, 1\}"),
        (BINARY, LOGISTIC, "needs unmodified levels"),
        (SPREAD, LOGISTIC, "needs unmodified levels"),
        (GREY, LOGISTIC | {"n_levels": 256}, r"n_levels: 'digits' has 17 levels"),
    ],
)
def test_an_observation_model_of_other_pixels_is_refused(view, observation, missing):
    with pytest.raises(ConfigError, match=rf"model\.one\.observation.*{missing}"):
        build(*request(view, observation=observation))


@pytest.mark.parametrize("view", [GREY, BINARY])
@pytest.mark.parametrize("recipe", ["real_nvp", "diffusion", "flow_matching"])
def test_a_density_that_could_narrow_down_on_levels_needs_noise(view, recipe):
    words = (
        rf"^model\.one\.recipe: '{recipe}' needs pixels with noise, .*dequantisation to uniform$"
    )
    with pytest.raises(ConfigError, match=words):
        build(*request(view, recipe))
    spec, data = request(SPREAD, recipe)
    protocol = protocol_of(data, describe(spec, data, build(spec, data)))
    assert protocol.measure == "density"


def test_masses_of_grey_and_binary_pixels_and_densities_never_share_a_protocol():
    protocols = {}
    for view, kind in (
        (GREY, LOGISTIC),
        (GREY, "learned_gaussian"),
        (SPREAD, "learned_gaussian"),
        (BINARY, "bernoulli"),
    ):
        spec, data = request(view, observation=kind)
        protocol = protocol_of(data, describe(spec, data, build(spec, data)))
        protocols[str((view, kind))] = protocol.text
    assert len(set(protocols.values())) == 4
    text = "/grey/20+20+20 of 1097+200+500 validation(seed=0)/mass"
    assert protocols[str((GREY, LOGISTIC))].endswith(text)


def test_a_conditional_model_needs_labels():
    spec, data = request(BINARY, recipe="cvae")
    assert build(spec, data).model.n_classes == 10
    with pytest.raises(ConfigError, match=r"^model\.one\.recipe: 'cvae' needs labels"):
        build(spec, replace(data, n_classes=1))


def raises(data, options, train):
    return undefined  # noqa: F821


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (raises, "raised NameError: name 'undefined' is not defined (test_build.py:"),
        (lambda data, options, train: None, "returned nothing; expected a genbench.recipes.Built"),
        (lambda data, options, train: [], "returned a list; expected a genbench.recipes.Built"),
    ],
)
def test_a_recipe_that_fails_is_named_with_its_line(function, words, monkeypatch):
    mine = replace(recipes["vae"], name="mine", build=function)
    monkeypatch.setitem(recipes._entries, "mine", mine)
    with pytest.raises(UnusableError) as caught:
        build(*request(BINARY, "mine"))
    assert str(caught.value).startswith(f"mine(data, options, train) {words}")
