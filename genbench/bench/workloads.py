"""What is timed: the library's own training loop, bounds, chains and samples.

Nothing here is special to the benchmark: each workload calls the code of a run.
"""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from genbench.bench.context import STREAM, BenchContext, config_for
from genbench.bench.products import Product, of_members, record_products
from genbench.bench.settings import N_LEAPFROG, Case
from genbench.bench.timing import Contender, device_seconds, synchronise
from genbench.core.cuda_graph import CapturedCall
from genbench.core.objective import Batch
from genbench.core.seeding import Stream
from genbench.data import Dataset
from genbench.evaluation.drawing import mean_images
from genbench.inference import bounds
from genbench.inference.ais import anneal
from genbench.inference.path import Path, chunk_within_memory
from genbench.inference.schedules import temperatures
from genbench.recipes import Built
from genbench.training.capture import STEPS_PER_GRAPH
from genbench.training.config import Precision
from genbench.training.joint.loop import JointLoop
from genbench.training.loop import Loop
from genbench.training.precision import products_in

EPOCH_SECONDS = 0.1
"""Training steps are timed in epochs of about this length."""

MIN_STEPS = 4

AIS_STEP_SIZE = 0.05


@dataclass
class Workload:
    """A piece of the library to time.

    Attributes:
        contender: One call of it.
        n_steps: Steps, or passes, of a call.
        products: The matrix products of one step, for all jointly trained members.
        data: The images that it uses.
        serve: Only serves the data of one call; None if no data are served.
        first_step_seconds: Time of the first step, building the model included.
        alone: Measures the seconds of a step, or pass, on the device alone; None without one.
    """

    contender: Contender
    n_steps: int
    products: list[Product]
    data: Dataset
    serve: Contender | None = None
    first_step_seconds: float | None = None
    alone: Callable[[], float | None] = lambda: None


def build_workload(case: Case, context: BenchContext) -> Workload:
    """Build what a row times."""
    builders = {"train": _training, "iw": _bound, "ais": _chains, "sample": _sampling}
    return builders[case.task](case, context)


def _seconds(call: Callable[[], object], device: torch.device) -> float:
    started = time.perf_counter()
    call()
    synchronise(device)
    return time.perf_counter() - started


