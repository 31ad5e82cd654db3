"""What a metric is stands in its record: no code elsewhere decides by a metric's name."""

import ast
from pathlib import Path

import genbench
from genbench.evaluation import runner  # noqa: F401  it registers every evaluator
from genbench.evaluation.spec import evaluators

PACKAGE = Path(genbench.__file__).parent
WORDS = {
    "precision": "of the products of training",
    "density": "what a likelihood of grey levels is",
}
"""Metrics with the name of something else, which code may name."""
NAMES = {name for key in evaluators for name in (key, evaluators[key].metric)} - WORDS.keys()
ROOMS = {
    "evaluation": "has the evaluators",
    "selftest": "holds each evaluator against an exact answer",
    "studies": "asks evaluators for numbers, and names the columns of its own tables",
    "objectives/elbo.py": "logs the terms of a loss in training",
    "objectives/diffusion.py": "logs the bound in training, and has a weighting named after it",
    "recipes/hierarchical_vae.py": "has an option for the bound that training maximises",
}
"""Where a metric may be called by its name, and why."""


def names_in(path):
    """The metrics that a file names in strings: whole names, or those of a part."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = (
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if id(node) not in docstrings
    )
    return {name for text in texts if (name := text.partition("[")[0]) in NAMES}


def room_of(path):
    relative = path.relative_to(PACKAGE).as_posix()
    return next((r for r in ROOMS if relative == r or relative.startswith(f"{r}/")), None)


def test_no_name_of_a_metric_decides_anything_outside_its_record():
    named = {path: names_in(path) for path in PACKAGE.rglob("*.py") if room_of(path) is None}
    assert {str(path): names for path, names in named.items() if names} == {}


def test_each_room_that_may_name_a_metric_does():
    files = {room: [p for p in PACKAGE.rglob("*.py") if room_of(p) == room] for room in ROOMS}
    assert [room for room, paths in files.items() if not any(map(names_in, paths))] == []


def test_names_are_found_whole_and_in_parts_and_not_in_prose(tmp_path):
    path = tmp_path / "code.py"
    path.write_text(
        '"""elbo"""\n'
        "def f(k):\n"
        '    "kl"\n'
        '    return f"iw_curve[{k}]", "mmd2", "kl_per_dim[3]", "the elbo", "elbo_stderr"\n'
    )
    assert names_in(path) == {"iw_curve", "mmd2", "kl_per_dim"}
