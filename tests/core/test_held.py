"""What an object holds: found through attributes, containers and closures, each once."""

from functools import partial

import pytest
import torch
from torch import nn

from genbench.core.held import modules_in, tensors_in


class Box:
    def __init__(self, content):
        self.content = content

    def method(self):
        return self.content


HOLD = {
    "itself": lambda m: m,
    "attribute": Box,
    "list": lambda m: [1, m],
    "tuple": lambda m: (m, m),
    "dict": lambda m: {"a": {"b": m}},
    "set": lambda m: {m},
    "closure": lambda m: lambda: m,
    "bound method": lambda m: Box(m).method,
    "partial": lambda m: partial(print, m, end=m),
    "sequential": nn.Sequential,
    "list in a module": lambda m: with_list(m),
    "deep": lambda m: Box([{"a": Box(lambda: (m,))}]),
}


GLOBAL = nn.Dropout()


class UsesAGlobal:
    def encode(self, x):
        return GLOBAL(x)


def uses_another_function(x):
    return UsesAGlobal.encode(None, x) + helper(x)


def helper(x):
    return [GLOBAL(x) for _ in range(2)]


def test_what_a_script_holds_is_found_through_the_functions_that_use_it():
    for model in (UsesAGlobal(), lambda x: GLOBAL(x), uses_another_function, Box(UsesAGlobal())):
        assert modules_in(model) == [GLOBAL]


def with_list(module):
    outer = nn.Identity()
    outer.held = [module]
    return outer


@pytest.mark.parametrize("hold", HOLD.values(), ids=HOLD)
def test_a_module_is_found_once_wherever_it_is_held(hold):
    layer = nn.BatchNorm1d(3)
    found = modules_in(hold(layer))
    assert [module for module in found if module is layer] == [layer]
    names = {id(t) for t in (*layer.parameters(), *layer.buffers())}
    assert {id(t) for t in tensors_in(hold(layer))} == names


def test_a_loop_ends_and_what_is_no_container_is_left_alone():
    one, other = Box(None), Box("text")
    one.content = other
    other.again = one
    assert modules_in(one) == []
    assert tensors_in(None) == []
    assert modules_in(nn) == []
    assert modules_in(torch.cat) == modules_in(torch.distributions.kl_divergence) == []


def test_tensors_count_only_where_there_are_no_weights():
    data = torch.zeros(3)
    assert [t is data for t in tensors_in(Box([data]))] == [True]
    layer = nn.Linear(2, 1, bias=False)
    (found,) = tensors_in(Box([data, layer]))
    assert found is layer.weight
