"""Suite files: every mistake is named by its key; ``--set`` reaches every key."""

import pytest

from genbench.core.errors import ConfigError
from genbench.evaluation.runner import DEFAULT_METRICS
from genbench.suites.load import DEEPEST, LARGEST, find_suite, read_toml, suite_files
from genbench.suites.spec import expand, load_suite, tasks_of


def read(path, *settings):
    """Parse, expand and look up the evaluations: all that happens before data are read."""
    suite = load_suite(path, list(settings))
    return suite, {(spec.name, spec.seed): spec for spec in expand(suite)}, tasks_of(suite)


@pytest.mark.parametrize("name", sorted(suite_files()))
def test_every_shipped_suite_parses_and_expands(name):
    suite, specs, tasks = read(name, *(["data.name=shapes"] if name == "standard" else []))
    assert suite.name == name
    assert len(specs) == len(suite.model) * len(suite.seeds)
    assert len({spec.train_id("00" * 32) for spec in specs.values()}) == len(specs)
    asked = [task.evaluator.name for task in tasks]
    assert asked == list(suite.evaluate.get("metrics", DEFAULT_METRICS))
    assert asked or suite.figures or not suite.model
    assert [entry.spec().name for entry in suite.study] == [entry.name for entry in suite.study]


def test_a_suite_file_may_begin_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "marked.toml"
    path.write_text(
        "\ufeff" + 'title = "Größe"\n[[study]]\nname = "kl_examples"\n', encoding="utf-8"
    )
    assert load_suite(str(path)).title == "Größe"


def test_a_suite_file_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "old.toml"
    path.write_bytes('title = "Größe"\n'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"old\.toml: .*utf-8"):
        load_suite(str(path))


def test_the_suites_of_the_main_job_are_there():
    assert {"digits"} <= set(suite_files())


def test_what_is_shipped_has_a_title_a_description_and_something_to_compare():
    for name in suite_files():
        suite = load_suite(name)
        assert suite.title != name
        assert suite.description
        assert suite.study or suite.suites or len(suite.model) >= 2


# --- keys that do not exist ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "path", "nearest"),
    [
        ({"head": 'titel = "x"\n[data]\nname = "digits"\n'}, "titel", "title"),
        ({"head": '[dat]\nname = "digits"\n[data]\nname = "digits"\n'}, "dat", "data"),
        ({"head": '[data]\nname = "digits"\nbinarization = "none"\n'},
         "data.binarization", "binarisation"),
        ({"head": '[data]\nname = "digits"\n[train]\nepoch = 1\n'}, "train.epoch", "epochs"),
        ({"models": '[[model]]\nrecipe = "vae"\nlatentdim = 2\n'},
         "model.vae.latentdim", "latent_dim"),
        ({"models": '[[model]]\nname = "mine"\nrecipe = "vae"\nlr = 2\nlatent_dims = 3\n'},
         "model.mine.lr", None),
        ({"models": '[[model]]\nrecipe = "vae"\n[model.options]\nhiden = [2]\n'},
         "model.vae.hiden", "hidden"),
        ({"models": '[[model]]\nrecipe = "vae"\n[model.train]\nbatchsize = 2\n'},
         "train.batchsize", "batch_size"),
        ({"evaluate": '[evaluate]\nelbow = {}\n'}, "evaluate.elbow", "elbo"),
        ({"evaluate": '[evaluate]\nmetrics = ["elbow"]\n'}, "elbow", "elbo"),
        ({"evaluate": '[evaluate]\nelbo = { n_sample = 3 }\n'},
         "evaluate.elbo.n_sample", "n_samples"),
        ({"evaluate": '[evaluate]\nmetrics = ["kl"]\nelbo = { n_sample = 3 }\n'},
         "evaluate.elbo.n_sample", "n_samples"),
    ],
)  # fmt: skip
def test_an_unknown_key_is_named_with_the_nearest_one(suite_file, text, path, nearest):
    with pytest.raises(ConfigError) as caught:
        read(suite_file(**text))
    message = str(caught.value)
    assert path in message
    if nearest:
        assert f"did you mean '{nearest}'" in message
    assert len(message.splitlines()) <= 10


