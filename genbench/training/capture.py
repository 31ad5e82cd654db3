"""Records training steps and replays them without Python between their operations.

On a CPU the recording is the list of torch's operations in one step, forward, backward and
optimiser. On a CUDA device it is a CUDA graph of several steps. Either must match plain steps bit
for bit, or it is not used.
"""

import math
from collections import deque
from collections.abc import Callable

import torch
from torch import Tensor

from genbench.core.cuda_graph import as_in_capture, capture
from genbench.core.devices import widest
from genbench.core.errors import first_line
from genbench.training.part import Part
from genbench.training.step import Inputs, Step
from genbench.training.tape import recorded

Recording = Callable[[Inputs], None]
"""Takes the steps of given inputs, and adds what they log to the recorder's sums."""

CAPTURE_STEPS = 100
"""Number of steps from which recording pays for itself on a CPU.

Measured on two cores: recording takes 0.03 s, and saves 0.4 to 0.8 ms per step of a VAE.
"""

GRAPH_CAPTURE_STEPS = 200
"""The same for a CUDA graph, which saves 2 ms per step of a VAE: its launches, one by one."""

STEPS_PER_GRAPH = 10
"""Maximum of steps in a CUDA graph: few enough to be captured in a moment."""

GRAPHS_AHEAD = 3
"""Graphs that a GPU may have before it while the processor prepares more.

They keep it busy for milliseconds; a whole epoch would keep a signal waiting for as long.
"""

_REFUSALS = (RuntimeError, TypeError, ValueError, AttributeError, AssertionError)
"""What torch raises for a step that reads or branches on a value: it cannot be recorded."""


class StepRecorder:
    """Takes training steps: the first ones plain, later ones recorded if enough follow.

    A recording is used only if it reproduces plain steps bit for bit: what they log, every tensor
    and the state of every generator. Steps that cannot be recorded stay plain.

    Attributes:
        recording: What replaces plain steps, once there is one.
        refusal: Why there is none, if it was tried in vain.
        sums: Of what the steps of an epoch have logged so far, in float64.
    """

    def __init__(self, step: Step, n_steps: int) -> None:
        self.step = step
        self.recording: Recording | None = None
        self.refusal = ""
        self._on_cuda = step.device.type == "cuda"
        worthwhile = n_steps >= (GRAPH_CAPTURE_STEPS if self._on_cuda else CAPTURE_STEPS)
        self._untried = worthwhile and step.device.type in ("cpu", "cuda")
        self.sums: Tensor | None = None
        self._any_taken = False
        self._size = 0
        self._queued: deque[torch.cuda.Event] = deque()

    def __call__(
        self,
        inputs: Inputs,
        part: Part | None = None,
        pause: Callable[[int], None] | None = None,
    ) -> Tensor:
        """Take the steps of an epoch; return the sums of what they logged.

        The next call overwrites the sums.

        Args:
            inputs: Of all steps.
            part: What was trained of them before.
            pause: Called before each step, or graph of steps, with the number of those taken; the
                processor then keeps the pace of a GPU.
        """
        start = part.steps if part else 0
        if part:
            self.sums = part.sums.to(self.step.device)
        elif self.sums is not None:
            self.sums.zero_()
        self._size = self._size or self._window(math.gcd(len(inputs.epoch), start))
        for taken, window in inputs.windows(self._size, start):
            if pause:
                self._keep_pace()
                pause(taken)
            self._take(window)
        assert self.sums is not None
        return self.sums

    @property
    def not_recorded(self) -> str:
        """Why steps on a GPU are taken one by one, which is slow there; else nothing."""
        return "" if self.step.device.type == "cpu" else self.refusal

    def _window(self, n: int) -> int:
        return steps_at_once(n) if self._on_cuda else 1

    def _keep_pace(self) -> None:
        """Wait for a GPU that is more than some windows behind."""
        if self._on_cuda:
            end = torch.cuda.Event()  # type: ignore[no-untyped-call]
            end.record(torch.cuda.current_stream(self.step.device))
            self._queued.append(end)
        if len(self._queued) > GRAPHS_AHEAD:
            self._queued.popleft().synchronize()

    def _take(self, window: Inputs) -> None:
        if self.recording:
            self.recording(window)
        elif self._untried and self._any_taken and self.sums is not None:
            self._untried = False
            self._record(window, self.sums)
        else:
            self.sums = take_steps(self.step, window, self.sums)
            self._any_taken = True  # by the optimisers too

    def _record(self, window: Inputs, sums: Tensor) -> None:
        """Take the steps plainly, record them, and keep a recording that gives the same bits."""
        before = _Snapshot(self.step, sums)
        try:
            with as_in_capture(self.step.device):
                take_steps(self.step, window, sums)
        except _REFUSALS as error:
            self.refusal = first_line(error)
            before.restore()
            take_steps(self.step, window, sums)
            return
        after = _Snapshot(self.step, sums)
        try:
            # Recorded from another state, on a batch in another order: what a recording does not
            # follow then shows in the comparison.
            other = window._replace(indices=window.indices.flip(-1))
            recording = record_steps(self.step, other, sums)
            before.restore()
            recording(window)
            after.require_same()
        except _REFUSALS as error:
            self.refusal = first_line(error)
            after.restore()
            return
        self.recording = recording


