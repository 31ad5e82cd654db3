"""Studies, figures and members in a suite file: every mistake is named by its key."""

import pytest

from genbench.core import memory
from genbench.core.errors import ConfigError
from genbench.studies import studies
from genbench.suites.entries import StudyEntry
from genbench.suites.spec import load_suite

COINS = '[[study]]\nname = "coins"\n'
PLOT = '[[plot]]\nname = "p"\ntitle = "P"\ntable = "metrics"\nx = "seed"\ny = ["elbo"]\n'


@pytest.fixture
def read(coins, suite_file):
    """Read a suite and check its studies' options."""

    def go(text, *settings, limit=None):
        suite = load_suite(suite_file(text), list(settings))
        return suite, [entry.spec(limit) for entry in suite.study]

    return go


def test_options_may_stand_flat_or_in_a_table(read):
    _, (flat,) = read(COINS + "n = 7\n")
    _, (nested,) = read(COINS + "[study.options]\nn = 7\n")
    assert flat == nested
    assert (flat.name, flat.study, flat.options.n) == ("coins", "coins", 7)


def test_one_study_may_stand_twice_under_two_names(read):
    text = COINS + 'n = 7\n[[study]]\nstudy = "coins"\nname = "more"\nn = 8\n'
    _, specs = read(text)
    assert [(s.name, s.study, s.options.n) for s in specs] == [
        ("coins", "coins", 7),
        ("more", "coins", 8),
    ]
    assert specs[0].stream == specs[1].stream


def test_a_study_alone_needs_no_data_and_no_model(read):
    suite, _ = read(COINS)
    assert (suite.model, suite.data, suite.page) == ((), {}, "report")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "needs a [[model]], a [[study]] or `suites`"),
        ('[[study]]\nname = "coin"\n', "study.coin.name: unknown study 'coin'; did you"),
        ('[[study]]\nstudy = "coin"\nname = "c"\n', "study.c.study: unknown study"),
        ("[[study]]\nn = 3\n", "study.0.name: missing"),
        (COINS + "m = 3\n", "study.coins.m: unknown key"),
        (COINS + "fail = true\n", "did you mean 'fails'"),
        (COINS + "[study.options]\nm = 3\n", "study.coins.m: unknown key"),
        (COINS + "n = 0\n", "study.coins.n: "),
        (COINS + 'n = "many"\n', "study.coins.n: "),
        (COINS + "options = 3\n", "study.coins.options: expected a table"),
        (COINS + COINS, "two studies are named 'coins'"),
        ("[study]\nname = 3\n", "study: expected [[study]] tables"),
        ('[[study]]\nstudy = "coins"\nname = "A b"\n', "study.0.name: "),
        (COINS + '[[model]]\nrecipe = "vae"\n', "data: "),
        (COINS + PLOT.replace("metrics", "metric"), "did you mean 'metrics'"),
        (COINS + PLOT.replace("metrics", "means"), "plot.p.table: no table 'means'"),
        (COINS + PLOT.replace("title", "titel"), "plot.p.titel: "),
        (COINS + PLOT.replace("title", "titel"), "did you mean 'title'"),
        (COINS + PLOT + 'models = ["vae"]\n', "plot.p.models: no model 'vae'"),
        (COINS + PLOT + PLOT, "two plots are named 'p'"),
        (COINS + PLOT + 'kind = "pie"\n', "plot.p.kind: "),
        (COINS + PLOT + 'kind = "images"\narray = "a"\n', "plot.p.kind: 'images'"),
        (COINS + PLOT.replace('y = ["elbo"]\n', ""), "needs `y`"),
        (COINS + PLOT.replace('["elbo"]', '["elbo", "kl"]') + 'error = "e"\n', "exactly one `y`"),
        ('page = "lecture"\n' + COINS, "page: "),
        ('suits = ["digits"]\n' + COINS, "did you mean 'suites'"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_by_its_key(read, text, told):
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert told in str(caught.value)
    assert "Value error" not in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 10


def test_a_setting_reaches_one_study_or_all(read):
    text = COINS + '[[study]]\nstudy = "coins"\nname = "more"\n[study.options]\nn = 4\n'
    _, specs = read(text, "study.*.n=9", "study.more.options.n=5")
    assert [spec.options.n for spec in specs] == [9, 5]
    with pytest.raises(ConfigError, match=r"no study 'mor'.*did you mean 'more'"):
        read(text, "study.mor.n=9")


def test_a_limit_reaches_the_studies_that_have_one(read):
    _, (limited,) = read(COINS, limit=3)
    assert limited.options.limit == 3
    _, (free,) = read('[[study]]\nname = "kl_examples"\n', limit=3)
    assert "limit" not in free.options.model_dump()


def counts():
    """Yield each of our studies with each of its options that is a whole number."""
    for name in sorted(studies):
        for key, value in studies[name].options().model_dump().items():
            if type(value) is int or (isinstance(value, tuple) and type(value[0]) is int):
                yield name, key


ONLY_TIME = {
    "n_steps", "n_passes", "n_epochs", "n_validation", "every", "n_samples", "n_draws", "n_exact",
}  # fmt: skip
"""Options of which some take long where they are large, and no memory."""


@pytest.mark.parametrize(("study", "key"), list(counts()))
@pytest.mark.parametrize("n", [10**9, 10**12, 2**63 - 1])
def test_a_study_of_a_size_that_no_machine_holds_is_refused_by_its_key(study, key, n, monkeypatch):
    if n == 10**9 and (key in ONLY_TIME or (study, key) == ("gradient_variance", "n_data")):
        return  # at most all data there are
    monkeypatch.setattr(memory, "available_bytes", lambda: 2**31)
    stated = getattr(studies[study].options(), key)
    entry = StudyEntry(study=study, name="s", options={key: (n,) if type(stated) is tuple else n})
    with pytest.raises(ConfigError, match=r"^study\.s(\.\w+)*: "):
        entry.spec()


@pytest.mark.parametrize("study", ["bits", "collapse", "disentanglement"])
def test_a_study_whose_training_never_ends_is_refused(study):
    entry = StudyEntry(study=study, name="s", options={"train": {"epochs": 10**18}})
    with pytest.raises(ConfigError, match=r"^study\.s\.train: train\.epochs = 10{18}: "):
        entry.spec()


@pytest.mark.parametrize("study", sorted(studies))
def test_every_study_fits_as_it_is_into_half_a_gigabyte(study, monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 2**29)
    StudyEntry(study=study, name="s").spec()