@pytest.mark.parametrize(
    ("text", "path", "nearest"),
    [
        ({"models": '[[model]]\nrecipe = "veo"\n'}, "model.veo.recipe", "vae"),
        ({"head": '[data]\nname = "digit"\n'}, "data.name", "digits"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_one(suite_file, text, path, nearest):
    with pytest.raises(ConfigError) as caught:
        read(suite_file(**text))
    assert path in str(caught.value)
    assert f"did you mean '{nearest}'" in str(caught.value)


def test_an_unknown_suite_is_answered_with_the_nearest_one():
    with pytest.raises(ConfigError, match="no suite 'digts'; did you mean 'digits'"):
        load_suite("digts")


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("my_siute", "no suite 'my_siute'; did you mean 'my_suite.toml'"),
        ("my_suite", "no suite 'my_suite'; did you mean 'my_suite.toml'"),
        ("MY_SUITE.toml", "no file 'MY_SUITE.toml'; did you mean 'my_suite.toml'"),
        ("my_suit.toml", "no file 'my_suit.toml'; did you mean 'my_suite.toml'"),
        ("sub/nner.toml", "no file 'sub/nner.toml'; did you mean 'sub/inner.toml'"),
        ("elsewhere/x.toml", "no file 'elsewhere/x.toml'; known: "),
        ("mnits", "no suite 'mnits'; did you mean 'mnist'"),
        ("sub", "'sub': a folder, not a suite file; suite files in it: sub/inner.toml"),
        ("upper.TOML", "'upper.TOML': the name of a suite file ends in .toml"),
        ("notes.txt", "'notes.txt': the name of a suite file ends in .toml"),
        ("", "'': a folder, not a suite file"),
        ("a\0b", r"no suite 'a\x00b'"),
        ("a\nb.toml", r"no file 'a\nb.toml'"),
        ("x" * 300, "no suite 'xxx"),
        (("y/" * 9000) + "x.toml", "no file 'y/y/"),
        ("loop.toml", "no file 'loop.toml'"),
        ("[z", "no suite '[z'"),
    ],
)
def test_what_is_no_suite_is_answered_with_the_nearest_file(tmp_path, monkeypatch, written, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for name in ("my_suite.toml", "sub/inner.toml", "upper.TOML", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    with pytest.raises(ConfigError) as caught:
        find_suite(written)
    assert told in str(caught.value)
    assert len(str(caught.value)) < 1000
    assert str(caught.value).isprintable()


# --- files from strangers ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"x = 1\n" * LARGEST, "larger than 256 KiB"),
        (b"x = " + b"[" * 3000 + b"]" * 3000, "levels of tables and lists"),
        (b"x = " + b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "levels of tables and lists"),
        (b"a." * 3000 + b"b = 1", "levels of tables and lists"),
        (b"x = " + b"9" * 5000, "an integer lies between"),
        (b"seeds = [9223372036854775808]", "seeds.0: an integer lies between"),
        (b"x = [" + b"1," * 10_001 + b"]", "x: a list of 10001, at most 10000"),
        (b"x = 1\n" + b"a." * 100_000 + b"b = 1", "a line with more than 1000 dots"),
        (b"[data]\nlimit = -9223372036854775809", "data.limit: an integer lies between"),
        (b'"a\\u0000b" = 1', "is no key of a suite file"),
        (b'"' + b"k" * 300 + b'" = 1', "is no key of a suite file"),
        (b'"a\\u2028::error::b" = 1', "is no key of a suite file"),
        (b"\xff\xfe\x00", "utf-8"),
        (b"x = 1\x00", "line"),
    ],
)
def test_a_file_from_a_stranger_is_refused_in_one_short_line(tmp_path, content, told):
    (tmp_path / "x.toml").write_bytes(content)
    with pytest.raises(ConfigError, match=r"x\.toml: ") as caught:
        read_toml(tmp_path / "x.toml")
    assert told in str(caught.value)
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()


def test_the_deepest_file_and_the_largest_integers_are_read(tmp_path):
    (tmp_path / "x.toml").write_text(
        f"x = {'[' * DEEPEST}{']' * DEEPEST}\ny = [{2**63 - 1}, {-(2**63)}]"
    )
    assert read_toml(tmp_path / "x.toml")["y"] == [2**63 - 1, -(2**63)]


@pytest.mark.parametrize("value", ["9223372036854775808", "9" * 5000, "[[[9223372036854775808]]]"])
def test_a_setting_beyond_64_bits_is_refused_by_its_key(suite_file, value):
    with pytest.raises(ConfigError, match=r"data\.limit.*: an integer lies between"):
        read(suite_file(), f"data.limit={value}")


# --- values that do not fit ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        ("train.epochs=ten", "train.epochs"),
        ("train.epochs=0", "train.epochs"),
        ("train.epochs=-3", "train.epochs"),
        ("train.epochs=1.5", "train.epochs"),
        ("train.epochs=[1]", "train.epochs"),
        ("train.batch_size=0", "train.batch_size"),
        ("train.learning_rate=nan", "train.learning_rate"),
        ("train.learning_rate=inf", "train.learning_rate"),
        ("train.learning_rate=-1e-3", "train.learning_rate"),
        ("train.learning_rate=0", "train.learning_rate"),
        ("train.grad_clip=nan", "train.grad_clip"),
        ("train.grad_clip=-1", "train.grad_clip"),
        ("train.kl_warmup_epochs=inf", "train.kl_warmup_epochs"),
        ("train.schedule=exponential", "train.schedule"),
        ("train.select=worst", "train.select"),
        ("data.limit=0", "data.limit"),
        ("data.limit=2024-01-01", "data.limit"),
        ("data.binarisation=fuzzy", "data.binarisation"),
        ("data.validation_size=100000", "validation_size"),
        ("model.vae.latent_dim=0", "model.vae.latent_dim"),
        ("model.vae.hidden=[0]", "model.vae.hidden"),
        ("model.vae.hidden=wide", "model.vae.hidden"),
        ("model.vae.observation=poisson", "model.vae.observation"),
        ("model.vae.observation={kind='gaussian'}", "scale"),
        ("model.vae.observation={kind='gaussian', scale=nan}", "scale"),
        ("model.vae.train=3", "model.vae.train"),
        ("model.vae.options=3", "model.vae.options"),
        ("model.vae.data='abc'", "model.vae.data"),
        ("evaluate.elbo.n_samples=0", "evaluate.elbo.n_samples"),
        ("evaluate.elbo.n_samples=many", "evaluate.elbo.n_samples"),
        ("evaluate.elbo=3", "evaluate.elbo"),
        ("evaluate.metrics=elbo", "evaluate.metrics"),
        ("evaluate.metrics=['elbo', 3]", "3"),
        ("evaluate.metrics=['elbo', 'elbo']", "elbo"),
        ("seeds=0", "seeds"),
        ("seeds=-1", "seeds"),
        ("seeds=[]", "seeds"),
        ("seeds=[1, 1]", "seeds"),
        ("seeds=true", "seeds"),
        ("seeds=some", "seeds"),
        ("seeds=[0.5]", "seeds"),
        ("title=3", "title"),
        ("name='../elsewhere'", "name"),
        ("name=''", "name: a name cannot be empty"),
        ("name='.hidden'", "name: "),
        ("name='a\\nb'", "name: "),
        ('name="a\\u2028b"', "name: a name holds no control characters"),
        ("name='=1+1'", "name: "),
        ("model.vae.name=''", "model.0.name: a name cannot be empty"),
        ("model.vae.name='@x'", "model.0.name: "),
        ("model.vae.name='a/b'", "model.0.name: "),
        ("model.pca.name=3", "model.1.name: expected a text"),
        ("max_runs=0", "max_runs"),
        ("max_runs=1000000", "max_runs"),
        ("max_runs=1", "models times seeds: 2 runs, at most 1; `max_runs = 2` allows them"),
        ("seeds=1000000", "seeds: 1000000 runs, at most 10000"),
        ("seeds=20000", "seeds: 20000 runs, at most 10000; `max_runs = 20000` allows them"),
        ("seeds=1000000000000000000", "seeds: "),
        ("seeds=6000", "models times seeds: 12000 runs, at most 10000; `max_runs = 12000`"),
        ("evaluate.metrics=[['elbo']]", "evaluate.metrics: unknown evaluator"),
        ("evaluate.metrics=[{}]", "evaluate.metrics: unknown evaluator"),
        ("data=digits", "data"),
        ("train=3", "train"),
        ("evaluate=3", "evaluate"),
        ("model=3", "model"),
        ("model=['vae']", "model"),
    ],
)
def test_a_value_that_does_not_fit_is_named_by_its_key(suite_file, setting, path):
    with pytest.raises(ConfigError) as caught:
        read(suite_file(), setting)
    assert path in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 10


