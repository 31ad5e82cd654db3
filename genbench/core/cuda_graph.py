"""CUDA graphs: kernels that a GPU repeats without Python between them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from warnings import catch_warnings, simplefilter

import torch
from torch import Tensor


class CapturedCall:
    """Captures what ``run`` does on the current CUDA device; a call repeats it.

    ``run`` is first called on the stream of captures, where libraries allocate their workspaces and
    optimisers their state. It is kept with the graph: the tensors that it holds are at the
    addresses that the graph reads and writes. Other threads may allocate meanwhile.
    """

    def __init__(self, run: Callable[[], object], warm_up: int = 1) -> None:
        self.run = run
        device = torch.device("cuda", torch.cuda.current_device())
        with on_capture_stream(device):
            for _ in range(warm_up):
                run()
        self.graph = torch.cuda.CUDAGraph()
        with capture(self.graph, device):
            run()

    def __call__(self) -> None:
        """Repeat the computation."""
        self.graph.replay()


class CapturedFunction:
    """A function of tensors whose kernels a CUDA graph repeats, for inputs of the same shapes.

    Args:
        function: Draws no random numbers and never waits for the device.
        inputs: What it is captured with.

    Raises:
        Exception: What it raises where it waits for the device: it cannot be captured.
    """

    def __init__(self, function: Callable[..., Iterable[Tensor]], *inputs: Tensor) -> None:
        device = inputs[0].device
        self._inputs = [tensor.clone() for tensor in inputs]
        self._function = function  # what it holds is at addresses that the graph reads
        with as_in_capture(device):
            function(*self._inputs)
        self._graph = torch.cuda.CUDAGraph()
        with capture(self._graph, device):
            self._outputs = tuple(function(*self._inputs))

    def __call__(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the function's values at new inputs."""
        for fixed, new in zip(self._inputs, inputs, strict=True):
            fixed.copy_(new)
        self._graph.replay()
        return tuple(tensor.clone() for tensor in self._outputs)


@cache
def capture_stream(device: torch.device) -> torch.cuda.Stream:
    """Return the stream of every capture: libraries keep working memory for each stream."""
    return torch.cuda.Stream(device)  # type: ignore[no-untyped-call]


@contextmanager
def on_capture_stream(device: torch.device) -> Iterator[None]:
    """Run a block on the stream of captures, after what was launched and before what follows."""
    stream, current = capture_stream(device), torch.cuda.current_stream(device)
    stream.wait_stream(current)
    try:
        with torch.cuda.stream(stream):
            yield
    finally:
        current.wait_stream(stream)


@contextmanager
def as_in_capture(device: torch.device) -> Iterator[None]:
    """Run a block on the stream of captures, where waiting for the device raises an error.

    What would end a capture is found before one is begun, and libraries make ready what they must
    not make during one. On other devices than CUDA's, the block just runs.
    """
    if device.type != "cuda":
        yield
        return
    mode = torch.cuda.get_sync_debug_mode()
    with on_capture_stream(device):
        try:
            with catch_warnings():
                simplefilter("ignore")  # torch calls this mode a prototype
                torch.cuda.set_sync_debug_mode("error")
                yield
        finally:
            torch.cuda.set_sync_debug_mode(mode)


@contextmanager
def capture(
    graph: torch.cuda.CUDAGraph, device: torch.device, generators: Iterable[torch.Generator] = ()
) -> Iterator[None]:
    """Capture a block; after an error, leave allocator and generators as they were."""
    for generator in generators:
        graph.register_generator_state(generator)
    stream, pool = capture_stream(device), torch.cuda.graph_pool_handle()
    try:
        with torch.cuda.graph(graph, pool, stream, capture_error_mode="thread_local"):
            yield
    except Exception:
        _clear_failed_capture(device, generators, pool)
        raise


def _clear_failed_capture(
    device: torch.device, generators: Iterable[torch.Generator], pool: tuple[int, int]
) -> None:
    """End what a capture has begun where torch does not.

    A capture that CUDA has broken off leaves its memory pool open, and in older versions its
    generators in capture, until another capture with them ends.
    """
    with suppress(RuntimeError):  # it was ended
        torch._C._cuda_endAllocateToPool(device.index, pool)
        torch._C._cuda_releasePool(device.index, pool)
    empty = torch.cuda.CUDAGraph()
    for generator in generators:
        empty.register_generator_state(generator)
    with torch.cuda.graph(empty, stream=capture_stream(device)):
        torch.zeros((), device=device)
