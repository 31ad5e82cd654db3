"""A recorded step against the plain one: the same bits, for every recipe that is trained."""

import gc
import weakref
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from genbench.core.objective import Loss
from genbench.core.seeding import Stream
from genbench.data import DataConfig, load
from genbench.recipes import DataFacts, recipes
from genbench.training import capture
from genbench.training.config import TrainConfig
from genbench.training.loop import DivergedError, Loop, fit
from genbench.training.update import Update

CONFIG = TrainConfig(epochs=3, batch_size=30, kl_warmup_epochs=2, grad_clip=5.0)
SMALL = {"hidden": (16,), "channels": (4, 8), "latent_dim": 3, "n_features": 16}
CASES = [
    ("ae", {}),
    ("vae", {}),
    ("vae", {"network": "conv"}),
    ("vae", {"posterior": "isotropic"}),
    ("vae", {"posterior": "full"}),
    ("vae", {"gradient": "score_function"}),
    ("vae", {"gradient": "score_function_baseline", "n_samples": 2}),
    ("sparse_ae", {}),
    ("beta_vae", {"beta": 4.0}),
    ("iwae", {"n_samples": 3}),
    ("iwae", {"n_samples": 3, "posterior": "full"}),
    ("iwae", {"n_samples": 3, "gradient": "doubly_reparameterised"}),
    ("cvae", {}),
    ("gan", {"dropout": 0.3, "batch_norm": True}),
    ("gan", {"network": "conv", "batch_norm": True}),
    ("gan_minimax", {"batch_norm": True}),
    ("gan_2014", {}),
    ("linear_vae", {}),
    ("discrete_vae", {}),
    ("cvae_pixels", {}),
    ("nn_pixels", {}),
    ("made", {}),
    ("real_nvp", {}),
    ("diffusion", {}),
    ("diffusion", {"weighting": "elbo"}),
    ("flow_matching", {}),
    ("wake_sleep", {}),
    ("mixture_vae", {}),
    ("hierarchical_vae", {"bound": "importance_weighted"}),
    ("variational_em", {}),
    ("variational_em", {"scheme": "shared"}),
]


@pytest.fixture
def both(data, tmp_path, monkeypatch):
    """Train the same thing plainly and recorded; return both results and the recorded runner."""

    def train(build, config=CONFIG):
        results, runners = [], []
        start = capture.StepRecorder.__init__

        def begin(self, *args):
            start(self, *args)
            runners.append(self)

        monkeypatch.setattr(capture.StepRecorder, "__init__", begin)
        for steps in (10**9, 0):
            monkeypatch.setattr(capture, "CAPTURE_STEPS", steps)
            model, updates = build()
            checkpoint = tmp_path / f"{steps}.safetensors"
            stream = Stream(0, ("train",))
            results.append(fit(Loop(model, updates, data, config, stream, checkpoint)))
        monkeypatch.setattr(capture.StepRecorder, "__init__", start)
        return (*results, runners[1])

    return train


def facts_of(data):
    mean_image = data.held_out("train").x.mean(dim=0)
    return DataFacts(data.image_shape, data.n_classes, mean_image, data.size("train"))


def builder(data, name, options):
    """Return what builds a recipe from the same initial weights each time."""
    grey = recipes[name].options.model_fields
    chosen = {k: v for k, v in SMALL.items() if k in grey} | options
    facts = facts_of(data)

    def build():
        torch.manual_seed(0)
        built = recipes[name].build(facts, recipes[name].options(**chosen), CONFIG)
        return built.model, built.updates

    return build


def test_the_cases_cover_every_recipe_that_is_trained(data):
    grey = load(DataConfig(name="digits", limit=20))
    facts = replace(facts_of(grey), n_train=1_000)  # as many as any recipe needs
    trained = {
        name
        for name in recipes
        if recipes[name].build(facts, recipes[name].options(), CONFIG).updates
    }
    assert trained == {name for name, _ in CASES}


@pytest.mark.parametrize(("name", "options"), CASES)
def test_recorded_training_ends_in_the_bits_of_plain_training(data, both, name, options):
    plain, recorded, runner = both(builder(data, name, options))
    assert runner.recording
    assert plain.history == recorded.history
    assert all(torch.equal(plain.last[k], recorded.last[k]) for k in plain.last)
    assert all(torch.equal(plain.best[k], recorded.best[k]) for k in plain.best)


