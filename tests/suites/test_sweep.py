"""Sweeps: a model for each combination of values, each with a name of its own."""

import time

import pytest

from genbench.core.errors import ConfigError
from genbench.core.names import require_name
from genbench.suites.load import parse_toml
from genbench.suites.settings import tables
from genbench.suites.spec import expand, load_suite
from genbench.suites.sweep import label, models_of

BETA = '[[model]]\nrecipe = "beta_vae"\nlatent_dim = 2\nsweep = { beta = [0.5, 1, 4, 16] }\n'


@pytest.fixture
def runs(suite_file):
    """The runs of a suite with these models, by name, after settings."""

    def read(models, *settings, head=None):
        path = suite_file(models=models) if head is None else suite_file(models=models, head=head)
        return {spec.name: spec for spec in expand(load_suite(path, settings))}

    return read


def test_a_sweep_is_the_models_written_out_by_hand(runs):
    by_hand = "".join(
        f'[[model]]\nrecipe = "beta_vae"\nname = "b{i}"\nlatent_dim = 2\nbeta = {beta}\n'
        for i, beta in enumerate((0.5, 1, 4, 16))
    )
    swept, written = runs(BETA), runs(by_hand)
    assert list(swept) == [
        "beta_vae_beta0.5",
        "beta_vae_beta1",
        "beta_vae_beta4",
        "beta_vae_beta16",
    ]
    ids = [[spec.train_id("00") for spec in found.values()] for found in (swept, written)]
    assert ids[0] == ids[1]


def test_data_of_several_paths_are_found_beside_the_suite_and_named_by_their_stem(runs, tmp_path):
    found = runs(
        '[[model]]\nrecipe = "vae"\nsweep.path = ["a b.npz", "../c.npy"]\n',
        head="[data]\nseed = 1\n",
    )
    assert {name: spec.data.path for name, spec in found.items()} == {
        "vae_path_a-b": tmp_path / "a b.npz",
        "vae_path_c": tmp_path / "../c.npy",
    }


def test_several_keys_are_a_product_whose_last_key_varies_fastest(runs):
    found = runs(
        '[[model]]\nname = "m"\nrecipe = "vae"\n'
        "sweep = { latent_dim = [2, 3], epochs = [1, 5], limit = [40, 50] }\n"
    )
    sizes = [(s.options.latent_dim, s.train.epochs, s.data.limit) for s in found.values()]
    assert sizes == [(a, b, c) for a in (2, 3) for b in (1, 5) for c in (40, 50)]
    assert list(found)[1] == "m_latent_dim2_epochs1_limit50"


@pytest.mark.parametrize(
    "sweep",
    [
        "sweep.observation.scale = [0.1, 0.2]",
        'sweep = { "observation.scale" = [0.1, 0.2] }',
        "sweep = { observation = { scale = [0.1, 0.2] } }",
    ],
)
def test_a_key_of_a_table_is_swept_inside_it(runs, sweep):
    found = runs(
        f'[[model]]\nrecipe = "vae"\n{sweep}\n[model.options.observation]\n'
        'kind = "gaussian"\n'.replace("[model.options.observation]\n", "observation.")
    )
    assert {n: s.options.observation.scale for n, s in found.items()} == {
        "vae_scale0.1": 0.1,
        "vae_scale0.2": 0.2,
    }


def test_tables_lists_and_texts_are_values(runs):
    found = runs(
        '[[model]]\nrecipe = "vae"\nsweep.observation = ["bernoulli", { kind = "gaussian", '
        "scale = 0.1 }]\nsweep.hidden = [[8, 4], []]\n"
    )
    assert list(found) == [
        "vae_observation_bernoulli_hidden8x4",
        "vae_observation_bernoulli_hidden_none",
        "vae_observation_gaussian_scale0.1_hidden8x4",
        "vae_observation_gaussian_scale0.1_hidden_none",
    ]
    assert {s.options.hidden for s in found.values()} == {(8, 4), ()}


