"""Identity: what was asked, all of it, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genbench.core.errors import ConfigError
from genbench.core.files import canonical_json
from genbench.data import DataConfig
from genbench.recipes import recipes
from genbench.runs.assume import Assume
from genbench.runs.spec import RunSpec
from genbench.training.config import TrainConfig

DIGEST = "ab" * 32


def spec(**changes) -> RunSpec:
    base = {
        "name": "vae",
        "recipe": "vae",
        "options": {"hidden": [16, 8], "latent_dim": 3, "observation": "bernoulli"},
        "data": DataConfig(name="digits", binarisation="dynamic"),
        "train": TrainConfig(epochs=3),
        "seed": 0,
    }
    fields = base | changes
    options = recipes[fields["recipe"]].options.read(fields["options"], f"model.{fields['name']}")
    return RunSpec(**(fields | {"options": options}))


def data(**changes):
    return {"data": DataConfig(**({"name": "digits", "binarisation": "dynamic"} | changes))}


def train(**changes):
    return {"train": TrainConfig(**({"epochs": 3} | changes))}


def assume(**changes):
    return {"assume": Assume(**changes)}


def options(**changes):
    return {"options": {"hidden": [16, 8], "latent_dim": 3, "observation": "bernoulli"} | changes}


SCIENTIFIC = {
    "recipe": {"recipe": "cvae"},
    "hidden": options(hidden=[8, 16]),
    "latent_dim": options(latent_dim=4),
    "network": options(network="conv"),
    "channels": options(channels=[4]),
    "activation": options(activation="tanh"),
    "observation": options(observation="unit_gaussian"),
    "posterior": options(posterior="full"),
    "gradient": options(gradient="score_function"),
    "observation scale": options(observation={"kind": "gaussian", "scale": 0.1}),
    "epochs": train(epochs=4),
    "batch_size": train(batch_size=64),
    "learning_rate": train(learning_rate=1.0001e-3),
    "schedule": train(schedule="linear"),
    "optimizer": train(optimizer="sgd"),
    "adam_epsilon": train(adam_epsilon=1e-4),
    "tf32": train(precision="tf32"),
    "precision": train(precision="bf16"),
    "momentum": train(optimizer="sgd", momentum=0.5),
    "weight_decay": train(weight_decay=0.1),
    "kl_warmup_epochs": train(kl_warmup_epochs=1.0),
    "grad_clip": train(grad_clip=1.0),
    "select": train(select="last"),
    "seed": {"seed": 1},
    "binarisation": data(binarisation="static"),
    "data seed": data(seed=1),
    "limit": data(limit=100),
    "validation_size": data(validation_size=100),
    "assume": assume(),
    "prior": assume(prior="gaussian"),
    "n_components": assume(prior="mixture", n_components=3),
    "scale": assume(scale=0.1),
    "n_data": assume(n_data=99),
    "n_chains": assume(n_chains=3),
    "n_temperatures": assume(n_temperatures=99),
    "n_leapfrog": assume(n_leapfrog=6),
}


@pytest.mark.parametrize("change", SCIENTIFIC.values(), ids=SCIENTIFIC.keys())
def test_each_scientific_field_changes_the_identity(change):
    assert spec(**change).train_id(DIGEST) != spec().train_id(DIGEST)


def test_scientific_fields_all_differ_from_each_other():
    ids = [spec(**change).train_id(DIGEST) for change in SCIENTIFIC.values()]
    assert len(set(ids)) == len(ids)


def test_every_field_of_the_budget_and_of_the_view_is_tested_above():
    tested = set(SCIENTIFIC) | {"name", "dequantisation"} | OWN_SCIENTIFIC.keys() | OWN_OTHER.keys()
    fields = {*TrainConfig.model_fields, *DataConfig.model_fields, *Assume.model_fields}
    assert fields - {"data seed"} <= tested


def own(**changes):
    return spec(data=DataConfig(**({"path": "shots.npz"} | changes)))


OWN_SCIENTIFIC = {
    "split": {"split": {"test": 0.1}},
    "split seed": {"split": {"seed": 1}},
    "resize": {"resize": (4, 4)},
    "binarisation": {"binarisation": "static"},
    "limit": {"limit": 100},
    "validation_size": {"validation_size": 100},
}
OWN_OTHER = {
    "path": {"path": "elsewhere/pictures"},
    "name": {"name": "my shots"},
    "layout": {"layout": "NCHW"},
    "levels": {"levels": 256},
    "the default split, written out": {"split": {"test": 0.2, "seed": 0}},
}


def test_what_shapes_own_data_changes_the_identity():
    changed = [own(**change).train_id(DIGEST) for change in OWN_SCIENTIFIC.values()]
    assert len({own().train_id(DIGEST), *changed}) == 1 + len(changed)


@pytest.mark.parametrize("change", OWN_OTHER.values(), ids=OWN_OTHER.keys())
def test_where_own_data_lie_and_how_they_are_read_does_not_change_the_identity(change):
    assert own(**change).train_id(DIGEST) == own().train_id(DIGEST)


@pytest.mark.parametrize("change", [{}, *OWN_SCIENTIFIC.values(), *OWN_OTHER.values()])
def test_own_data_are_read_back_from_an_identity(change):
    original = own(**change)
    stated = original.identity(DIGEST)["data"]
    assert stated.pop("digest") == DIGEST
    again = spec(data=DataConfig.of_identity(stated))
    assert again.train_id(DIGEST) == original.train_id(DIGEST)
    assert again.data.is_own


def test_registered_data_are_read_back_from_an_identity():
    stated = spec().identity(DIGEST)["data"]
    del stated["digest"]
    assert DataConfig.of_identity(stated) == spec().data


def test_the_base_of_an_assumption_is_the_run_without_it():
    assumed = spec(**assume(scale=0.1))
    assert assumed.base.train_id(DIGEST) == spec().train_id(DIGEST)


def test_the_data_digest_changes_the_identity():
    assert spec().train_id("cd" * 32) != spec().train_id(DIGEST)


def test_the_recipe_version_changes_the_identity(monkeypatch):
    from dataclasses import replace

    before = spec().train_id(DIGEST)
    monkeypatch.setitem(recipes._entries, "vae", replace(recipes["vae"], version=99))
    assert spec().train_id(DIGEST) != before


def test_the_name_of_the_row_does_not_change_the_identity():
    assert spec(name="another").train_id(DIGEST) == spec().train_id(DIGEST)


def test_defaults_written_out_are_the_same_run():
    short = spec(options={"latent_dim": 3, "hidden": [16, 8]})
    long = spec(
        options={
            "latent_dim": 3,
            "hidden": (16, 8),
            "activation": "relu",
            "observation": {"kind": "bernoulli"},
        }
    )
    assert short.train_id(DIGEST) == long.train_id(DIGEST)


def test_a_run_of_an_older_schema_is_another_run(monkeypatch):
    before = spec().train_id(DIGEST)
    monkeypatch.setattr("genbench.runs.spec.SCHEMA", 1)
    assert spec().train_id(DIGEST) != before


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "hidden": st.lists(st.integers(1, 64), min_size=1, max_size=3),
        "latent_dim": st.integers(1, 40),
        "activation": st.sampled_from(["relu", "tanh", "elu"]),
        "network": st.sampled_from(["mlp", "conv"]),
    },
)


@given(OPTIONS, st.randoms(use_true_random=False), st.integers(0, 2**31))
def test_the_identity_does_not_depend_on_key_order(chosen, random, seed):
    shuffled = list(chosen.items())
    random.shuffle(shuffled)
    left = spec(options=chosen, seed=seed)
    right = spec(options=dict(shuffled), seed=seed)
    assert left.train_id(DIGEST) == right.train_id(DIGEST)
    assert canonical_json(left.identity(DIGEST)) == canonical_json(right.identity(DIGEST))


@given(OPTIONS, OPTIONS)
def test_two_runs_share_an_identity_exactly_when_their_complete_options_agree(first, second):
    left, right = spec(options=first), spec(options=second)
    equal = left.options == right.options
    assert (left.train_id(DIGEST) == right.train_id(DIGEST)) == equal


def test_an_identity_is_twelve_lower_case_hexadecimal_digits():
    found = spec().train_id(DIGEST)
    assert len(found) == 12
    assert set(found) <= set("0123456789abcdef")


def test_device_folder_and_evaluators_do_not_reach_the_identity(done, tmp_path):
    first = [r.train_id for r in done.outcome.records]
    again = done.run("evaluate.metrics=['kl']", device="auto", results=tmp_path / "elsewhere")
    assert [r.train_id for r in again.records] == first


def test_a_wrong_option_names_the_model_and_the_key():
    with pytest.raises(ConfigError, match=r"model\.vae\.latent_dim"):
        spec(options={"latent_dim": 0})
    with pytest.raises(ConfigError, match=r"model\.vae\.latent_dims.*did you mean 'latent_dim'"):
        spec(options={"latent_dims": 2})
