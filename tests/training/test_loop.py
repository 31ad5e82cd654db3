"""The loop on a model whose every step is known by hand, and on real recipes."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from genbench.core.objective import Batch, Loss
from genbench.core.seeding import Stream
from genbench.objectives.elbo import NegativeElbo
from genbench.training.config import TrainConfig
from genbench.training.loop import DivergedError, Loop, fit
from genbench.training.update import Update

CONSTANT = TrainConfig(epochs=1, batch_size=30, learning_rate=0.1, schedule="constant")


class Toy(nn.Module):
    """Two numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Parameter(torch.tensor(1.0))
        self.b = nn.Parameter(torch.tensor(2.0))


class Watched:
    """An objective that keeps what it saw, and whose value a test scripts by call."""

    def __init__(self, value=lambda model, call: model.a) -> None:
        self.value, self.batches, self.seen = value, [], []

    def __call__(self, model, batch: Batch) -> Loss:
        if torch.is_grad_enabled():
            self.batches.append(batch)
            self.seen.append((model.a.item(), model.b.item()))
        return Loss(self.value(model, len(self.batches)), {})


@pytest.fixture
def run(data, tmp_path):
    def train(model, updates, config=CONSTANT, stream=Stream(0, ("train",))):  # noqa: B008
        return fit(Loop(model, updates, data, config, stream, tmp_path / "c.safetensors"))

    return train


def test_first_adam_step_moves_by_the_learning_rate_against_the_gradient(run):
    model, objective = Toy(), Watched(lambda m, _: 3 * m.a)
    run(model, [Update("toy", [model.a], objective, validates=False)])
    assert objective.seen[1][0] == pytest.approx(1.0 - 0.1, abs=1e-6)


def test_an_update_touches_only_its_own_parameters(run):
    model = Toy()
    run(model, [Update("toy", [model.a], Watched(lambda m, _: m.a * m.b), validates=False)])
    assert model.a.item() != 1.0
    assert model.b.item() == 2.0
    assert model.b.grad is None


def test_updates_are_walked_in_order_and_steps_per_batch_is_honoured(run):
    model, first, second = Toy(), Watched(lambda m, _: m.a), Watched(lambda m, _: m.b)
    run(
        model,
        [
            Update("first", [model.a], first, validates=False, steps_per_batch=2),
            Update("second", [model.b], second, validates=False),
        ],
    )
    assert (len(first.batches), len(second.batches)) == (6, 3)
    assert second.seen[0][0] == pytest.approx(0.8, abs=1e-5)  # two steps of `first` came before
    assert second.seen[0][1] == 2.0


def test_learning_rate_scale_belongs_to_its_update(run):
    model = Toy()
    run(
        model,
        [
            Update("a", [model.a], Watched(lambda m, _: m.a), validates=False),
            Update(
                "b",
                [model.b],
                Watched(lambda m, _: m.b),
                validates=False,
                learning_rate_scale=2.0,
            ),
        ],
    )
    moved_a, moved_b = 1.0 - model.a.item(), 2.0 - model.b.item()
    assert moved_b == pytest.approx(2 * moved_a, rel=1e-5)


def test_schedule_reaches_the_optimiser(run):
    config = CONSTANT.model_copy(update={"schedule": "linear", "epochs": 2})
    model, objective = Toy(), Watched()
    result = run(model, [Update("toy", [model.a], objective, validates=False)], config)
    values = [a for a, _ in objective.seen] + [model.a.item()]
    moved = [before - after for before, after in pairwise(values)]
    expected = [0.1 * (1 - step / 6) for step in range(6)]  # a constant gradient: Adam moves by lr
    assert moved == pytest.approx(expected, rel=1e-4)
    assert [row["learning_rate"] for row in result.history] == pytest.approx(
        [0.1 * (1 - 2 / 6), 0.1 * (1 - 5 / 6)]
    )


def test_gradient_clipping_bounds_the_norm_the_optimiser_sees(run):
    config = CONSTANT.model_copy(update={"grad_clip": 0.5})
    model = Toy()
    run(model, [Update("toy", list(model.parameters()), Watched(lambda m, _: 30 * m.a + 40 * m.b),
                       validates=False)], config)  # fmt: skip
    gradient = torch.stack([model.a.grad, model.b.grad])
    assert gradient.norm().item() == pytest.approx(0.5, rel=1e-4)
    assert gradient.tolist() == pytest.approx([0.3, 0.4], rel=1e-4)


