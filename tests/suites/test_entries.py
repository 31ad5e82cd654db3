"""Studies, figures and members in a suite file: every mistake is named by its key."""

import pytest

from genbench.core.errors import ConfigError
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
