"""The tests of this folder run in one thread."""

from tests.one_thread import one_thread  # noqa: F401
