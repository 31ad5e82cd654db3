"""Shapes of images: flat ones and images of one order are exchanged, other orders refused."""

from collections.abc import Sequence
from itertools import permutations
from math import prod

from genbench.core.errors import ConfigError


def same_order(shape: Sequence[int], other: Sequence[int]) -> bool:
    """Return whether numbers in both shapes stand in the same order.

    Dimensions of one do not count, and either may be flat.

    Example:
        >>> same_order((784,), (1, 28, 28)), same_order((28, 28, 1), (1, 28, 28))
        (True, True)
        >>> same_order((32, 32, 3), (3, 32, 32))
        False
    """
    sides = [[size for size in one if size != 1] for one in (shape, other)]
    return prod(shape) == prod(other) and (sides[0] == sides[1] or min(map(len, sides)) <= 1)


def permutation(shape: Sequence[int], of_model: Sequence[int]) -> tuple[int, ...]:
    """Return the arguments of ``permute`` after the first that turn ``shape`` into ``of_model``.

    Empty where nothing is to be turned or nothing helps.

    Example:
        >>> permutation((32, 32, 3), (3, 32, 32))
        (3, 1, 2)
    """
    if same_order(shape, of_model):
        return ()
    orders = permutations(range(len(shape)))
    fitting = (o for o in orders if same_order([shape[i] for i in o], of_model))
    return tuple(i + 1 for i in next(fitting, ()))


def check_layout(shape: Sequence[int], of_model: Sequence[int]) -> None:
    """Check that data are images of the model's shape, or the same numbers in a row.

    Args:
        shape: Of one datum.
        of_model: Of one image of the model.

    Raises:
        ConfigError: They have other sizes, or another order of dimensions.
    """
    shape, of_model = tuple(shape), tuple(of_model)
    n, expected = prod(shape), prod(of_model)
    if n != expected:
        raise ConfigError(
            f"x has data of shape {shape}, {n} numbers each; the model's images have shape "
            f"{of_model}, {expected} numbers"
        )
    if not same_order(shape, of_model):
        dims = permutation(shape, of_model)
        fix = f"x.permute{(0, *dims)}" if dims else f"x.reshape{(-1, *of_model)}, if you mean that,"
        raise ConfigError(
            f"x has data of shape {shape}, the model's images have shape {of_model}: "
            f"{fix} puts the numbers in that order"
        )
