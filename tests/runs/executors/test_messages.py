"""Errors cross the socket as one of genbench's own kinds."""

import pickle

import pytest

from genbench.core.errors import ConfigError, DataError, RunsFailedError, StorageError
from genbench.runs.executors.messages import Failure


class OwnError(DataError):
    """What a user's code may raise: made with two arguments, and never pickled."""

    def __init__(self, name, keep):
        super().__init__(f"{name} is missing")
        self.keep = keep

    def __reduce__(self):
        raise TypeError("cannot be pickled")


@pytest.mark.parametrize("kind", [ConfigError, DataError, StorageError, RunsFailedError])
def test_an_error_arrives_as_what_it_was(kind):
    arrived = pickle.loads(pickle.dumps(Failure.of(kind("what happened")))).error()
    assert (type(arrived), str(arrived)) == (kind, "what happened")


def test_an_error_of_a_user_arrives_as_the_nearest_of_genbenchs():
    arrived = pickle.loads(pickle.dumps(Failure.of(OwnError("x", lambda: 0)))).error()
    assert (type(arrived), str(arrived)) == (DataError, "x is missing")