@pytest.mark.parametrize("size", [3, 7])
def test_windows_of_several_steps_end_in_the_bits_of_single_ones(data, both, monkeypatch, size):
    monkeypatch.setattr(capture.StepRecorder, "_window", lambda self, n: size)
    plain, recorded, runner = both(
        builder(data, "vae", {}), CONFIG.model_copy(update={"epochs": 5})
    )
    assert runner.recording
    assert plain.history == recorded.history
    assert all(torch.equal(plain.last[k], recorded.last[k]) for k in plain.last)


@pytest.mark.parametrize(("n", "expected"), [(390, 10), (469, 7), (18, 9), (7, 7), (11, 1), (1, 1)])
def test_a_graph_takes_a_number_of_steps_that_leaves_none_over(n, expected):
    assert capture.steps_at_once(n) == expected


@pytest.mark.parametrize("which", [1, 2, 9, 14, 16])
def test_training_in_bfloat16_is_recorded_bit_for_bit(data, both, which):
    config = CONFIG.model_copy(update={"precision": "bf16"})
    plain, recorded, runner = both(builder(data, *CASES[which]), config)
    assert runner.recording
    assert plain.history == recorded.history
    assert all(torch.equal(plain.last[k], recorded.last[k]) for k in plain.last)


@pytest.mark.parametrize("optimizer", ["sgd", "adagrad"])
def test_every_optimiser_is_recorded_bit_for_bit(data, both, optimizer):
    config = CONFIG.model_copy(update={"optimizer": optimizer, "weight_decay": 0.01})
    plain, recorded, runner = both(builder(data, "vae", {}), config)
    assert runner.recording
    assert plain.history == recorded.history
    assert all(torch.equal(plain.last[k], recorded.last[k]) for k in plain.last)


def test_a_recorded_run_that_is_resumed_ends_in_the_same_bits(
    data, kill_after, tmp_path, monkeypatch
):
    monkeypatch.setattr(capture, "CAPTURE_STEPS", 0)
    build, stream = builder(data, "gan", {"batch_norm": True}), Stream(0, ("train",))

    def train(name):
        model, updates = build()
        return fit(Loop(model, updates, data, CONFIG, stream, tmp_path / name))

    whole = train("whole")
    kill_after(2)
    with pytest.raises(KeyboardInterrupt):
        train("parts")
    parts = train("parts")
    assert whole.history == parts.history
    assert all(torch.equal(whole.last[k], parts.last[k]) for k in whole.last)


class Toy(torch.nn.Module):
    """One number."""

    def __init__(self) -> None:
        super().__init__()
        self.a = torch.nn.Parameter(torch.tensor(1.0))


def toy(objective):
    def build():
        model = Toy()
        return model, [Update("toy", [model.a], objective(), validates=False)]

    return build


def reads_a_value():
    def objective(model, batch):
        scale = 2.0 if model.a.item() > 0 else 1.0
        return Loss(model.a.square() * scale * torch.rand(()), {})

    return objective


def counts_in_python():
    calls = []

    def objective(model, batch):
        calls.append(1)
        return Loss(model.a.square() * len(calls), {})

    return objective


@pytest.mark.parametrize("objective", [reads_a_value, counts_in_python])
def test_a_step_that_a_recording_would_change_stays_plain(both, objective):
    plain, recorded, runner = both(toy(objective))
    assert not runner.recording
    assert runner.refusal
    assert recorded.not_recorded == ""  # slow on a GPU only
    assert recorded.history == plain.history or objective is counts_in_python
    assert (recorded.last["a"] == plain.last["a"]) or objective is counts_in_python


def test_a_recorded_step_follows_the_progress_and_the_learning_rate(both):
    def follows():
        def objective(model, batch):
            progress = torch.as_tensor(batch.epoch, dtype=torch.float32)
            return Loss(model.a * (1.0 + progress), {})

        return objective

    plain, recorded, runner = both(toy(follows))
    assert runner.recording
    assert plain.history == recorded.history
    losses = [row["train.toy.loss"] for row in recorded.history]
    assert len(set(losses)) == len(losses)