def steps_at_once(n: int) -> int:
    """Return how many of n steps a CUDA graph takes: a divisor, so that none is left over.

    Example:
        >>> steps_at_once(390), steps_at_once(469)
        (10, 7)
    """
    return max(size for size in range(1, STEPS_PER_GRAPH + 1) if n % size == 0)


def take_steps(step: Step, inputs: Inputs, sums: Tensor | None) -> Tensor:
    """Take steps one by one, add what they log to the sums, and return the sums."""
    for row in inputs.rows():
        step.draw()
        logged = step(*row)
        if sums is None:
            sums = torch.zeros_like(logged, dtype=widest(logged.device))
        sums.add_(logged)
    assert sums is not None
    return sums


class _Snapshot:
    """A copy of everything that steps change: tensors and the states of generators."""

    def __init__(self, step: Step, sums: Tensor) -> None:
        self._tensors = [*step.tensors(), sums]
        self._copies = [tensor.detach().clone() for tensor in self._tensors]
        self._generators = generators_of(step)
        self._states = [generator.get_state() for generator in self._generators]

    @torch.no_grad()
    def restore(self) -> None:
        """Set everything to its copy."""
        for tensor, copy in zip(self._tensors, self._copies, strict=True):
            tensor.copy_(copy)
        for generator, state in zip(self._generators, self._states, strict=True):
            generator.set_state(state)

    def require_same(self) -> None:
        """Raise a ``ValueError`` unless everything equals its copy bit for bit."""
        now = [*self._tensors, *(generator.get_state() for generator in self._generators)]
        copies = [*self._copies, *self._states]
        n = sum(not torch.equal(a, b) for a, b in zip(now, copies, strict=True))
        if n:
            what = f"{n} of {len(now)} tensors and generators"
            raise ValueError(f"recorded and plain steps differ in {what}")


def generators_of(step: Step) -> list[torch.Generator]:
    """Return every generator that a step may draw from."""
    own = [torch.default_generator, *step.generators]
    if step.device.type == "cuda":
        own.append(torch.cuda.default_generators[step.device.index])
    if step.device.type == "mps":
        own.append(torch.mps._get_default_mps_generator())
    return own


def record_steps(step: Step, inputs: Inputs, sums: Tensor) -> Recording:
    """Record steps; the state is changed by it, and must be restored.

    The optimisers must have taken a step before.
    """
    if step.device.type == "cuda":
        with torch.cuda.device(step.device):
            return _cuda_graph(step, inputs, sums)
    return _operations(step, inputs, sums)


def _operations(step: Step, inputs: Inputs, sums: Tensor) -> Recording:
    def one(indices: Tensor, epoch: Tensor, rates: Tensor, sums: Tensor, *state: Tensor) -> Tensor:
        return sums.add_(step(indices, epoch, rates))

    # The state is among the inputs, so that in-place changes are recorded.
    state = [sums, *step.tensors()]
    repeat = recorded(one, *next(inputs.rows()), *state)

    @torch.no_grad()
    def steps(inputs: Inputs) -> None:
        for row in inputs.rows():
            step.draw()
            repeat(*row, *state)

    return steps


def _cuda_graph(step: Step, inputs: Inputs, sums: Tensor) -> Recording:
    # A graph reads its inputs at fixed addresses, and the states of generators it knows.
    own = Inputs(*(table.clone() for table in inputs))
    graph = torch.cuda.CUDAGraph()

    # Capture the kernels of the steps, without running them.
    with capture(graph, step.device, step.generators):
        take_steps(step, own, sums)

    # Write new inputs to the fixed addresses, and launch all kernels at once. What they read and
    # write must live as long as the graph: the function holds it.
    def recorded(inputs: Inputs, held: object = (step, sums)) -> None:
        for fixed, new in zip(own, inputs, strict=True):
            fixed.copy_(new)
        graph.replay()

    return recorded