def test_a_small_gradient_is_not_clipped(run):
    model = Toy()
    config = CONSTANT.model_copy(update={"grad_clip": 100.0})
    run(model, [Update("toy", [model.a], Watched(lambda m, _: 3 * m.a), validates=False)], config)
    assert model.a.grad.item() == 3.0


def test_an_epoch_serves_each_datum_at_most_once_and_drops_the_incomplete_batch(run, data):
    model, objective = Toy(), Watched()
    config = CONSTANT.model_copy(update={"batch_size": 40})
    result = run(model, [Update("toy", [model.a], objective, validates=False)], config)
    assert [len(batch.x) for batch in objective.batches] == [40, 40]
    assert result.history[0]["step"] == 2
    assert data.size("train") == 90


def test_what_one_epoch_drops_another_serves(run, data):
    model = Toy()
    config = CONSTANT.model_copy(update={"batch_size": 40})
    loop = Loop(model, [], data, config, Stream(0, ("train",)))
    left_out = [
        set(torch.randperm(90, generator=loop.stream.child("order", epoch).generator())[80:])
        for epoch in range(2)
    ]
    assert {int(i) for i in left_out[0]} != {int(i) for i in left_out[1]}


def test_a_batch_larger_than_the_data_is_the_whole_data(run, data):
    model, objective = Toy(), Watched()
    config = CONSTANT.model_copy(update={"batch_size": 1000})
    run(model, [Update("toy", [model.a], objective, validates=False)], config)
    (batch,) = objective.batches
    assert sorted(batch.y.tolist()) == sorted(data.held_out("train").y.tolist())


def test_progress_in_epochs_reaches_the_objective(run):
    model, objective = Toy(), Watched()
    config = CONSTANT.model_copy(update={"epochs": 2})
    run(model, [Update("toy", [model.a], objective, validates=False)], config)
    assert [b.epoch for b in objective.batches] == pytest.approx([0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3])


def labels_seen(run, seed, batch_epochs=2):
    model, objective = Toy(), Watched()
    config = CONSTANT.model_copy(update={"epochs": batch_epochs})
    run(
        model,
        [Update("toy", [model.a], objective, validates=False)],
        config,
        Stream(seed, ("train",)),
    )
    return [batch.y.tolist() for batch in objective.batches]


def test_data_order_depends_on_seed_and_epoch_only(run, tmp_path):
    torch.manual_seed(1)
    first = labels_seen(run, seed=0)
    (tmp_path / "c.safetensors").unlink()
    torch.manual_seed(2)
    second = labels_seen(run, seed=0)
    (tmp_path / "c.safetensors").unlink()
    other = labels_seen(run, seed=1)
    assert first == second
    assert first != other
    assert first[:3] != first[3:]


def test_global_generators_are_put_back(train):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train("gan", TrainConfig(epochs=1, batch_size=30))
    assert torch.equal(torch.rand(3), expected)


def test_global_generators_do_not_reach_the_result(train):
    torch.manual_seed(1)
    first = train("vae")[1].last
    torch.manual_seed(2)
    second = train("vae")[1].last
    assert all(torch.equal(first[k], second[k]) for k in first)


# --- non-finite losses -------------------------------------------------------------------------


def breaks_at(bad_call, how=math.nan):
    """a^2, and not finite from the given call on: the gradient is not finite either."""
    return Watched(lambda m, call: m.a.square() * (how if call == bad_call else 1.0))


