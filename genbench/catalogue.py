"""What ``list`` shows: recipes, data sets, evaluators, studies and suites. Nothing imports torch.

A recipe, evaluator or study stands in its source as a decorator with literal arguments above a
function with a docstring. That is read as text here, so that no second list is to be kept in step.
"""

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple


class Listing(NamedTuple):
    """A table: what its columns are called, and its lines."""

    header: tuple[str, ...]
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True)
class Declaration:
    """A decorator's arguments as its source states them, and the docstring below it."""

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
        """The argument of this name, or what stands for it where it is not stated."""
        stated = any(k.arg == keyword for k in self.call.keywords)
        return self[keyword] if stated else default


def declared(folder: Path, decorator: str) -> list[Declaration]:
    """Read every function under ``@decorator(...)`` in the modules of a folder, by name.

    Example:
        >>> declared(Path(__file__).with_name("recipes"), "recipe")[0].name
        'ae'
    """
    texts = (path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    nodes = (n for text in texts if f"@{decorator}(" in text for n in ast.parse(text).body)
    functions = (node for node in nodes if isinstance(node, ast.FunctionDef))
    found = [
        Declaration(call, ast.get_docstring(function) or "")
        for function in functions
        for call in function.decorator_list
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == decorator
    ]
    return sorted(found, key=lambda declaration: declaration.name)


def models() -> Listing:
    """Every recipe; one that another package registers is named, and not imported."""
    own = {d.name: d.doc.partition("\n")[0] for d in declared(_part("recipes"), "recipe")}
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
        for d in declared(_part("evaluation"), "evaluator")
    ]
    return Listing(header, rows)


def studies() -> Listing:
    """Every study, with its version."""
    rows = [
        (d.name, f"v{d.get('version', 1)}", d["title"], _first_paragraph(d.doc))
        for d in declared(_part("studies"), "study")
    ]
    return Listing(("study", "version", "title", "what it computes"), rows)


def suites() -> Listing:
    """Every suite that comes with genbench."""
    import tomllib

    from genbench.suites.load import suite_files

    files = suite_files().items()
    rows = [(name, tomllib.loads(path.read_text()).get("title", "")) for name, path in files]
    return Listing(("suite", "what it is"), rows)


def _part(package: str) -> Path:
    return Path(__file__).with_name(package)


def _first_paragraph(doc: str) -> str:
    return " ".join(doc.split("\n\n")[0].split())


LISTINGS: dict[str, Callable[[], Listing]] = {
    "models": models,
    "datasets": data_sets,
    "evaluators": evaluators,
    "studies": studies,
    "suites": suites,
}