def test_a_name_may_say_where_the_value_stands(runs):
    named = 'name = "lambda_{beta}"\n'
    assert list(runs(BETA + named)) == ["lambda_0.5", "lambda_1", "lambda_4", "lambda_16"]
    with pytest.raises(ConfigError, match=r"no swept key 'bta'; did you mean 'beta'"):
        runs(BETA + 'name = "lambda_{bta}"\n')


def test_distinct_values_have_distinct_legal_names(runs):
    values = '[[1], ["1"], "1", "a/b", "a b", "a?b", "=x", -1, 1e-9, "", "β", "%s"]' % ("x" * 300)
    entry = f'[[model]]\nrecipe = "vae"\nsweep = {{ activation = {values} }}\n'
    (model,) = tables(parse_toml(entry), "model")
    names = [m["name"] for m in models_of(model)]
    assert len(set(names)) == 12
    assert [require_name(name, "name") for name in names] == names


def test_every_value_has_a_label_without_separators():
    assert [label(v) for v in (1e-5, -2, False, "a,b\n/c", [[1, 2], "x"], {}, 3.0)] == [
        "1e-05", "-2", "false", "a-b-c", "1x2xx", "none", "3",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sweep", "told"),
    [
        ("sweep = { beta = [] }", "model.beta_vae.sweep.beta: expected a list of at least one"),
        ("sweep = { beta = 3 }", "model.beta_vae.sweep.beta: expected a list"),
        ("sweep = {}", "model.beta_vae.sweep: expected a table of lists"),
        ("sweep = [1]", "model.beta_vae.sweep: expected a table of lists"),
        ("sweep = { betta = [1] }", "unknown key 'betta'; did you mean 'beta'"),
        ("sweep = { beta = [1, 2, 1.0] }", "model.beta_vae.sweep.beta: 1 is listed twice"),
        ("sweep = { latent_dim = [1] }", "sweep.latent_dim: stated in the entry too"),
        ("sweep = { options.latent_dim = [1] }", "sweep.options.latent_dim: stated in the entry"),
        ("sweep = { beta = [1], options.beta = [2] }", "are the same key"),
        ("sweep = { observation = ['x'], observation.scale = [2] }", "observation"),
        ("sweep = { activation.x = [1] }", "'activation' is a value, not a table"),
        ("sweep = { name = ['a'] }", "sweep.name: not a key that can be swept"),
        ("sweep = { recipe = ['a'] }", "sweep.recipe: not a key that can be swept"),
        ("sweep = { sweep = { beta = [1] } }", "not a key that can be swept"),
        ("sweep = { beta = [-1] }", "model.beta_vae_beta-1.beta: "),
        ("sweep = { beta = ['x'] }", "model.beta_vae_beta_x.beta: "),
        ("sweep = { seed = [1, 'x'] }", "data.seed"),
    ],
)
def test_a_mistake_in_a_sweep_is_named_by_its_key(runs, sweep, told):
    entry = f'[[model]]\nrecipe = "beta_vae"\nlatent_dim = 2\nactivation = "elu"\n{sweep}\n'
    with pytest.raises(ConfigError) as caught:
        runs(entry)
    assert told in str(caught.value)


MANY = BETA.replace("[0.5, 1, 4, 16]", str(list(range(101))))


def test_a_sweep_has_at_most_200_runs_unless_the_suite_says_more(runs):
    assert len(runs(MANY)) == 101
    told = r"sweep: models times seeds: 202 runs, at most 200; `max_runs = 202` allows them"
    with pytest.raises(ConfigError, match=told):
        runs(MANY, "seeds=2")
    assert len(runs(MANY, "seeds=2", "max_runs=202")) == 101


def test_models_without_a_sweep_do_not_count_as_swept(runs):
    models = "".join(f'[[model]]\nname = "m{i}"\nrecipe = "vae"\n' for i in range(60))
    assert len(runs(models, "seeds=4")) == 60