@pytest.mark.parametrize(
    "text",
    [
        "",
        "model = 3\n[data]\nname = 'digits'\n",
        "model = ['vae']\n[data]\nname = 'digits'\n",
        "[model]\nrecipe = 'vae'\n[data]\nname = 'digits'\n",
        "[data]\nname = 'digits'\n[[model]]\nhidden = [3]\n",
        "[data]\nname = 'digits'\n[[model]]\nrecipe = 3\n",
        "[data]\nname = 'digits'\n[[model]]\nrecipe = 'vae'\nname = 3\n",
        "[data]\nname = 'digits'\n[[model]]\nrecipe = 'vae'\ntrain = 3\n",
        "[[model]]\nrecipe = 'vae'\n",
        "[data]\nlimit = 3\n[[model]]\nrecipe = 'vae'\n",
        "[data]\nname = 'digits'\n",
    ],
)
@pytest.mark.parametrize("settings", [(), ("train.epochs=1",)])
def test_a_file_of_the_wrong_shape_is_a_config_error(suite_file, text, settings):
    with pytest.raises(ConfigError, match=r"model|data"):
        read(suite_file(text), *settings)


@pytest.mark.parametrize("text", ["not toml at all", "[data\n", "a = 1\na = 2\n", "x = 1e\n"])
def test_invalid_toml_names_file_and_line(suite_file, text):
    with pytest.raises(ConfigError, match=r"small\.toml.*line"):
        load_suite(suite_file(text))


