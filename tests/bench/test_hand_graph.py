"""The step written by hand computes what genbench's step does; capturing it needs a GPU."""

import pytest
import torch

from genbench.bench.data import first_images, synthetic
from genbench.bench.hand_graph import _negative_elbo, hand_graph, hand_step
from genbench.bench.products import record_products, total_flops
from genbench.bench.settings import Case
from genbench.bench.textbook import TextbookVae
from genbench.bench.workloads import build_workload

CPU = torch.device("cpu")
RECIPES = ["ae", "vae", "cvae", "gan"]


@pytest.fixture
def grey():
    return first_images(synthetic(40, CPU), 40, binary=False)


@pytest.fixture
def binary():
    return synthetic(40, CPU)


def case(recipe, batch_size=8):
    return Case(recipe, "train", batch_size, (16,), 3)


@pytest.mark.parametrize("recipe", RECIPES)
def test_its_products_are_those_of_our_step(make_context, recipe):
    ours = build_workload(case(recipe), make_context())
    step = hand_step(case(recipe), ours.data)
    assert total_flops(record_products(step)) == total_flops(ours.products)


def test_its_bound_is_that_of_the_textbook_from_logits():
    torch.manual_seed(0)
    model, x, y = TextbookVae(6, (5,), 2), torch.rand(4, 6).round(), torch.zeros(4)
    torch.manual_seed(1)
    expected = model.loss(x, y)
    torch.manual_seed(1)
    assert torch.allclose(_negative_elbo(model, x, y), expected, rtol=1e-6)


@pytest.mark.parametrize("recipe", ["ae", "vae", "cvae"])
def test_it_learns(binary, recipe):
    torch.manual_seed(0)
    binary.levels.copy_(255 * (binary.levels[:1] > 200))  # the same image again and again
    step, losses = hand_step(case(recipe), binary), [0.0]
    for _ in range(300):
        step()
        losses.append(float(step.total))
    first, last = losses[1], losses[-1] - losses[-2]
    assert last < 0.5 * first


def test_its_critic_and_generator_both_move(grey):
    torch.manual_seed(0)
    step = hand_step(case("gan"), grey)
    before = [[p.detach().clone() for p in update.parameters] for update in step.updates]
    step()
    for update, old in zip(step.updates, before, strict=True):
        assert all(not torch.equal(a, b) for a, b in zip(update.parameters, old, strict=True))


def test_a_binary_batch_is_one_where_the_noise_is_below_the_grey_value(binary):
    step = hand_step(case("cvae"), binary)
    step.indices.copy_(torch.arange(8) + 5)
    torch.manual_seed(3)
    x, y = step.batch()
    torch.manual_seed(3)
    grey = binary.levels[5:13].flatten(1).float()
    assert torch.equal(x, (torch.rand(8, 784) * 255 < grey).float())
    assert torch.equal(y, binary.labels[5:13])


def test_a_grey_batch_lies_in_the_cells_of_its_levels(grey):
    x, _ = hand_step(case("gan"), grey).batch()
    assert torch.equal((x * 256).floor(), grey.levels[:8].flatten(1).float())


def test_the_total_is_the_sum_of_the_losses(binary):
    step = hand_step(case("vae"), binary)
    (update,) = step.updates
    weight = update.parameters[0]
    steady = update._replace(parameters=[weight], loss=lambda x, y: (0 * weight).sum() + 2.0)
    step.updates = [steady]
    step()
    step()
    assert float(step.total) == 4.0


def test_there_is_no_graph_without_a_gpu(binary):
    assert hand_graph(case("vae"), binary, CPU) is None


def test_a_recipe_that_nobody_wrote_one_for_has_none(binary):
    assert hand_step(case("iwae"), binary) is None
