"""A computation captured as a CUDA graph, so that its launches cost no time."""

from collections.abc import Callable

import torch


class CapturedCall:
    """Captures what ``run`` does on the current CUDA device; a call repeats it.

    ``run`` is first called on a side stream, where libraries allocate their workspaces and
    optimisers their state. It is kept with the graph: the tensors that it holds are at the
    addresses that the graph reads and writes. Other threads may allocate meanwhile.
    """

    def __init__(self, run: Callable[[], object], warm_up: int = 1) -> None:
        self.run = run
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(warm_up):
                run()
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, capture_error_mode="thread_local"):
            run()

    def __call__(self) -> None:
        """Repeat the computation."""
        self.graph.replay()
