"""Refuses evaluations that cannot fit in memory or never end, before anything is evaluated."""

from collections.abc import Sequence

import torch

from genbench.core.devices import free_gpu_bytes
from genbench.core.duration import require_time
from genbench.core.memory import require_memory
from genbench.evaluation.runner import Task, block_size
from genbench.evaluation.spec import EvaluatorOptions, Sizes


def require_room_for(
    tasks: Sequence[Task], n: int, n_pixels: int, device: torch.device, where: str = "evaluate."
) -> None:
    """Check that the largest of what each task holds fits in memory, that of a GPU on a GPU.

    And that each ends within a year.

    Args:
        tasks: What is evaluated.
        n: Number of data.
        n_pixels: Numbers in a datum.
        device: Of the data.
        where: Key of the tasks' options, before their names.

    Raises:
        ConfigError: One does not fit, or does not end; names the options and the size.
    """
    needed: dict[str, int] = {}
    block = block_size(device, n_pixels)
    for task in tasks:
        if not isinstance(task.options, EvaluatorOptions):  # a user's: nothing is known of it
            continue
        n_task = task.n_of(n)
        sizes = Sizes(n_task, min(block, n_task), n_pixels)
        stated = ", ".join(f"{k} = {v}" for k, v in task.options if type(v) is int)
        what = f"{where}{task.evaluator.name}: evaluating with {stated}"
        needed[what] = task.options.n_bytes(sizes)
        require_time(task.options.n_calls() * -(-n_task // max(sizes.block, 1)), what)
    if needed:
        largest = max(needed, key=needed.__getitem__)
        require_memory(needed[largest], largest, gpu_bytes=free_gpu_bytes(device))
