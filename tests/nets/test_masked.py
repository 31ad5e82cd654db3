"""Masked networks: what each output depends on, and the same network number by number."""

import pytest
import torch

from genbench.core.seeding import seeded
from genbench.nets.masked import MaskedMlp, Units, Unrolled

D = 6
HIDDEN = ((), (1,), (3,), (20,), (4, 9), (9, 4), (30, 2, 30))
SHAPES = {1: (1, 2, 3), 2: (2, 2, 3)}
networks = pytest.mark.parametrize(
    ("hidden", "n_copies", "direct"),
    [(hidden, n, direct) for hidden in HIDDEN for n in SHAPES for direct in (False, True)],
)


def network(hidden, n_copies=1, direct=True, seed=0):
    with seeded(seed, "init"):
        made = MaskedMlp(D, hidden, SHAPES[n_copies], "tanh", direct=direct).double()
        made.start_at(torch.randn(SHAPES[n_copies]))
    return made


def rows(n, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, D, dtype=torch.float64, generator=generator)


def dependence(net):
    """Return d output / d input at one point, (n_copies, output, input)."""
    jacobian = torch.autograd.functional.jacobian(lambda x: net(x).flatten(), rows(1)[0])
    return jacobian.reshape(-1, D, D)


@networks
def test_an_output_depends_on_the_inputs_before_it_and_on_no_others(hidden, n_copies, direct):
    slopes = dependence(network(hidden, n_copies, direct))
    before = torch.ones(D, D).tril(-1).bool().expand_as(slopes)
    assert bool((slopes[~before] == 0).all())
    if direct or not hidden:
        assert bool((slopes[before] != 0).all())
    else:
        assert bool((slopes[:, -1] != 0).any())


def test_a_hidden_layer_with_each_degree_hides_no_input():
    for hidden in ((5,), (20,), (5, 11)):
        slopes = dependence(network(hidden, direct=False))[0]
        assert torch.equal(slopes != 0, torch.ones(D, D).tril(-1).bool())


@networks
def test_number_by_number_it_is_the_same_network(hidden, n_copies, direct):
    net, x = network(hidden, n_copies, direct), rows(7)
    unrolled, outputs = Unrolled(net, len(x)), []
    for i in range(D):
        outputs.append(unrolled.output())
        unrolled.put(x[:, i])
    assert torch.equal(unrolled.rows(), x)
    found = torch.stack(outputs, dim=-1)  # (B, n_copies, D)
    assert torch.allclose(found.flatten(1), net(x).flatten(1), rtol=1e-13, atol=1e-14)


def test_degrees_never_fall_and_are_spread_evenly():
    assert Units(6, 1, 6).degrees().tolist() == [1, 2, 3, 4, 5, 6]
    assert Units(10, 1, 5).degrees().tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert Units(1, 1, 5).degrees().tolist() == [3]
    assert Units(2, 3, 5).degrees().tolist() == [3, 5]
    for units in (Units(7, 2, 30), Units(30, 0, 6), Units(4, 0, 0)):
        degrees = units.degrees()
        assert units.first == degrees[0] >= units.lowest
        assert degrees[-1] <= units.highest
        assert torch.equal(degrees, degrees.sort().values)
        counts = [int((degrees <= m).sum()) for m in range(31)]
        assert units.at_most(30) == counts


def test_no_unit_of_a_network_is_a_constant():
    net = network((3, 40, 2, 40))
    assert all(bool((layer.mask.sum(dim=1) > 0).all()) for layer in net.layers)


def test_masks_are_made_from_sizes_and_are_not_stored():
    net, other, x = network((9, 4), 2), network((9, 4), 2, seed=1), rows(5)
    assert not [name for name in net.state_dict() if "mask" in name]
    assert not torch.equal(net(x), other(x))
    other.load_state_dict(net.state_dict())
    assert torch.equal(net(x), other(x))


def test_without_weights_it_returns_the_image_that_it_starts_at():
    net, image = network((5,), 2), torch.randn(SHAPES[2]).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    net.start_at(image)
    assert torch.equal(net(rows(3)), image.expand(3, *SHAPES[2]))


def test_one_number_depends_on_nothing():
    net = MaskedMlp(1, (4,), (2, 1, 1), "relu").double()
    x = torch.tensor([[0.0], [5.0]]).double()
    outputs = net(x).flatten(1)
    assert torch.equal(outputs[0], outputs[1])
    assert torch.allclose(Unrolled(net, 2).output(), outputs)
