"""``list``: recipes, data sets, evaluators, studies and suites, without importing torch.

A recipe, evaluator or study is declared in its source by a decorator with literal arguments above
a function with a docstring. These are read as text, so that no second list has to be kept.
"""

import ast
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

from genbench.commands.shared import Commands, add_command, out
from genbench.core.errors import ExitCode
from genbench.core.texts import aligned


def add_parser(commands: Commands) -> None:
    """Add ``list``."""
    parser = add_command(commands, "list", "what there is")
    parser.add_argument("what", choices=LISTINGS)
    parser.set_defaults(body=list_known)


def list_known(arguments: Namespace) -> int:
    """Print a line for each thing there is."""
    listing = LISTINGS[arguments.what]()
    out(aligned(listing.rows, listing.header))
    return ExitCode.OK


class Listing(NamedTuple):
    """A table: its header, and its lines."""

    header: tuple[str, ...]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True)
class Declaration:
    """The arguments of a decorator in source code, and the docstring below it."""

    call: ast.Call
    doc: str

    @property
    def name(self) -> str:
        """The first argument, or the one called ``name``."""
        return str(ast.literal_eval(self.call.args[0])) if self.call.args else str(self["name"])

    def __getitem__(self, keyword: str) -> object:
        (value,) = (k.value for k in self.call.keywords if k.arg == keyword)
        return ast.literal_eval(value)

    def get(self, keyword: str, default: object) -> object:
        """The argument of this name, or ``default`` if there is none."""
        return self[keyword] if any(k.arg == keyword for k in self.call.keywords) else default


def declared(folder: Path, decorator: str) -> list[Declaration]:
    """Read every function under ``@decorator(...)`` in the modules of a folder, by name.

    Example:
        >>> declared(_package("recipes"), "recipe")[0].name
        'ae'
    """
    texts = (path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    nodes = (n for text in texts if f"@{decorator}(" in text for n in ast.parse(text).body)
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef))
    declarations = [
        Declaration(call, ast.get_docstring(function) or "")
        for function in functions
        for call in function.decorator_list
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == decorator
    ]
    return sorted(declarations, key=lambda declaration: declaration.name)


def models() -> Listing:
    """Every recipe; those of other packages are named, and not imported."""
    own = {d.name: d.doc.partition("\n")[0] for d in declared(_package("recipes"), "recipe")}
    others = {
        entry.name: f"from the installed package '{entry.dist.name if entry.dist else 'unknown'}'"
        for entry in entry_points(group="genbench.recipes")
    }
    return Listing(("recipe", "what it is"), sorted((others | own).items()))


def data_sets() -> Listing:
    """Every data set, with its official sizes."""
    from genbench.data import datasets

    rows = [
        (name, "x".join(map(str, spec.image_shape)), spec.n_train, spec.n_test, spec.title)
        for name in datasets
        for spec in (datasets[name],)
    ]
    return Listing(("data set", "shape", "train", "test", "what it is"), rows)


def evaluators() -> Listing:
    """Every evaluator, with version, unit, direction and kind."""
    header = ("evaluator", "version", "unit", "better", "kind", "what it is")
    rows = [
        (d.name, f"v{d['version']}", d["unit"], d["better"], d["kind"], _first_paragraph(d.doc))
        for d in declared(_package("evaluation"), "evaluator")
    ]
    return Listing(header, rows)


def studies() -> Listing:
    """Every study, with its version."""
    rows = [
        (d.name, f"v{d.get('version', 1)}", d["title"], _first_paragraph(d.doc))
        for d in declared(_package("studies"), "study")
    ]
    return Listing(("study", "version", "title", "what it computes"), rows)


def suites() -> Listing:
    """Every suite that comes with genbench."""
    from genbench.suites.load import read_toml, suite_files

    files = suite_files().items()
    rows = [(name, read_toml(path).get("title", "")) for name, path in files]
    return Listing(("suite", "what it is"), rows)


def _package(name: str) -> Path:
    return Path(__file__).parents[1] / name


def _first_paragraph(doc: str) -> str:
    return " ".join(doc.split("\n\n")[0].split())


LISTINGS: dict[str, Callable[[], Listing]] = {
    "models": models,
    "datasets": data_sets,
    "evaluators": evaluators,
    "studies": studies,
    "suites": suites,
}
