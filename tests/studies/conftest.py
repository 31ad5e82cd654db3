"""The study made for tests."""

from tests.studies.tiny import coins  # noqa: F401  a fixture
