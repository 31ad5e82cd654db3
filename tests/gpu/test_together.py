"""Seeds trained together on the GPU: each ends where the run trained alone ends."""

import pytest

from genbench.core.seeding import Stream
from genbench.training.joint import loop as joint
from genbench.training.joint.loop import fit_together
from genbench.training.loop import Loop, fit
from tests.contracts.builders import ODD, TRAINED
from tests.gpu.small import CONFIG as FLOAT32_CONFIG
from tests.gpu.small import assert_same_bits, built, digits, recording_from
from tests.training.interruption import interrupted_at
from tests.training.joint.members import (
    CONFIG,
    SEEDS,
    assert_close,
    pictures_for,
    weight_tolerance,
    with_options,
)

FIRST = {(case.recipe, case.network): case for case in reversed(TRAINED) if case.shape not in ODD}
"""One case of each trained recipe and kind of network."""


def pictures_on(device, case):
    """Return the pictures for a case on a device, which draws their noise."""
    data = pictures_for(case)
    data.grey, data.y = data.grey.to(device), data.y.to(device)
    return data


def members(case, data, device, config=CONFIG):
    """Return a loop for each seed, in float64."""
    for seed in SEEDS:
        made = case.build(seed)
        made.model.to(device)
        yield Loop(made.model, made.updates, data, config, Stream(seed, ("train",)))


@pytest.mark.parametrize("case", FIRST.values(), ids=lambda case: case.name)
def test_each_member_ends_where_the_run_trained_alone_ends(device, case):
    data = pictures_on(device, case)
    alone = [fit(loop) for loop in members(case, data, device)]
    together = fit_together(list(members(case, data, device)))
    assert_close(together, alone, weight_tolerance(case))


def in_float32(device, recipe, config=FLOAT32_CONFIG, **options):
    data = digits(device)
    for seed in SEEDS:
        made = built(data, recipe, config, seed, **options)
        yield Loop(made.model, made.updates, data, config, Stream(seed, ("train",)))


RECORDED = {
    "vae": {},
    "gan": {"dropout": 0.3},
    "cvae": {},
}


@pytest.mark.parametrize("recipe", RECORDED)
def test_recorded_joint_training_ends_in_the_bits_of_plain_training(device, recipe, monkeypatch):
    recorders, real = [], joint.StepRecorder

    def recorder(*arguments):
        recorders.append(real(*arguments))
        return recorders[-1]

    monkeypatch.setattr(joint, "StepRecorder", recorder)
    fits = []
    for steps in (10**9, 0):
        with recording_from(steps):
            fits.append(fit_together(list(in_float32(device, recipe, **RECORDED[recipe]))))
    assert [recorder.recording is not None for recorder in recorders] == [False, True]
    for plain, recorded in zip(*fits, strict=True):
        assert_same_bits(recorded, plain)


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("recipe", RECORDED)
def test_members_stopped_within_an_epoch_end_in_the_same_bits(device, recipe, n, tmp_path):
    config = FLOAT32_CONFIG.model_copy(update={"batch_size": 6})  # three graphs of five steps

    def train(folder=None):
        loops = list(in_float32(device, recipe, config, **RECORDED[recipe]))
        for i, loop in enumerate(loops):
            loop.checkpoint = folder and folder / f"{i}.safetensors"
        return fit_together(loops)

    with recording_from(0):
        with interrupted_at(n):
            train(tmp_path)
        resumed, whole = train(tmp_path), train()
    for one, other in zip(resumed, whole, strict=True):
        assert_same_bits(one, other)


@pytest.mark.parametrize("recipe", ["vae", "iwae", "cvae"])
def test_in_float32_members_agree_to_five_digits(device, recipe):
    alone = [fit(loop) for loop in in_float32(device, recipe)]
    together = fit_together(list(in_float32(device, recipe)))
    # Adam divides a small gradient by its size, and so enlarges the rounding of its weight.
    assert_close(together, alone, weights=1e-3, history=1e-5)


def test_every_draw_of_a_member_is_that_of_the_run_alone(device):
    """With dropout, whose kernel takes no generator."""
    case = with_options("gan", dropout=0.3)
    data = pictures_on(device, case)
    alone = [fit(loop) for loop in members(case, data, device)]
    assert_close(fit_together(list(members(case, data, device))), alone, weight_tolerance(case))
