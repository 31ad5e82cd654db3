"""Suite files from strangers: an error that names the key, or a sound suite; nothing else."""

import os
import random
import tomllib
from copy import deepcopy

import pytest

from genbench.core.errors import ConfigError
from genbench.core.names import require_name
from genbench.suites.load import suite_files
from genbench.suites.spec import MOST_RUNS, expand, load_suite, tasks_of

N = int(os.environ.get("GENBENCH_FUZZ", "300"))
PARTS = 4
BASE = """
seeds = [0, 1]
max_runs = 50
figures = ["samples"]
suites = []
[data]
name = "digits"
binarisation = "dynamic"
limit = 70
[train]
epochs = 2
learning_rate = 1e-3
[[model]]
recipe = "beta_vae"
hidden = [8, 8]
latent_dim = 2
observation = { kind = "gaussian", scale = 0.1 }
sweep = { beta = [0.5, 1], train.batch_size = [10, 20] }
[[model]]
name = "noisy"
recipe = "gan"
assume = { scale = 0.1 }
[model.data]
binarisation = "none"
[evaluate]
metrics = ["elbo", "kl"]
elbo = { n_samples = 2 }
[[study]]
name = "kl_examples"
[[plot]]
name = "p"
title = "P"
table = "metrics"
x = "beta"
y = ["elbo"]
[[published]]
model = "noisy"
metric = "elbo"
value = -1.0
source = "nowhere"
"""
VALUES = [
    0, -1, 1, 2**63, -(2**63), 10**12, 10**30, 10**5000, 0.0, -1e300, 1e-300, float("nan"), True,
    False, float("inf"), "", " ", "a", "vae", "elbo", "metrics", "=1+1", "@x", "a\nb", "a\0b", "*",
    "a\u2028b", "::error", "../../etc", "x" * 300, "{beta}", "{}", "\U0001f600", "\u202e", [], {},
    [[]], [["elbo"]], [{}], {"": 1}, {"a": {"b": [1]}}, ["elbo", "elbo"], [1, "a"], [0] * 40,
    list(range(500)), {"kind": "gaussian"}, {"beta": [1]}, {"beta": []}, {"beta": [1, 1]},
    {"latent_dim": list(range(1, 150))},
]  # fmt: skip
KEYS = ["", "name", "recipe", "sweep", "beta", "x", "a.b", "a\nb", "k" * 200, "=", "options"]


def deep(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


def places(table, path=()):
    """Yield the path of every value."""
    items = table.items() if isinstance(table, dict) else enumerate(table)
    for key, value in list(items):
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


def mutated(rng):
    """Return the content of a suite file with one to three places changed."""
    content = deepcopy(tomllib.loads(BASE))
    for _ in range(rng.randint(1, 3)):
        *above, last = rng.choice(list(places(content)))
        holder = content
        for key in above:
            holder = holder[key]
        value = deep(rng.choice([5, 40, 90])) if rng.random() < 0.05 else rng.choice(VALUES)
        match rng.randint(0, 3):
            case 0 if isinstance(holder, dict):
                holder[rng.choice(KEYS)] = deepcopy(value)
            case 1:
                del holder[last]
            case 2 if isinstance(holder, list):
                holder.append(deepcopy(holder[last]))
            case _:
                holder[last] = deepcopy(value)
    return content


def toml(value):
    """Write a value as TOML."""
    match value:
        case bool():
            return str(value).lower()
        case dict():
            return "{" + ", ".join(f"{toml(str(k))} = {toml(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(toml, value)) + "]"
        case str():
            escaped = (
                c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in value
            )
            return '"' + "".join(escaped) + '"'
        case int() if abs(value) > 10**4000:
            return "9" * 5000
    return repr(value)


def spoiled(text, rng):
    """Return a file with some of its bytes lost, doubled or changed."""
    content = bytearray(text.encode())
    for _ in range(rng.choice([0, 0, 0, 0, 1, 5])):
        at = rng.randrange(len(content))
        match rng.randint(0, 3):
            case 0:
                del content[at : at + rng.choice([1, 20])]
            case 1:
                content[at:at] = content[at : at + 40]
            case 2:
                content[at] = rng.randrange(256)
            case _:
                content[at:at] = rng.choice([b"\xff", b"\0", b"\r", b"[", b"9" * 5000, b"[" * 3000])
    return bytes(content)


def require_sound(path, *settings):
    """Read a suite as a run does before it reads data, and check what it promises."""
    suite = load_suite(str(path), settings)
    specs, tasks = expand(suite), tasks_of(suite)
    [entry.spec() for entry in suite.study]
    assert len(specs) <= (suite.max_runs or MOST_RUNS)
    assert len({(s.name, s.seed) for s in specs}) == len(specs)
    assert len({task.evaluator.name for task in tasks}) == len(tasks)
    for name in (suite.name, *(spec.name for spec in specs)):
        require_name(name, "name")
    for spec in specs:
        assert -(2**63) <= spec.seed < 2**63
        spec.train_id("00")


@pytest.mark.parametrize("part", range(PARTS))
def test_a_mutated_suite_file_is_an_error_of_its_author_or_a_sound_suite(part, tmp_path):
    rng, sound = random.Random(part), 0
    for i in range(N // PARTS):
        text = "\n".join(f"{toml(str(k))} = {toml(v)}" for k, v in mutated(rng).items())
        path = tmp_path / f"s{i}.toml"
        path.write_bytes(spoiled(text, rng))
        problem = problem_of(path)
        sound += not problem
        assert len(problem.splitlines()) <= 10
        assert len(problem) < 4000
        assert all(line.isprintable() for line in problem.split("\n"))
    assert 0 < sound < N // PARTS


def problem_of(path):
    """Return what a suite's author is told; nothing if the suite is sound."""
    try:
        require_sound(path)
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", sorted(suite_files()))
def test_every_shipped_suite_is_sound(name):
    require_sound(name, *(["data.name=shapes"] if name == "standard" else []))
