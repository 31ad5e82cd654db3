"""An entropy coder in whole numbers: the last symbol that was coded is the first to come back.

Range asymmetric numeral systems on one stack. A symbol is a run of ``width`` of the 2^24 numbers
from ``start`` on; it costs 24 - log2(width) bits, up to rounding. Decoding takes exactly the steps
of coding back, so a stack can also give symbols first and be coded to afterwards: bits back.

A symbol that is taken from a stack depends on what was coded there last. With a ``turn``, a random
number that both sides know, it does not: the 2^24 numbers are counted from there.

References:
    Duda 2013; Townsend, Bird, Barber 2019, for a stack that is not empty at the start.
"""

import sys
from array import array

from genbench.core.errors import StorageError

PRECISION = 24
"""Probabilities are multiples of 2^-24."""
TOTAL = 1 << PRECISION
LOWEST = 1 << 32
"""The head of the stack is at least this and below 2^48; the words below it have 16 bits."""
WORD_BITS = 16
_WORD = (1 << WORD_BITS) - 1
_SLOT = TOTAL - 1
_SPILL = (LOWEST >> PRECISION) << WORD_BITS
_HEAD_BYTES = 6


class Stack:
    """The state of the coder: a head, and the words below it.

    Args:
        endless: Whether words of zeros lie below the first one; else nothing does.
    """

    def __init__(self, *, endless: bool = False) -> None:
        self.head = LOWEST
        self.words = array("H")
        self.n_initial = 0
        self._endless = endless

    def push(self, start: int, width: int, turn: int = 0) -> None:
        """Code the symbol that owns the numbers ``start`` to ``start + width - 1``."""
        head = self.head
        while head >= width * _SPILL:
            self.words.append(head & _WORD)
            head >>= WORD_BITS
        quotient, rest = divmod(head, width)
        self.head = (quotient << PRECISION) + ((start + rest - turn) & _SLOT)

    def peek(self, turn: int = 0) -> int:
        """Return a number below 2^24 that the next symbol owns."""
        return (self.head + turn) & _SLOT

    def drop(self, start: int, width: int, turn: int = 0) -> None:
        """Take the symbol of :meth:`peek` from the stack: the inverse of :meth:`push`.

        Raises:
            StorageError: The stack has no more words.
        """
        head = width * (self.head >> PRECISION) + self.peek(turn) - start
        while head < LOWEST:
            head = (head << WORD_BITS) | (self.words.pop() if self.words else self._initial_word())
        self.head = head

    def _initial_word(self) -> int:
        if not self._endless:
            raise StorageError("the code ends before the last image")
        self.n_initial += 1
        return 0

    def is_as_at_the_start(self, n_initial: int) -> bool:
        """Return whether nothing is left on the stack but so many words of zeros."""
        return self.head == LOWEST and self.words == array("H", bytes(2 * n_initial))

    def to_bytes(self) -> bytes:
        """Return the words and then the head, little-endian."""
        return _little_endian(self.words).tobytes() + self.head.to_bytes(_HEAD_BYTES, "little")

    @classmethod
    def from_bytes(cls, content: bytes) -> "Stack":
        """Read what :meth:`to_bytes` returned.

        Raises:
            StorageError: No stack has these bytes.
        """
        stack = cls()
        stack.head = int.from_bytes(content[-_HEAD_BYTES:], "little")
        if len(content) < _HEAD_BYTES or len(content) % 2 or stack.head < LOWEST:
            raise StorageError("the code is no state of the coder")
        stack.words.frombytes(content[:-_HEAD_BYTES])
        stack.words = _little_endian(stack.words)
        return stack


def _little_endian(words: "array[int]") -> "array[int]":
    """Return words in the byte order of files, or words of a file in that of the machine."""
    ordered = words[:]
    if sys.byteorder == "big":
        ordered.byteswap()
    return ordered