def test_a_file_that_is_no_text_is_a_config_error(tmp_path):
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"x\.toml"):
        load_suite(str(tmp_path / "x.toml"))


def test_two_models_of_one_name_are_refused(suite_file):
    models = '[[model]]\nrecipe = "vae"\n[[model]]\nrecipe = "vae"\nlatent_dim = 2\n'
    with pytest.raises(ConfigError, match="two models are named 'vae'"):
        read(suite_file(models=models))


# --- seeds, defaults, overrides ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "seeds"), [("seeds=3", (0, 1, 2)), ("seeds=[4, 2]", (4, 2)), ("seeds=[7]", (7,))]
)
def test_seeds_are_a_count_or_a_list(suite_file, setting, seeds):
    suite, specs, _ = read(suite_file(), setting)
    assert suite.seeds == seeds
    assert [seed for name, seed in specs if name == "vae"] == list(seeds)


def test_names_default_to_file_and_recipe(suite_file):
    suite, specs, _ = read(suite_file())
    assert suite.name == "small"
    assert list(specs) == [("vae", 0), ("pca", 0)]


def test_a_model_overrides_budget_and_view_for_itself_alone(suite_file):
    models = """
[[model]]
recipe = "vae"
epochs = 9
limit = 50

[[model]]
name = "other"
recipe = "vae"
"""
    _, specs, _ = read(suite_file(models=models))
    mine, other = specs["vae", 0], specs["other", 0]
    assert (mine.train.epochs, other.train.epochs) == (9, 1)
    assert (mine.data.limit, other.data.limit) == (50, 70)
    assert mine.train.batch_size == other.train.batch_size == 35


