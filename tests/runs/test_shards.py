"""Shards of a suite: disjoint, complete, of equal size, the same wherever they are worked out."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genbench.core.errors import ConfigError
from genbench.data import DataConfig
from genbench.recipes import recipes
from genbench.runs.assume import Assume
from genbench.runs.joint_runs import joint_groups
from genbench.runs.shards import Shard, shares_of
from genbench.runs.spec import RunSpec
from genbench.training.config import TrainConfig

KEYS = st.lists(st.text("ab12", max_size=6))
COUNTS = st.integers(1, 12)


def spec(name="vae", seed=0, *, width=8, assume=None, data="digits"):
    options = recipes["vae"].options.read({"hidden": [width], "latent_dim": 2}, "model")
    config = DataConfig(name=data, binarisation="static")
    return RunSpec(name, "vae", options, config, TrainConfig(epochs=1), seed, assume)


RUNS = st.lists(
    st.builds(
        spec,
        st.sampled_from(["a", "b"]),
        st.integers(0, 4),
        width=st.integers(1, 3),
        assume=st.sampled_from([None, Assume(scale=0.1), Assume(scale=0.2)]),
    ),
    unique_by=repr,
)


def test_a_shard_is_counted_from_one():
    assert Shard.parse("2/4") == Shard(2, 4)
    assert Shard.parse(None).is_whole
    assert Shard.parse("1/1").is_whole


@pytest.mark.parametrize(
    "text", ["0/4", "5/4", "a/b", "1/0", "0/0", "", "1", "/", "1/2/3", "-1/4", " 1/2", "1/2\n",
             "1.0/2", "٢/٤", "9" * 10 + "/1" + "0" * 10],
)  # fmt: skip
def test_what_is_no_shard_is_refused_in_one_line(text):
    with pytest.raises(ConfigError, match=r"^shard: expected i/n with i from 1 to n") as caught:
        Shard.parse(text)
    assert len(str(caught.value).splitlines()) == 1


@given(KEYS, COUNTS)
def test_shards_are_disjoint_complete_and_of_equal_size(keys, count):
    shards = [Shard(i, count).of(keys) for i in range(1, count + 1)]
    assert sorted(key for shard in shards for key in shard) == sorted(set(keys))
    sizes = sorted(map(len, shards))
    assert sizes[-1] - sizes[0] <= 1


@given(KEYS, COUNTS, st.randoms())
def test_a_shard_does_not_depend_on_the_order(keys, count, random):
    shuffled = random.sample(keys, len(keys))
    assert Shard(1, count).of(shuffled) == Shard(1, count).of(keys)


@given(RUNS, st.booleans())
def test_runs_of_one_training_have_one_share_and_others_have_others(specs, together):
    groups = joint_groups(specs) if together else [(one,) for one in specs]
    shares = shares_of(groups)
    share_of = {}
    for share, group in zip(shares, groups, strict=True):
        for one in group:
            assert share_of.setdefault(one.base.train_id(""), share) == share
    if not together:
        assert len(set(shares)) == len(share_of)


def test_groups_that_a_third_one_links_have_one_share():
    """Each shares a training with the next one, in whatever order they come."""
    runs = [spec(seed=seed) for seed in range(4)]
    groups = [(runs[0], runs[1]), (runs[2], runs[3]), (runs[1], runs[2]), (spec(width=9),)]
    for order in itertools.permutations(groups):
        shares = dict(zip(order, shares_of(order), strict=True))
        assert len({shares[group] for group in groups[:3]}) == 1
        assert shares[groups[3]] != shares[groups[0]]


@given(RUNS, st.randoms(), st.booleans())
def test_shares_do_not_depend_on_the_order_of_the_runs(specs, random, together):
    def found(given_specs):
        groups = joint_groups(given_specs) if together else [(one,) for one in given_specs]
        pairs = zip(shares_of(groups), groups, strict=True)
        return {repr(one): share for share, group in pairs for one in group}

    assert found(random.sample(specs, len(specs))) == found(specs)


def test_runs_on_other_data_have_shares_of_their_own():
    groups = [(spec(),), (spec(data="mnist"),)]
    assert len(set(shares_of(groups))) == 2