def test_a_recorded_step_that_diverges_keeps_the_last_good_parameters(data, tmp_path, monkeypatch):
    monkeypatch.setattr(capture, "CAPTURE_STEPS", 0)

    def objective(model, batch):
        late = torch.as_tensor(batch.epoch) > 1.9
        return Loss(model.a.square() / (1.0 - late.float()), {})

    model, updates = toy(lambda: objective)()
    loop = Loop(model, updates, data, CONFIG, Stream(0, ("train",)))
    loop.run_epoch(0)
    assert loop.run_steps.recording
    loop.run_epoch(1)
    good = model.a.item()
    with pytest.raises(DivergedError, match=r"'toy' is not finite at step 6$"):
        loop.run_epoch(2)
    assert model.a.item() == good


def assert_plain(both, build, reason):
    plain, recorded, runner = both(build)
    assert runner.recording is None
    assert reason in runner.refusal
    assert plain.history == recorded.history
    assert all(torch.equal(plain.last[k], recorded.last[k]) for k in plain.last)


def test_a_step_that_waits_for_the_device_is_refused_and_taken_again(data, both, monkeypatch):
    @contextmanager
    def stopped(device):
        yield
        raise RuntimeError("called a synchronizing CUDA operation")

    monkeypatch.setattr(capture, "as_in_capture", stopped)
    build = builder(data, "gan", {"dropout": 0.3, "batch_norm": True})
    assert_plain(both, build, "called a synchronizing")


@pytest.mark.parametrize(("device", "told"), [("cpu", ""), ("cuda", "it waits")])
def test_why_steps_are_not_recorded_is_told_where_it_makes_them_slow(device, told):
    runner = capture.StepRecorder(SimpleNamespace(device=torch.device(device)), 0)
    assert runner.not_recorded == ""
    runner.refusal = "it waits"
    assert runner.not_recorded == told


class FakeEvent:
    """A mark in the queue of a GPU."""

    waiting = 0

    def record(self, stream):
        FakeEvent.waiting += 1

    def synchronize(self):
        FakeEvent.waiting -= 1


def test_a_gpu_is_never_many_windows_behind_so_that_a_signal_is_seen_soon(data, monkeypatch):
    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: None)
    model, updates = builder(data, "vae", {})()
    config, behind = CONFIG.model_copy(update={"batch_size": 9}), []
    loop = Loop(model, updates, data, config, Stream(0, ("train",)))
    loop.run_steps._on_cuda = True
    monkeypatch.setattr(capture.StepRecorder, "_window", lambda self, n: 1)
    monkeypatch.setattr(loop, "pause", lambda steps: behind.append(FakeEvent.waiting))
    loop.run_epoch(0)
    assert behind == [1, 2, 3, *[capture.GRAPHS_AHEAD] * 7]


def off_by_one_bit(step, inputs, sums):
    def recorded(inputs):
        capture.take_steps(step, inputs, sums)
        with torch.no_grad():
            first = next(step.model.parameters()).view(-1)[:1]
            first.copy_(torch.nextafter(first, first + 1))

    return recorded


def one_draw_too_many(step, inputs, sums):
    def recorded(inputs):
        capture.take_steps(step, inputs, sums)
        torch.rand(())

    return recorded


@pytest.mark.parametrize("wrong", [off_by_one_bit, one_draw_too_many])
def test_a_recording_that_differs_in_one_bit_or_draw_is_refused(data, both, monkeypatch, wrong):
    monkeypatch.setattr(capture, "record_steps", wrong)
    assert_plain(both, builder(data, "vae", {}), "differ in 1 of ")


def test_what_was_recorded_is_freed_with_the_loop(data, monkeypatch):
    monkeypatch.setattr(capture, "CAPTURE_STEPS", 0)
    model, updates = builder(data, "vae", {})()
    loop = Loop(model, updates, data, CONFIG, Stream(0, ("train",)))
    loop.run_epoch(0)
    assert loop.run_steps.recording
    recording = weakref.ref(loop.run_steps.recording)
    gc.disable()
    try:
        del loop
        assert recording() is None
    finally:
        gc.enable()
