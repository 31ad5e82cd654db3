"""What an object holds: modules and tensors in attributes, lists, closures and globals it uses."""

import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from torch import Tensor, nn

MAX_OBJECTS = 100_000
"""No more are looked at, so that a model which holds its data is not searched for long."""
_PLAIN = (str, bytes, bytearray, int, float, complex, bool, type, ModuleType, type(None))


def modules_in(root: object) -> list[nn.Module]:
    """Return every torch module that ``root`` is or holds."""
    return [held for held in _held(root) if isinstance(held, nn.Module)]


def tensors_in(root: object) -> list[Tensor]:
    """Return the parameters and buffers of all modules in ``root``; without any, its tensors."""
    of_modules = [t for m in modules_in(root) for t in (*m.parameters(False), *m.buffers(False))]
    return of_modules or [held for held in _held(root) if isinstance(held, Tensor)]


def _held(root: object) -> Iterator[object]:
    """Walk through ``root``, itself first, each object once."""
    waiting, seen = deque([root]), {id(root): root}
    while waiting and len(seen) < MAX_OBJECTS:
        one = waiting.popleft()
        yield one
        for part in _parts(one):
            if id(part) not in seen and not isinstance(part, _PLAIN):
                seen[id(part)] = part
                waiting.append(part)


def _parts(one: Any) -> Iterable[Any]:
    """Return what an object consists of."""
    match one:
        case Tensor():
            return ()
        case Mapping():
            return [*one.values(), *getattr(one, "__dict__", {}).values()]
        case list() | tuple() | set() | frozenset():
            return one
        case partial():
            return (one.func, *one.args, *one.keywords.values())
        case MethodType():
            return (one.__self__, one.__func__)
        case FunctionType():
            return [*(one.__closure__ or ()), *_globals(one)]
        case CellType():
            return _content(one)
        case nn.Module():
            return [*one.children(), *vars(one).values(), *_methods(one)]
    return [*getattr(one, "__dict__", {}).values(), *_methods(one)]


def _methods(one: object) -> list[FunctionType]:
    """Return the functions of an object's own classes, which may use what a script holds."""
    own = [kind for kind in type(one).__mro__ if not _is_of_a_library(kind.__module__)]
    return [f for kind in own for f in vars(kind).values() if isinstance(f, FunctionType)]


def _globals(function: FunctionType) -> list[Any]:
    """Return what a function uses of the script or notebook that it stands in."""
    if _is_of_a_library(function.__module__):
        return []
    names = _names(function.__code__)
    return [function.__globals__[name] for name in names if name in function.__globals__]


def _names(code: CodeType) -> list[str]:
    """Return the names that a code uses, those of comprehensions and lambdas in it too."""
    inner = [part for part in code.co_consts if isinstance(part, CodeType)]
    return [*code.co_names, *(name for part in inner for name in _names(part))]


def _is_of_a_library(module: str | None) -> bool:
    return _is_installed((module or "").partition(".")[0])


@cache
def _is_installed(package: str) -> bool:
    """Return whether a package is Python's own, ours, or installed, and no script of a user's."""
    file = getattr(sys.modules.get(package), "__file__", None) or ""
    ours = package in sys.stdlib_module_names or package == "genbench"
    return ours or not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)


def _content(cell: CellType) -> tuple[Any, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # not filled yet
        return ()
