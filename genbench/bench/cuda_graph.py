"""A computation captured as a CUDA graph, so that its launches cost no time."""

from collections.abc import Callable

import torch

from genbench.training.capture import capture_stream


class CapturedCall:
    """Captures what ``run`` does on the current CUDA device; a call repeats it.

    ``run`` is first called on the stream of captures, where libraries allocate their workspaces and
    optimisers their state. It is kept with the graph: the tensors that it holds are at the
    addresses that the graph reads and writes. Other threads may allocate meanwhile.
    """

    def __init__(self, run: Callable[[], object], warm_up: int = 1) -> None:
        self.run = run
        current = torch.cuda.current_stream()
        stream = capture_stream(current.device)
        stream.wait_stream(current)
        with torch.cuda.stream(stream):
            for _ in range(warm_up):
                run()
        current.wait_stream(stream)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=stream, capture_error_mode="thread_local"):
            run()

    def __call__(self) -> None:
        """Repeat the computation."""
        self.graph.replay()