def _training(case: Case, context: BenchContext) -> Workload:
    context.data  # noqa: B018  reading files is not part of the first step
    started = time.perf_counter()
    built = [context.build(case, seed) for seed in range(case.n_seeds)]
    one = _trainer(case, context, built, n_steps=1)
    one.run_epoch(0)
    synchronise(context.device)
    first = time.perf_counter() - started
    epochs = itertools.count(1)
    step = min(_seconds(lambda: one.run_epoch(next(epochs)), context.device) for _ in range(5))
    most = max(MIN_STEPS, context.data.size("train") // case.batch_size)
    n_steps = min(_epoch_length(step), most)
    trainer, batch = _trainer(case, context, built, n_steps), _batch(one.data, case.batch_size)
    products = _products(context.build(case, 0), batch, case.precision)  # of one alone
    timed = itertools.count()
    samples = n_steps * case.batch_size * case.n_seeds
    return Workload(
        Contender(lambda: trainer.run_epoch(next(timed)), samples),
        n_steps,
        of_members(products, case.n_seeds, context.device),
        trainer.data,
        _serving(trainer.data, case) if case.n_seeds == 1 else None,
        first,
        lambda: _step_alone(trainer, context.device),
    )


def _products(built: Built, batch: Batch, precision: Precision) -> list[Product]:
    return record_products(lambda: _plain_step(built, batch, precision))


def _epoch_length(step: float) -> int:
    """Return the steps of an epoch from the seconds of one: if many, whole graphs of a GPU."""
    n_steps = max(MIN_STEPS, round(EPOCH_SECONDS / step))
    return n_steps - n_steps % STEPS_PER_GRAPH if n_steps > STEPS_PER_GRAPH else n_steps


def _step_alone(trainer: Loop | JointLoop, device: torch.device) -> float | None:
    """Measure a training step on the device alone, with what it reads already there."""
    inputs = trainer.inputs(0).to(device)
    with STREAM.child("alone").seeded():
        seconds = device_seconds(lambda: trainer.run_steps(inputs), device)
    return None if seconds is None else seconds / trainer.n_batches


def _trainer(
    case: Case, context: BenchContext, built: Sequence[Built], n_steps: int
) -> Loop | JointLoop:
    """Return the loop of one member, or all members as one computation."""
    data = context.images(built[0], n_steps * case.batch_size)
    loops = [
        Loop(member.model, member.updates, data, config_for(case), Stream(seed, ("bench", "train")))
        for seed, member in enumerate(built)
    ]
    return loops[0] if len(loops) == 1 else JointLoop(loops)


def _batch(data: Dataset, n: int) -> Batch:
    with STREAM.child("batch").seeded():
        indices = torch.arange(n, device=data.labels.device)
        return Batch(*data.train_batch(indices), indices=indices)


def _plain_step(built: Built, batch: Batch, precision: Precision) -> None:
    """Compute the gradients of one training step eagerly, without an update."""
    built.model.train()
    with STREAM.child("record").seeded(), products_in(precision):
        for update in built.updates:
            for _ in range(update.steps_per_batch):
                value = update.objective(built.model, batch).value
                torch.autograd.grad(value, list(update.parameters), allow_unused=True)


def _serving(data: Dataset, case: Case) -> Contender:
    n = data.size("train")
    order = torch.randperm(n, generator=STREAM.child("order").generator())
    device = data.labels.device
    order, static = order.to(device), torch.zeros(case.batch_size, dtype=torch.int64, device=device)
    serve = CapturedCall(lambda: data.train_batch(static)) if device.type == "cuda" else None

    def call() -> None:
        for indices in torch.split(order, case.batch_size):
            if serve is None:
                data.train_batch(indices)
            else:  # as part of a recorded step, which pays for no launches
                static.copy_(indices)
                serve()

    return Contender(call, n)


def _evaluation(
    call: Callable[[], object], data: Dataset, per_image: int, context: BenchContext
) -> Workload:
    """Time a function of one batch of images; its first call is timed separately."""
    first = _seconds(call, context.device)
    contender = Contender(call, per_image * data.size("train"))
    products = record_products(call)
    alone = partial(device_seconds, call, context.device)
    return Workload(contender, 1, products, data, first_step_seconds=first, alone=alone)


def _bound(case: Case, context: BenchContext) -> Workload:
    view, data, x = context.evaluation(case)

    @torch.no_grad()
    def call() -> Tensor:
        return bounds.iw_log_likelihood(view, x, case.n_samples, None, STREAM.child("iw"))

    return _evaluation(call, data, case.n_samples, context)


def _chains(case: Case, context: BenchContext) -> Workload:
    view, data, x = context.evaluation(case)
    prior = bounds.prior_of(view)

    def log_densities(z: Tensor) -> tuple[Tensor, Tensor]:
        return prior.log_prob(z), bounds.log_px_given_z(view, x, z, 1)

    n = case.n_temperatures
    with STREAM.child("chains").seeded():
        z = prior.sample(torch.Size((case.n_chains, len(x))))
    path = Path(log_densities, chunk_within_memory(log_densities, z))
    step = torch.full((n, len(x), 1), AIS_STEP_SIZE, device=context.device)
    betas = temperatures(n, "sigmoid")

    @torch.no_grad()
    def call() -> object:
        return anneal(path, z, betas, step, N_LEAPFROG, STREAM.child("ais"))

    return _evaluation(call, data, case.n_chains * n, context)


def _sampling(case: Case, context: BenchContext) -> Workload:
    view, data, _ = context.evaluation(case)

    @torch.no_grad()
    def call() -> Tensor:
        with STREAM.child("sample").seeded():
            return mean_images(view, case.batch_size)

    return _evaluation(call, data, 1, context)
