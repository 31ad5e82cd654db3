"""The recorded products, against lists written by hand."""

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from genbench.bench.products import record_products, replay, total_flops
from genbench.bench.settings import Case
from genbench.bench.workloads import build_workload

CPU = torch.device("cpu")


def shapes(products):
    return [(p.kind, *(layout.shape for layout in p.operands)) for p in products]


def test_the_products_of_a_step_of_an_mlp_are_those_by_hand():
    model = nn.Sequential(nn.Linear(7, 5), nn.ReLU(), nn.Linear(5, 3))
    x = torch.randn(4, 7)
    found = record_products(lambda: model(x).square().sum().backward())
    assert shapes(found) == [
        ("mm", (4, 7), (7, 5)),  # first layer
        ("mm", (4, 5), (5, 3)),  # second layer
        ("mm", (4, 3), (3, 5)),  # gradient of the hidden layer
        ("mm", (3, 4), (4, 5)),  # gradient of the second weight
        ("mm", (5, 4), (4, 7)),  # gradient of the first weight; x wants none
    ]
    by_hand = [2 * 4 * 7 * 5, 2 * 4 * 5 * 3, 2 * 4 * 3 * 5, 2 * 3 * 4 * 5, 2 * 5 * 4 * 7]
    assert [p.flops for p in found] == by_hand
    assert total_flops(found) == sum(by_hand)


def test_a_transposed_weight_is_known_by_its_strides():
    weight = torch.randn(5, 7)
    (found,) = record_products(lambda: torch.randn(4, 7) @ weight.T)
    assert [layout.stride for layout in found.operands] == [(7, 1), (1, 7)]


def test_the_products_of_a_vae_step_are_those_of_its_layers(make_context):
    context = make_context()
    found = build_workload(Case("vae", "train", 8, (16,), 3), context).products
    layers = [(784, 16), (16, 6), (3, 16), (16, 784)]  # mean and log scale in one layer
    forward = [2 * 8 * n_in * n_out for n_in, n_out in layers]
    # each weight has a gradient, each layer's input has one but for the image
    assert total_flops(found) == 3 * sum(forward) - forward[0]


def test_products_with_a_vector_are_left_out():
    a, v, one = torch.randn(6, 5), torch.randn(5), torch.randn(5, 1)
    assert record_products(lambda: (a @ v, a @ one, one.T @ a.T)) == []


def test_batched_products_count_their_batch():
    a, b = torch.randn(3, 4, 5), torch.randn(3, 5, 6)
    found = record_products(lambda: (torch.bmm(a, b), torch.baddbmm(torch.zeros(4, 6), a, b)))
    assert [p.kind for p in found] == ["bmm", "bmm"]
    assert total_flops(found) == 2 * (2 * 3 * 4 * 5 * 6)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(4, 6, 3, stride=2, padding=1),
        nn.ConvTranspose2d(4, 6, 4, stride=2, padding=1),
    ],
)
def test_operations_of_convolutions_are_those_that_torch_counts(layer):
    stack = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), layer)
    x = torch.randn(2, 1, 8, 8)

    def step():
        stack(x).square().sum().backward()

    counter = FlopCounterMode(display=False)
    with counter:
        step()
    found = record_products(step)
    assert {p.kind for p in found} == {"convolution", "convolution_backward"}
    assert total_flops(found) == counter.get_total_flops()


def test_each_weight_of_a_grouped_convolution_meets_each_place_once():
    layer = nn.Conv2d(4, 6, 3, groups=2)
    found = record_products(lambda: layer(torch.randn(2, 4, 8, 8)).square().sum().backward())
    forward = 2 * (2 * 6 * 6) * (6 * 2 * 3 * 3)  # data and places, weights
    assert [p.flops for p in found] == [forward, forward]  # the image wants no gradient


def test_an_expanded_operand_is_replayed_as_the_matrix_it_stands_for():
    row = torch.randn(1, 5)
    found = record_products(lambda: torch.mm(row.expand(4, 5), torch.randn(5, 3)))
    assert found[0].operands[0].stride == (5, 1)
    replay(found, CPU)()


def test_a_replay_computes_the_same_products_and_nothing_else():
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2), nn.Flatten(), nn.Linear(36, 5), nn.ReLU(), nn.Linear(5, 3)
    )
    x = torch.randn(2, 1, 8, 8)
    found = record_products(lambda: model(x).square().sum().backward())
    alone = replay(found, CPU)
    assert len(found) == 8
    assert record_products(alone) == found
