"""What holds for training every registered recipe: gradients, storage, copies."""

import copy

import pytest
import torch

from genbench.core.seeding import seeded
from genbench.training.checkpoint import read_weights, weights_of, write_weights
from tests.contracts.builders import Ready, every_case, outputs, trained_cases


def losses(ready):
    """The loss of each update on one batch, in training mode."""
    ready.model.train()
    for i, update in enumerate(ready.built.updates):
        with seeded(i, "loss"):
            yield update, update.objective(ready.model, ready.batch())


@trained_cases
def test_updates_share_no_parameter_and_leave_none_out(case):
    ready = Ready.of(case)
    owned = [id(p) for update in ready.built.updates for p in update.parameters]
    assert len(owned) == len(set(owned))
    assert set(owned) == {id(p) for p in ready.model.parameters()}


@trained_cases
def test_losses_are_finite_scalars_with_finite_logs(case):
    for _, loss in losses(Ready.fresh(case)):
        assert loss.value.shape == ()
        assert torch.isfinite(loss.value)
        assert all(torch.isfinite(v) and v.shape == () for v in loss.logged.values())


@trained_cases
def test_gradients_reach_all_parameters_of_their_update_and_none_of_the_others(case):
    ready = Ready.fresh(case)
    names = {id(p): name for name, p in ready.model.named_parameters()}
    for update, loss in losses(ready):
        ready.model.zero_grad(set_to_none=True)
        torch.autograd.backward(loss.value, inputs=list(update.parameters))
        reached = {id(p) for p in ready.model.parameters() if p.grad is not None}
        assert reached == {id(p) for p in update.parameters}
        for p in update.parameters:
            assert torch.isfinite(p.grad).all()
            if p.ndim > 1:  # a bias before batch norm has none by construction
                assert p.grad.any(), names[id(p)]


@trained_cases
def test_a_small_step_against_the_gradient_lowers_the_loss(case):
    ready = Ready.fresh(case)
    for i, (update, loss) in enumerate(losses(ready)):
        parameters = list(update.parameters)
        gradients = torch.autograd.grad(loss.value, parameters)
        norm = sum(g.square().sum() for g in gradients)
        step = 1e-7 / norm.sqrt()
        with torch.no_grad():
            for p, g in zip(parameters, gradients, strict=True):
                p.sub_(step * g)
        with seeded(i, "loss"):
            after = update.objective(ready.model, ready.batch()).value
        expected = (step * norm).item()
        assert (loss.value - after).item() == pytest.approx(expected, rel=0.05)


@trained_cases
def test_the_same_noise_gives_the_same_loss(case):
    first, second = ([loss.value.item() for _, loss in losses(Ready.fresh(case))] for _ in range(2))
    assert first == second


@every_case
def test_what_is_saved_and_read_answers_with_the_same_numbers(case, tmp_path):
    ready, other = Ready.of(case), Ready.fresh(case, seed=1)
    expected = outputs(ready)
    assert expected
    before = outputs(other)
    # codes of a sampler that decodes nothing are equal for both: what differs must differ
    assert any(not torch.allclose(before[k], expected[k]) for k in expected)
    write_weights(tmp_path / "model.safetensors", weights_of(ready.model))
    other.model.load_state_dict(read_weights(tmp_path / "model.safetensors"))
    for name, value in outputs(other).items():
        assert torch.equal(value, expected[name]), name


@every_case
def test_a_copy_answers_the_same_and_shares_nothing(case):
    ready = Ready.fresh(case)
    expected = outputs(ready)
    duplicate = copy.deepcopy(ready.built.model)
    named = dict([*ready.model.named_parameters(), *ready.model.named_buffers()])
    stored = duplicate.state_dict()  # places in an image are not: they are no numbers to add to
    state = [t for name, t in named.items() if name in stored or t.is_floating_point()]
    with torch.no_grad():
        for tensor in state:
            tensor.add_(0.1 if tensor.is_floating_point() else 1)
    assert any(not torch.allclose(v, expected[k]) for k, v in outputs(ready).items())
    ready.built.model.load_state_dict(duplicate.state_dict())
    for tensor, other in zip(ready.model.buffers(), duplicate.buffers(), strict=True):
        tensor.copy_(other)  # the prior's buffer is not stored
    for name, value in outputs(ready).items():
        assert torch.equal(value, expected[name]), name


@every_case
def test_the_same_seed_builds_the_same_model_and_another_seed_another(case):
    a, b, c = (outputs(Ready.fresh(case, seed)) for seed in (4, 4, 5))
    assert all(torch.equal(a[k], b[k]) for k in a)
    assert any(not torch.equal(a[k], c[k]) for k in a)