def test_a_product_beyond_all_bounds_is_refused_before_it_is_made(runs):
    lists = ", ".join(f"{k} = {list(range(1, 900))}" for k in ("beta", "epochs", "limit", "seed"))
    with pytest.raises(ConfigError, match=r"beta_vae\.sweep: 653188856401 runs, at most 100000$"):
        runs(f'[[model]]\nrecipe = "beta_vae"\nsweep = {{ {lists} }}\n', "max_runs=100000")


@pytest.mark.parametrize(
    ("settings", "names", "sizes"),
    [
        (["model.beta_vae.latent_dim=5"], 4, [5, 5, 5, 5]),
        (["model.*.latent_dim=5"], 4, [5, 5, 5, 5]),
        (["model.0.latent_dim=5"], 4, [5, 5, 5, 5]),
        (["model.beta_vae_beta0.5.latent_dim=5"], 4, [5, 2, 2, 2]),
        (["model.beta_vae_beta16.options.latent_dim=5"], 4, [2, 2, 2, 5]),
        (["model.beta_vae_beta4.latent_dim=7", "model.beta_vae.latent_dim=5"], 4, [5, 5, 7, 5]),
        (["model.beta_vae.sweep.beta=[2, 3]"], 2, [2, 2]),
        (["model.beta_vae.beta=3"], 1, [2]),
        (["model.beta_vae.options.beta=3"], 1, [2]),
    ],
)
def test_a_setting_reaches_one_model_of_a_sweep_or_all(runs, settings, names, sizes):
    found = runs(BETA, *settings)
    assert len(found) == names
    assert [spec.options.latent_dim for spec in found.values()] == sizes


def test_a_setting_for_all_models_overrides_what_is_swept(runs):
    for sweep in ("epochs = [3, 4]", "train.epochs = [3, 4]"):
        entry = f'[[model]]\nrecipe = "vae"\nsweep = {{ {sweep}, latent_dim = [2, 3] }}\n'
        found = runs(entry, "train.epochs=1")
        assert {name: s.train.epochs for name, s in found.items()} == {
            "vae_latent_dim2": 1,
            "vae_latent_dim3": 1,
        }


def test_a_setting_for_an_unknown_model_names_the_nearest_of_the_sweep(runs):
    with pytest.raises(ConfigError, match=r"no model 'beta_vae_beta3'; did you mean"):
        runs(BETA, "model.beta_vae_beta3.latent_dim=2")


def test_a_swept_model_leaves_no_trace_in_what_is_stored(suite_file):
    (entry,) = load_suite(suite_file(models=BETA.replace("[0.5, 1, 4, 16]", "[4]"))).model
    stored = entry.model_dump(mode="json")
    assert stored["name"] == "beta_vae_beta4"
    assert not {"sweep", "max_runs"} & set(stored)


@pytest.mark.parametrize(
    ("sweep", "told"),
    [
        ({f"k{i}": [1, 2] for i in range(6000)}, "sweep: over 1000000000000000000 runs, at most"),
        ({f"k{i}": [1] for i in range(6000)} | {"k5999": [2, 2]}, "sweep.k5999: 2 is listed twice"),
        ({"beta": list(range(10_000))}, "sweep: 10000 runs, at most 200; `max_runs = 10000`"),
        ({"hidden": [[i] for i in range(10_000)]}, "sweep: 10000 runs, at most 200"),
    ],
)
def test_millions_of_combinations_are_refused_at_once(sweep, told):
    started = time.process_time()
    with pytest.raises(ConfigError, match=told):
        models_of({"recipe": "vae", "sweep": sweep})
    assert time.process_time() - started < 2


def test_equal_lists_and_tables_are_the_same_value():
    for value in ([1, [2]], {"kind": "x", "scale": [1]}, 1):
        with pytest.raises(ConfigError, match="is listed twice"):
            models_of({"recipe": "vae", "sweep": {"a": [value, 3, value]}})
