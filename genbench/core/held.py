"""What an object holds, however deep: modules and tensors in attributes, lists and closures."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from types import CellType, FunctionType, MethodType, ModuleType
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
            return one.__closure__ or ()
        case CellType():
            return _content(one)
        case nn.Module():
            return [*one.children(), *vars(one).values()]
    return getattr(one, "__dict__", {}).values()


def _content(cell: CellType) -> tuple[Any, ...]:
    try:
        return (cell.cell_contents,)
    except ValueError:  # not filled yet
        return ()