@pytest.mark.parametrize("how", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("grad_clip", [None, 1.0])
def test_a_bad_loss_leaves_the_parameters_of_the_last_good_step(run, how, grad_clip):
    model, objective = Toy(), breaks_at(3, how)
    config = CONSTANT.model_copy(update={"epochs": 2, "batch_size": 15, "grad_clip": grad_clip})
    with pytest.raises(DivergedError, match=r"'toy' is not finite at step 2$"):
        run(model, [Update("toy", list(model.parameters())[:1], objective)], config)
    before_bad_step = objective.seen[2][0]
    assert before_bad_step not in (1.0, objective.seen[1][0])  # good steps had moved it
    assert model.a.item() == before_bad_step
    later = [a for a, _ in objective.seen[3:]]  # all later steps of the epoch are skipped
    assert later == [before_bad_step] * 3


def test_a_bad_first_step_leaves_the_initial_parameters(run):
    model = Toy()
    with pytest.raises(DivergedError, match="step 0"):
        run(model, [Update("toy", [model.a], breaks_at(1))])
    assert model.a.item() == 1.0


def test_the_step_counts_on_over_epochs(run):
    model = Toy()
    config = CONSTANT.model_copy(update={"epochs": 3})
    with pytest.raises(DivergedError, match=r"step 7$"):
        run(model, [Update("toy", [model.a], breaks_at(8), validates=False)], config)


def test_the_update_that_broke_is_named(run):
    model = Toy()
    good = Update("good", [model.b], Watched(lambda m, _: m.b), validates=False)
    with pytest.raises(DivergedError, match="'bad'"):
        run(model, [good, Update("bad", [model.a], breaks_at(2), validates=False)])


def test_of_two_updates_that_broke_the_first_to_do_so_is_named(run):
    model = Toy()
    later = Update("later", [model.a], breaks_at(3), validates=False)
    sooner = Update("sooner", [model.b], Watched(lambda m, c: m.b * (math.nan if c == 2 else 1)))
    with pytest.raises(DivergedError, match=r"'sooner' is not finite at step 1$"):
        run(model, [later, sooner])


def test_a_bad_gradient_of_a_finite_loss_stops_before_the_step_when_clipping(run):
    def value(model, call):
        return (model.a - model.a.detach()).abs().sqrt() + 1.0  # 1, with gradient inf or nan

    model = Toy()
    config = CONSTANT.model_copy(update={"grad_clip": 1.0})
    with pytest.raises(DivergedError, match="step 0"):
        run(model, [Update("toy", [model.a], Watched(value), validates=False)], config)
    assert model.a.item() == 1.0


def test_a_bad_validation_loss_is_divergence_too(run):
    model = Toy()

    def objective(model, batch):
        return Loss(model.a * (math.nan if math.isinf(batch.epoch) else 1.0), {})

    with pytest.raises(DivergedError, match=r"validation\.toy\.loss is not finite after epoch 1"):
        run(model, [Update("toy", [model.a], objective)])


def test_a_bad_logged_value_is_divergence_too(run):
    model = Toy()

    def objective(model, batch):
        return Loss(model.a * 1.0, {"extra": torch.tensor(math.nan)})

    with pytest.raises(DivergedError, match=r"train\.toy\.extra"):
        run(model, [Update("toy", [model.a], objective, validates=False)])


# --- KL warm-up, selection, optimiser ------------------------------------------------------------


@pytest.mark.parametrize(("epoch", "weight"), [(0.0, 0.0), (1.0, 0.25), (4.0, 1.0), (9.0, 1.0)])
def test_kl_warmup_rises_linearly_to_beta(build, data, epoch, weight):
    model = build("vae", TrainConfig()).model
    objective = NegativeElbo(beta=2.0, warmup_epochs=4.0)
    with torch.no_grad():
        loss = objective(model, Batch(*data.held_out("train"), epoch))
    expected = -loss.logged["log_px_given_z"] + 2.0 * weight * loss.logged["kl"]
    assert loss.value.item() == pytest.approx(expected.item(), rel=1e-6)
    assert loss.logged["elbo"].item() == pytest.approx(
        (loss.logged["log_px_given_z"] - loss.logged["kl"]).item(), rel=1e-6
    )


def test_warmup_of_the_budget_reaches_the_recipe_and_spares_validation(train):
    config = TrainConfig(epochs=1, batch_size=30)
    plain = train("vae", config)[1].history[0]
    warm = train("vae", config.model_copy(update={"kl_warmup_epochs": 1e6}))[1].history[0]
    assert warm["train.vae.loss"] == pytest.approx(-warm["train.vae.log_px_given_z"], rel=1e-5)
    for row in (plain, warm):
        elbo = row["validation.vae.elbo"]
        assert row["validation.vae.loss"] == pytest.approx(-elbo, rel=1e-6)


def test_the_validation_loss_has_the_final_weight_of_the_kl_from_the_first_epoch(train):
    config = TrainConfig(epochs=2, batch_size=30, kl_warmup_epochs=2.0)
    for row in train("beta_vae", config, beta=3.0)[1].history:
        loss, elbo, kl = (row[f"validation.vae.{key}"] for key in ("loss", "elbo", "kl"))
        assert kl > 0.01
        assert loss == pytest.approx(-elbo + 2.0 * kl, rel=1e-5)


def scripted_validation(scores):
    """An objective whose loss on all validation data follows a script; its gradient is 1."""
    left = iter(scores)

    def objective(model, batch):
        validating = math.isinf(batch.epoch) and len(batch.x) == 90
        value = torch.tensor(next(left)) if validating else model.a * 1.0
        return Loss(value, {})

    return objective


def test_best_is_the_epoch_of_the_lowest_validation_loss_and_last_is_the_last(run):
    model = Toy()
    config = CONSTANT.model_copy(update={"epochs": 4})
    result = run(
        model, [Update("toy", [model.a], scripted_validation([3.0, 1.0, 2.0, 1.0]))], config
    )
    assert result.best_epoch == 2  # the first of equals
    assert result.best["a"].item() == pytest.approx(1.0 - 6 * 0.1, abs=1e-4)
    assert result.last["a"].item() == pytest.approx(1.0 - 12 * 0.1, abs=1e-4)
    assert [row["validation.toy.loss"] for row in result.history] == [3.0, 1.0, 2.0, 1.0]


def test_without_validation_the_best_is_the_last(train):
    result = train("gan", TrainConfig(epochs=2, batch_size=30))[1]
    assert result.best_epoch == 2
    assert all(torch.equal(result.best[k], result.last[k]) for k in result.last)
    assert not any("validation" in key for key in result.history[0])


def test_the_loss_of_an_update_named_validation_chooses_no_epoch(run):
    model = Toy()
    rising = Watched(lambda m, call: m.a + call)
    update = Update("validation", [model.a], rising, validates=False)
    result = run(model, [update], CONSTANT.model_copy(update={"epochs": 2}))
    assert result.best_epoch == 2
    assert torch.equal(result.best["a"], result.last["a"])


def test_validation_is_a_mean_over_the_whole_split_whatever_the_blocks(build, data, monkeypatch):
    from genbench.training import loop as module

    config = TrainConfig(epochs=1, batch_size=30)
    built = build("ae", config)  # no noise: blocks of any size see the same
    loop = module.Loop(built.model, built.updates, data, config, Stream(0, ("train",)))
    whole = loop.validate()
    monkeypatch.setattr(module, "VALIDATION_BLOCK", 7)
    assert loop.validate() == pytest.approx(whole, rel=1e-5)
    x = data.held_out("validation").x
    with torch.no_grad():
        by_hand = (built.model.decode(built.model.encode(x)) - x).square().sum() / len(x)
    assert whole["validation.ae.loss"] == pytest.approx(by_hand.item(), rel=1e-5)


def test_training_lowers_the_loss(train):
    config = TrainConfig(epochs=20, batch_size=30, learning_rate=2e-2)
    history = train("ae", config)[1].history
    assert history[-1]["train.ae.loss"] < 0.9 * history[0]["train.ae.loss"]
    assert [row["epoch"] for row in history] == list(range(1, 21))


def test_the_guarded_fused_adam_takes_the_steps_of_plain_adam(run):
    """The textbook recursion in float64, on the gradients of (a - 3)^2 b^2."""

    def value(model, _=None):
        return (model.a - 3).square() * model.b.square()

    config = CONSTANT.model_copy(update={"epochs": 5})
    model, plain = Toy(), Toy().double()
    run(model, [Update("toy", list(model.parameters()), Watched(value), validates=False)], config)
    adam = torch.optim.Adam(plain.parameters(), lr=0.1, fused=False, foreach=False)
    for _ in range(15):
        adam.zero_grad()
        value(plain).backward()
        adam.step()
    assert model.a.item() == pytest.approx(plain.a.item(), rel=1e-5)
    assert model.b.item() == pytest.approx(plain.b.item(), rel=1e-5)


@pytest.mark.parametrize(("precision", "products"), [("float32", "ieee"), ("tf32", "tf32")])
def test_a_gpu_trains_in_the_precision_stated_and_validates_in_float32(run, precision, products):
    backends = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)
    before, seen = [backend.fp32_precision for backend in backends], []

    def objective(model, batch):
        seen.append((torch.is_grad_enabled(), *(backend.fp32_precision for backend in backends)))
        return Loss(model.a * 1.0, {})

    model = Toy()
    config = CONSTANT.model_copy(update={"precision": precision})
    run(model, [Update("toy", [model.a], objective)], config)
    assert seen == [(True, products, products)] * 3 + [(False, "ieee", "ieee")]
    assert [backend.fp32_precision for backend in backends] == before
