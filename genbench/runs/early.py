"""Worker processes that start before this process imports torch, where cores are to spare."""

from contextlib import AbstractContextManager

from genbench.core.children import started_early
from genbench.core.processes import cores
from genbench.runs.run_options import RunOptions

WORKER = "genbench.runs.work"
_MOST = 4
"""The others start when it is known how many there are to be."""
_CORES_OF_EACH = 4
"""Where there are fewer, those that import take them from this process, which needs them first."""
_LATE = ("scipy.stats", "sklearn.cluster")
"""What evaluations import late, since it takes seconds; these processes have time for it."""


def early_workers(options: RunOptions) -> AbstractContextManager[None]:
    """Start workers, which need as long for their imports as this process for its own.

    Those that nothing inside of the block needs are ended with it.
    """
    is_here = options.jobs == 1 or options.executor != "local"
    most = min(_MOST, options.jobs) if isinstance(options.jobs, int) else _MOST
    return started_early(WORKER, 0 if is_here else min(most, cores() // _CORES_OF_EACH), *_LATE)
