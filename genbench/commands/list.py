"""``list``: recipes, data sets, evaluators, studies and suites, without importing torch.

A recipe, evaluator or study is declared in its source by a decorator with literal arguments above
a function with a docstring. They are read as text, so there is no second list to maintain.
"""

import ast
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import entry_points
from operator import itemgetter
from pathlib import Path
from typing import Any

from genbench.commands.shared import Commands, add_command, add_plugins, out
from genbench.commands.streams import terminal
from genbench.core.errors import ExitCode
from genbench.core.texts import listed

Listing = tuple[Sequence[Sequence[object]], tuple[str, ...]]
"""Rows, and the heads above them."""


def add_parser(commands: Commands) -> None:
    """Add ``list``."""
    parser = add_command(commands, "list", "list what is available")
    parser.add_argument("what", choices=LISTINGS)
    add_plugins(parser)
    parser.set_defaults(body=list_known)


def list_known(arguments: Namespace) -> int:
    """Print a line for each entry; those of files are known by importing them."""
    rows, heads = LISTINGS[arguments.what]()
    added = list(_of_files(arguments.what, arguments.plugins)) if arguments.plugins else []
    out(listed(sorted([*rows, *added], key=itemgetter(0)) if added else rows, heads, terminal()))
    return ExitCode.OK


def declared(folder: Path, decorator: str) -> list[dict[str, Any]]:
    """Return the literal arguments of every ``@decorator(...)`` in the modules of a folder.

    An argument without a keyword is the ``name``; ``doc`` is the docstring below it.

    Example:
        >>> declared(_package("recipes"), "recipe")[0]["name"]
        'ae'
    """
    texts = (path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    nodes = (n for text in texts if f"@{decorator}(" in text for n in ast.parse(text).body)
    declarations = [
        {"doc": ast.get_docstring(function) or "", **_literals(call)}
        for function in nodes
        if isinstance(function, ast.FunctionDef)
        for call in function.decorator_list
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == decorator
    ]
    return sorted(declarations, key=itemgetter("name"))


def _literals(call: ast.Call) -> dict[str, Any]:
    stated = [("name", argument) for argument in call.args]
    stated += [(keyword.arg or "", keyword.value) for keyword in call.keywords]
    return {name: value.value for name, value in stated if isinstance(value, ast.Constant)}


def models() -> Listing:
    """Every recipe; those of other packages are listed without importing them."""
    recipes = declared(_package("recipes"), "recipe")
    own = [(recipe["name"], recipe["doc"].partition("\n")[0]) for recipe in recipes]
    return _with_installed(own, "genbench.recipes", 2), ("recipe", "what it is")


def data_sets() -> Listing:
    """Every data set, with its official sizes."""
    from genbench.data import datasets

    specs = {name: datasets[name] for name in datasets}
    own = [
        (name, "x".join(map(str, spec.image_shape)), spec.n_train, spec.n_test, spec.title)
        for name, spec in specs.items()
    ]
    heads = ("data set", "shape", "train", "test", "what it is")
    return _with_installed(own, "genbench.datasets", len(heads)), heads


def evaluators() -> Listing:
    """Every evaluator, with version, unit, direction and kind."""
    own = [
        (d["name"], f"v{d['version']}", d["unit"], d["better"], d["kind"], _first_paragraph(d))
        for d in declared(_package("evaluation"), "evaluator")
    ]
    heads = ("evaluator", "version", "unit", "better", "kind", "what it is")
    return _with_installed(own, "genbench.evaluators", len(heads)), heads


def studies() -> Listing:
    """Every study, with its version."""
    rows = [
        (d["name"], f"v{d.get('version', 1)}", d["title"], _first_paragraph(d))
        for d in declared(_package("studies"), "study")
    ]
    return rows, ("study", "version", "title", "what it computes")


def suites() -> Listing:
    """Every suite that comes with genbench."""
    from genbench.suites.load import read_toml, suite_files

    rows = [(name, read_toml(path).get("title", "")) for name, path in suite_files().items()]
    return rows, ("suite", "what it is")


def _with_installed(
    own: Sequence[tuple[object, ...]], group: str, n_columns: int
) -> list[tuple[object, ...]]:
    """Add what other packages declare; a name that is taken stays with its owner."""
    taken, blank = {row[0] for row in own}, ("",) * (n_columns - 2)
    others = {
        entry.name: entry.dist.name if entry.dist else "unknown"
        for entry in entry_points(group=group)
        if entry.name not in taken
    }
    rows = [(name, *blank, f"from the installed package '{o}'") for name, o in others.items()]
    return sorted([*own, *rows], key=itemgetter(0))


def _of_files(what: str, files: Sequence[Path]) -> Iterator[tuple[object, ...]]:
    """Return a row for each thing of a kind that files register."""
    from genbench.core.plugins import load_plugins, names_from

    load_plugins(files)
    for file in files:
        for registry, name in names_from(file):
            if registry.kind == KINDS.get(what):
                *columns, about = ROWS[what](registry[name])
                yield (name, *columns, f"{about} ({file.name})".strip())


def _package(name: str) -> Path:
    return Path(__file__).parents[1] / name


def _first_paragraph(declaration: dict[str, Any]) -> str:
    return " ".join(declaration["doc"].partition("\n\n")[0].split())


KINDS = {
    "models": "recipe",
    "datasets": "data set",
    "evaluators": "evaluator",
    "studies": "study",
}
"""What the registry of a listing holds."""
ROWS: dict[str, Callable[[Any], tuple[object, ...]]] = {
    "models": lambda recipe: (recipe.about,),
    "datasets": lambda dataset: ("", "", "", dataset.about),
    "evaluators": lambda e: (
        f"v{e.record.version}",
        e.record.unit,
        e.record.better,
        e.record.kind,
        e.record.description,
    ),
    "studies": lambda study: (f"v{study.version}", study.title, ""),
}
"""The columns of one entry, after its name."""
LISTINGS: dict[str, Callable[[], Listing]] = {
    "models": models,
    "datasets": data_sets,
    "evaluators": evaluators,
    "studies": studies,
    "suites": suites,
}