OVERRIDDEN = """
[[model]]
recipe = "vae"
epochs = 9
limit = 50
latent_dim = 2

[[model]]
name = "nested"
recipe = "vae"
latent_dim = 2
[model.train]
epochs = 8
[model.data]
limit = 40
"""


@pytest.mark.parametrize(
    ("setting", "value_of"),
    [
        ("train.epochs=3", lambda s: s.train.epochs == 3),
        ("train.batch_size=7", lambda s: s.train.batch_size == 7),
        ("train.learning_rate=1e-4", lambda s: s.train.learning_rate == 1e-4),
        ("train.schedule=linear", lambda s: s.train.schedule == "linear"),
        ("train.schedule='linear'", lambda s: s.train.schedule == "linear"),
        ("train.kl_warmup_epochs=2.5", lambda s: s.train.kl_warmup_epochs == 2.5),
        ("train.grad_clip=5", lambda s: s.train.grad_clip == 5.0),
        ("train.select=last", lambda s: s.train.select == "last"),
        ("data.limit=33", lambda s: s.data.limit == 33),
        ("data.binarisation=static", lambda s: s.data.binarisation == "static"),
        ("data.seed=9", lambda s: s.data.seed == 9),
        ("data.validation_size=99", lambda s: s.data.validation_size == 99),
        ("model.*.latent_dim=5", lambda s: s.options.latent_dim == 5),
        ("model.*.hidden=[3, 4]", lambda s: s.options.hidden == (3, 4)),
        ("model.*.epochs=6", lambda s: s.train.epochs == 6),
        ("model.*.train.epochs=6", lambda s: s.train.epochs == 6),
        ("model.*.data.limit=30", lambda s: s.data.limit == 30),
        ("model.*.options.latent_dim=5", lambda s: s.options.latent_dim == 5),
        ("train={epochs=4, batch_size=5}", lambda s: s.train.epochs == 4),
    ],
)
def test_a_setting_reaches_every_model_whatever_it_overrides(suite_file, setting, value_of):
    _, specs, _ = read(suite_file(models=OVERRIDDEN), setting)
    assert [name for (name, _), spec in specs.items() if not value_of(spec)] == []


@pytest.mark.parametrize(
    "setting",
    ["data.name=shapes", "data={name = 'shapes'}", "model.*.data.name=shapes",
     "model.*.data={name = 'shapes'}"],
)  # fmt: skip
def test_other_data_leave_each_model_its_name(suite_file, setting):
    models = """
[[model]]
recipe = "vae"
[[model]]
name = "wide"
recipe = "vae"
hidden = [7]
"""
    _, specs, _ = read(suite_file(models=models), setting)
    assert list(specs) == [("vae", 0), ("wide", 0)]
    assert {spec.data.name for spec in specs.values()} == {"shapes"}


def test_a_setting_for_one_model_leaves_the_others(suite_file):
    path = suite_file(models=OVERRIDDEN)
    _, specs, _ = read(path, "model.vae.latent_dim=7", "model.vae.train.epochs=2")
    assert specs["vae", 0].options.latent_dim == 7
    assert specs["nested", 0].options.latent_dim == 2
    assert (specs["vae", 0].train.epochs, specs["nested", 0].train.epochs) == (2, 8)


def test_a_nested_option_is_reached(suite_file):
    path = suite_file(models='[[model]]\nrecipe = "vae"\n')
    setting = "model.vae.observation={kind='gaussian', scale=0.25}"
    _, specs, _ = read(path, "data.binarisation=none", setting)
    assert specs["vae", 0].options.observation.scale == 0.25


