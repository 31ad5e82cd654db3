"""Records a training step and replays it without Python between its operations.

On a CPU the recording is the list of torch's operations, forward, backward and optimiser; replaying
it matches the plain step bit for bit. On a CUDA device it is a CUDA graph.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from genbench.training.step import Step

RecordedStep = Callable[[Tensor, float], Tensor]
"""Takes the step on a batch's indices at a given epoch; returns what was logged."""

CAPTURE_STEPS = 1_000
"""Number of steps from which recording pays for itself.

Measured on two cores: recording takes 0.3 s, and saves 0.4 to 0.8 ms per step of a VAE.
"""

_REFUSALS = (RuntimeError, TypeError, ValueError, AttributeError, AssertionError)
"""What torch raises for a step that reads or branches on a value: it cannot be recorded."""


class StepRecorder:
    """Takes training steps: the first ones plain, later ones recorded if enough follow.

    A recording is used only if it reproduces the plain step on a further batch: bit for bit on a
    CPU, up to rounding of the logged values elsewhere. A step that cannot be recorded stays plain.
    """

    def __init__(self, step: Step, n_steps: int) -> None:
        self.step = step
        self.recording: RecordedStep | None = None
        self.verified = False
        self._first_steps = iter(
            (self.step, self._record, self._verify) if n_steps >= CAPTURE_STEPS else ()
        )

    def __call__(self, indices: Tensor, epoch: float) -> Tensor:
        """Take one step; arguments and return value are those of :class:`Step`."""
        if self.verified and self.recording:
            return self.recording(indices, epoch)
        take = next(self._first_steps, self.step)  # the first, plain step creates optimiser state
        return take(indices, epoch)

    def _record(self, indices: Tensor, epoch: float) -> Tensor:
        before = _Snapshot(self.step)
        try:
            self.recording, logged = record_step(self.step, indices, epoch)
        except _REFUSALS:
            before.restore()
            self._first_steps = iter(())
            return self.step(indices, epoch)
        return logged

    def _verify(self, indices: Tensor, epoch: float) -> Tensor:
        before = _Snapshot(self.step)
        plain = self.step(indices, epoch)
        after = _Snapshot(self.step)
        before.restore()
        assert self.recording is not None
        recorded = self.recording(indices, epoch)
        self.verified = _same(plain, recorded, after.tensors, self.step.tensors())
        if not self.verified:
            after.restore()
        return plain


class _Snapshot:
    """A copy of everything that a step changes: tensors and the states of torch's generators."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.tensors = [tensor.detach().clone() for tensor in step.tensors()]
        self.cpu_generator = torch.get_rng_state()
        on_cuda = step.device.type == "cuda"
        self.cuda_generator = torch.cuda.get_rng_state(step.device) if on_cuda else None

    def restore(self) -> None:
        with torch.no_grad():
            for tensor, copy in zip(self.step.tensors(), self.tensors, strict=True):
                tensor.copy_(copy)
        torch.set_rng_state(self.cpu_generator)
        if self.cuda_generator is not None:
            torch.cuda.set_rng_state(self.cuda_generator, self.step.device)


def _same(
    plain: Tensor, recorded: Tensor, after_plain: Sequence[Tensor], after_recorded: Sequence[Tensor]
) -> bool:
    if plain.device.type != "cpu":
        return torch.allclose(plain, recorded, rtol=1e-4)
    pairs = zip((plain, *after_plain), (recorded, *after_recorded), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def record_step(step: Step, indices: Tensor, epoch: float) -> tuple[RecordedStep, Tensor]:
    """Take the step while it is recorded; return the recording and what was logged.

    The optimisers must have taken a step before.
    """
    clock = torch.tensor(epoch, dtype=torch.float64, device=step.device)
    if step.device.type == "cuda":
        return _cuda_graph(step, indices, clock)
    return _operations(step, indices, clock)


def _operations(step: Step, indices: Tensor, clock: Tensor) -> tuple[RecordedStep, Tensor]:
    logged: list[Tensor] = []

    def traced(indices: Tensor, clock: Tensor, *state: Tensor) -> Tensor:
        logged.append(step(indices, clock))
        return logged[0]

    # Trace the step with its state as inputs, so that in-place changes are recorded.
    state = step.tensors()
    graph = make_fx(traced)(indices, clock, *state)
    _remove_profiling(graph)
    replay = graph.forward

    # Repeat the operations on the same state.
    def recorded(indices: Tensor, epoch: float) -> Tensor:
        clock.fill_(epoch)
        with torch.no_grad():
            values: Tensor = replay(indices, clock, *state)
        return values

    return recorded, logged[0].detach()


def _remove_profiling(graph: GraphModule) -> None:
    """Remove the marks that optimisers leave for torch's profiler."""
    for node in reversed(graph.graph.nodes):
        if "profiler" in str(node.target):
            graph.graph.erase_node(node)
    graph.recompile()


def _cuda_graph(step: Step, indices: Tensor, clock: Tensor) -> tuple[RecordedStep, Tensor]:
    # A graph reads its inputs at fixed addresses: clock has one, indices get one.
    static_indices = indices.clone()
    epoch = float(clock)

    # Capture the kernels of one step, without running them.
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        logged = step(static_indices, clock)

    # Write new inputs to the fixed addresses, and launch all kernels at once.
    def recorded(indices: Tensor, epoch: float) -> Tensor:
        clock.fill_(epoch)
        static_indices.copy_(indices)
        graph.replay()
        return logged

    # Run the captured step for the first time.
    return recorded, recorded(indices, epoch)
