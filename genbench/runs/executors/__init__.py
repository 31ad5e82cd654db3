"""Executors: runs in this process, in several, or on a Ray cluster; one schedule for all."""

from genbench.runs.executors.pick import Executor, pick_executor
from genbench.runs.executors.pool import MainGuardError

__all__ = ["Executor", "MainGuardError", "pick_executor"]
