"""Records what a function does to tensors, as a list of torch's operations that can be repeated.

Torch's own ``make_fx`` does the same for compilers, with symbolic shapes, in ten times the time.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor
from torch.fx import Graph, GraphModule, Node
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map


def recorded(function: Callable[..., Tensor], *inputs: Tensor) -> Callable[..., Tensor]:
    """Call a function of tensors once; return one that repeats its operations on other inputs.

    Each input must be another tensor. What else the function reads stays as it is; random numbers
    are drawn anew. In a repetition nothing is differentiated.

    Raises:
        RuntimeError: The function reads the value of a tensor, on which it could branch.
    """
    tape = _Tape(inputs)
    with tape:
        result = function(*inputs)
    return tape.repeatable(result)


class _Tape(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Writes down each operation; tensors are known by identity, so all are kept until the end."""

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._graph, self._constants = Graph(), dict[str, Tensor]()
        self._nodes: dict[int, tuple[Tensor, Node]] = {}
        for index, tensor in enumerate(inputs):
            self._name(tensor, self._graph.placeholder(f"input_{index}"))

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Keep torch from importing its compiler to tell it to stay away."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        """Execute an operation and write it down, unless it is a mark for torch's profiler."""
        given = tuple(args), dict(kwargs or {})
        result = func(*given[0], **given[1])
        if isinstance(result, bool | int | float):
            if any(isinstance(each, Tensor) for each in tree_leaves(given)):
                raise RuntimeError(f"{func.name()} reads the value of a tensor")
        elif func.namespace != "profiler":
            known = tree_map(self._known, given)
            self._name_result(result, self._graph.call_function(func, *known))
        return result

    def repeatable(self, result: Tensor) -> Callable[..., Tensor]:
        """Return the function that repeats what was written down."""
        self._graph.output(self._known(result))
        module = GraphModule(self._constants, self._graph)
        self._nodes.clear()
        return module.forward

    def _name(self, tensor: Tensor, node: Node) -> None:
        self._nodes[id(tensor)] = tensor, node

    def _name_result(self, result: Any, node: Node) -> None:
        if isinstance(result, Tensor):
            self._name(result, node)
        elif isinstance(result, tuple | list):
            for index, part in enumerate(result):
                if part is not None:
                    part_of = (node, index)
                    self._name_result(part, self._graph.call_function(operator.getitem, part_of))

    def _known(self, value: Any) -> Any:
        """Return the node of a tensor, one of its own where the function did not make it."""
        if not isinstance(value, Tensor):
            return value
        if id(value) not in self._nodes:
            name = f"constant_{len(self._constants)}"
            self._constants[name] = value
            self._name(value, self._graph.get_attr(name))
        return self._nodes[id(value)][1]
