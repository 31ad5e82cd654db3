"""The entropy coder against its inverse and against entropy."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genbench.certify.coding.rans import TOTAL, Stack
from genbench.core.errors import StorageError

HEAD_BITS = 48


@st.composite
def messages(draw):
    """Symbols with their frequencies: sorted cuts of the numbers below 2^24."""
    cuts = draw(st.lists(st.integers(1, TOTAL - 1), min_size=0, max_size=20, unique=True))
    starts = [0, *sorted(cuts), TOTAL]
    symbols = draw(st.lists(st.integers(0, len(starts) - 2), max_size=300))
    return starts, symbols


def push_all(stack, starts, symbols):
    for symbol in reversed(symbols):
        stack.push(starts[symbol], starts[symbol + 1] - starts[symbol])


def pop(stack, starts, turn=0):
    slot = stack.peek(turn)
    symbol = next(k for k in range(len(starts) - 1) if starts[k] <= slot < starts[k + 1])
    stack.drop(starts[symbol], starts[symbol + 1] - starts[symbol], turn)
    return symbol


@given(messages())
def test_symbols_come_back_through_bytes_and_leave_an_empty_stack(message):
    starts, symbols = message
    stack = Stack()
    push_all(stack, starts, symbols)
    read = Stack.from_bytes(stack.to_bytes())
    assert [pop(read, starts) for _ in symbols] == symbols
    assert read.is_as_at_the_start(0)


@given(messages())
def test_the_length_is_that_of_the_probabilities(message):
    starts, symbols = message
    stack = Stack()
    push_all(stack, starts, symbols)
    ideal = sum(math.log2(TOTAL / (starts[k + 1] - starts[k])) for k in symbols)
    found = 8 * len(stack.to_bytes())
    rounding = 0.006 * len(symbols) + 1e-6  # each division leaves 2^-8 of the head, at most
    assert ideal - rounding <= found - 32  # a head without a symbol has 32 bits
    assert found - HEAD_BITS <= ideal + rounding


@given(messages(), st.lists(st.integers(0, TOTAL - 1), max_size=60))
def test_taking_symbols_first_and_coding_them_gives_the_bits_back(message, turns):
    starts, _ = message
    stack = Stack(endless=True)
    found = [pop(stack, starts, turn) for turn in turns]
    for symbol, turn in zip(reversed(found), reversed(turns), strict=True):
        stack.push(starts[symbol], starts[symbol + 1] - starts[symbol], turn)
    assert stack.is_as_at_the_start(stack.n_initial)


def test_with_a_random_turn_a_symbol_does_not_depend_on_what_was_coded_last():
    random, n = Random(0), 4_000
    starts = [0, TOTAL // 4, TOTAL]
    found = []
    for _ in range(n):
        stack = Stack(endless=True)
        stack.push(0, TOTAL // 4)
        found.append(pop(stack, starts, random.randrange(TOTAL)))
    assert abs(sum(found) / n - 0.75) < 4 * (0.75 * 0.25 / n) ** 0.5


def test_an_empty_stack_gives_no_symbol():
    stack = Stack()
    with pytest.raises(StorageError, match="ends before the last image"):
        stack.drop(stack.peek(), 1)


@pytest.mark.parametrize("content", [b"", b"12345", b"1234567", bytes(6), bytes(8)])
def test_bytes_that_are_no_stack_are_refused(content):
    with pytest.raises(StorageError, match="no state of the coder"):
        Stack.from_bytes(content)