def test_later_settings_win(suite_file):
    _, specs, _ = read(suite_file(), "train.epochs=3", "train.epochs=5")
    assert specs["vae", 0].train.epochs == 5


def test_evaluations_are_reached(suite_file):
    _, _, tasks = read(
        suite_file(),
        "evaluate.metrics=['iw_log_likelihood', 'elbo']",
        "evaluate.iw_log_likelihood.n_samples=12",
        "evaluate.iw_log_likelihood.chunk_size=4",
    )
    assert [task.evaluator.name for task in tasks] == ["iw_log_likelihood", "elbo"]
    stated = {"n_samples": 12, "chunk_size": 4}
    assert tasks[0].options.model_dump() == stated | {"n_data": None, "proposal": "fitted"}
    assert tasks[1].options.n_samples == 2


def test_options_given_to_a_metric_switch_it_on(suite_file):
    def names(evaluate):
        return [task.evaluator.name for task in read(suite_file(evaluate=evaluate))[2]]

    listed = "[evaluate]\nmetrics = ['kl']\n"
    assert names(listed + "mmd2 = {}\nelbo = { n_samples = 3 }\n") == ["kl", "mmd2", "elbo"]
    assert names(listed + "kl = { n_samples = 3 }\n") == ["kl"]
    assert names("[evaluate]\nmmd2 = { n_compared = 9 }\n") == [*DEFAULT_METRICS, "mmd2"]
    assert names("[evaluate]\nelbo = { n_samples = 9 }\n") == list(DEFAULT_METRICS)


@pytest.mark.parametrize(
    ("setting", "found"), [("[]", []), ("['kl']", ["kl"]), ("['elbo']", ["elbo"])]
)
def test_a_list_of_metrics_that_is_set_evaluates_nothing_else(suite_file, setting, found):
    _, _, tasks = read(suite_file(), f"evaluate.metrics={setting}")
    assert [task.evaluator.name for task in tasks] == found
    assert all(task.options.n_samples == 2 for task in tasks if task.evaluator.name == "elbo")


def test_title_and_name_are_reached(suite_file):
    suite, _, _ = read(suite_file(), "title=A title, of words", "name=other")
    assert (suite.title, suite.name) == ("A title, of words", "other")


@pytest.mark.parametrize("setting", ["epochs", "=3", "train..epochs=1", ".x=1", "", "train.=3"])
def test_a_malformed_setting_shows_how_to_write_one(suite_file, setting):
    with pytest.raises(ConfigError, match="--set"):
        read(suite_file(), setting)


def test_a_setting_for_an_unknown_model_names_the_nearest(suite_file):
    with pytest.raises(ConfigError, match=r"no model 'vea'.*did you mean 'vae'"):
        read(suite_file(), "model.vea.latent_dim=3")


def test_a_published_schedule_names_amounts_of_training_or_of_the_metric(suite_file):
    quoted = "model = 'vae', metric = 'elbo', value = -1, source = 'A Paper'"

    def read_with(schedule):
        return read(suite_file(), f"published=[{{ {quoted}, schedule = {{ {schedule} }} }}]")

    suite, _, _ = read_with("epochs = 100, n_samples = 5_000")
    assert suite.published[0].schedule == {"epochs": 100, "n_samples": 5000}
    with pytest.raises(ConfigError, match=r"published\.0\.schedule\.epoch: .* mean 'epochs'"):
        read_with("epoch = 100")


def test_a_setting_below_a_value_is_refused(suite_file):
    with pytest.raises(ConfigError, match="'epochs' is a value"):
        read(suite_file(), "train.epochs.now=3")


def test_defaults_are_evaluated_when_none_are_named(suite_file):
    _, _, tasks = read(suite_file(evaluate=""))
    assert {"elbo", "iw_log_likelihood", "kl_per_dim", "bits_per_dim"} <= {
        task.evaluator.name for task in tasks
    }
