"""Refuses runs that cannot fit in memory, before any of it is taken."""

import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from genbench.core.devices import free_gpu_bytes
from genbench.core.duration import require_time
from genbench.core.memory import require_memory
from genbench.core.seeding import seeded
from genbench.evaluation.room import require_room_for
from genbench.recipes import Built, DataFacts, recipes
from genbench.recipes.inference_schemes import VariationalEmOptions
from genbench.recipes.options import DiscreteVaeOptions, GaussianLatentOptions
from genbench.recipes.pixels import CvaePixelsOptions
from genbench.runs.assume import scale_task
from genbench.runs.spec import RunSpec
from genbench.training.config import TrainConfig

REAL = 2**24
"""Numbers in a model that are made as usual; beyond, tensors have a shape and no content."""
SMALL = 2**10
"""Tensors of so few numbers are always made as usual."""
ADDRESSED = 2**55
"""Numbers of a tensor for which even ``meta`` has no address."""
HISTORY_BYTES = 500
"""Of what is logged of an epoch."""
_MOMENTS = {"adam": 2, "adagrad": 1, "sgd": 0}
"""Numbers that an optimizer keeps for each weight, without momentum."""


def require_room(spec: RunSpec, facts: DataFacts, device: torch.device) -> None:
    """Check that a run fits in memory: its weights, and what training adds to them.

    Weights are counted on a model that is built without memory for large tensors. Only what surely
    cannot fit is refused: activations and data are not counted. A GPU has its own memory; a model
    is built, and its best copy kept, in the machine's.

    Raises:
        ConfigError: It does not fit; names the size and the largest option.
    """
    n_weights, held, added = _count(spec, facts)
    where, fix = f"model.{spec.name}", _largest(spec.options.model_dump())
    what, gpu_bytes = f"{where}: training {n_weights:,} weights", free_gpu_bytes(device)
    if gpu_bytes is None:
        best = held if added else 0
        require_memory(held + added + best, what, fix)
    else:
        require_memory(held, what, fix)
        require_memory(held + added, what, fix, gpu_bytes=gpu_bytes)
    if added:
        require_end(spec.train, facts.n_train, where)
    n_images = _draws(spec.options) * min(spec.train.batch_size, max(facts.n_train, 1))
    what = f"{where}: decoding {n_images:,} images in a step"
    require_memory(4 * n_images * facts.n_pixels, what, fix, gpu_bytes=gpu_bytes)
    if spec.assume:
        tasks, n = [scale_task(spec.assume)], spec.assume.n_data
        require_room_for(tasks, n, facts.n_pixels, device, f"{where}.assume: ")


def require_end(train: TrainConfig, n_train: int, where: str) -> None:
    """Check that the history of a training fits in memory, and that it ends within a year.

    Raises:
        ConfigError: It does not; names the epochs, and the size or the time.
    """
    epochs, n_steps = train.epochs, max(n_train // train.batch_size, 1)
    what = f"{where}: train.epochs = {epochs}: "
    require_memory(HISTORY_BYTES * epochs, f"{what}the history")
    require_time(epochs * n_steps, f"{what}{epochs * n_steps:,} steps")


def _count(spec: RunSpec, facts: DataFacts) -> tuple[int, int, int]:
    """Return the number of weights, their bytes, and the bytes that training adds to them."""
    outline, counted = _Outline(), None
    with suppress(Exception), seeded(0), outline:  # what is wrong otherwise is told by the build
        built = recipes[spec.recipe].build(facts, spec.options, spec.train)
        n_weights = sum(tensor.numel() for tensor in built.model.state_dict().values())
        counted = n_weights, *_bytes(built, spec)
    return counted or (outline.n_numbers, outline.n_bytes, 0)


def _bytes(built: Built, spec: RunSpec) -> tuple[int, int]:
    """Return the size of the weights, and that of gradients and moments in training."""
    trained = {id(p): p for update in built.updates for p in update.parameters}.values()
    copies = 1 + _MOMENTS[spec.train.optimizer] + (spec.train.momentum > 0)
    return _size(built.model.state_dict().values()), copies * _size(trained)


def _size(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _draws(options: object) -> int:
    """Return how many images a step decodes for each datum."""
    if isinstance(options, DiscreteVaeOptions):
        return int(options.n_categories)
    if isinstance(options, GaussianLatentOptions | VariationalEmOptions | CvaePixelsOptions):
        return int(options.n_samples)
    return 1


def _largest(options: Mapping[str, Any]) -> str:
    """Name the option with the largest whole number: ``latent_dim = 1000000000``."""
    numbers: dict[str, int] = {}
    for key, value in options.items():
        found = value if isinstance(value, list | tuple) else [value]
        numbers[key] = max((n for n in found if type(n) is int), default=0)
    largest = max(numbers, key=numbers.__getitem__, default="")
    return f"its largest option is {largest} = {numbers[largest]}" if largest else ""


class _Outline(TorchFunctionMode):
    """Counts the numbers of new tensors, and makes large ones on the device ``meta``."""

    def __init__(self) -> None:
        super().__init__()
        self.n_numbers = self.n_bytes = 0

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Call a function of torch; stop where a tensor is too large to have an address."""
        stated = kwargs or {}
        if func is Tensor.repeat:
            n, dtype = args[0].numel() * math.prod(_sizes(args[1:])), args[0].dtype
        elif func in _MAKERS:
            n = _MAKERS[func](_sizes(stated.get("size", args)))
            dtype = stated.get("dtype") or torch.get_default_dtype()
        else:
            return func(*args, **stated)
        self.n_numbers += n
        self.n_bytes += n * dtype.itemsize
        if n <= SMALL or self.n_numbers <= REAL:
            return func(*args, **stated)
        if n >= ADDRESSED:
            raise OverflowError(f"a tensor of {n} numbers")
        if func is Tensor.repeat:
            return func(args[0].to("meta"), *args[1:])
        return func(*args, **stated | {"device": "meta"})


def _sizes(args: tuple[Any, ...]) -> tuple[int, ...]:
    """Return the sizes of a tensor, which torch takes as one argument or as several."""
    first = args[0]
    return tuple(first) if isinstance(first, list | tuple) else tuple(args)


_MAKERS: dict[Callable[..., Any], Callable[[tuple[int, ...]], int]] = {
    **dict.fromkeys((torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn), math.prod),
    torch.full: math.prod,
    torch.eye: lambda sizes: sizes[0] ** 2,
}
"""Functions that make tensors, and how many numbers these have."""
