"""Small data and real recipes for tests of joint training."""

import pytest
import torch

from genbench.core.seeding import Stream
from genbench.data.loaders import Split
from genbench.training.config import TrainConfig
from genbench.training.loop import Loop, fit
from tests.contracts.builders import SHAPES, SMALL, Case

CONFIG = TrainConfig(epochs=2, batch_size=16, learning_rate=3e-3)
SEEDS = (0, 1, 5)


class Pictures:
    """Float64 pictures that are redrawn for each batch, with the interface of a data set."""

    def __init__(self, shape, *, binary=True):
        generator = torch.Generator().manual_seed(2)
        self.grey = torch.rand(60, *shape, dtype=torch.float64, generator=generator)
        self.y, self.binary = torch.randint(10, (60,), generator=generator), binary

    def size(self, split):
        return 40 if split == "train" else 20

    def held_out(self, split):
        part = slice(40) if split == "train" else slice(40, 60)
        x = self.grey[part]
        return Split(x.round() if self.binary else x, self.y[part])

    def train_batch(self, indices):
        grey, y = self.grey.index_select(0, indices), self.y.index_select(0, indices)
        noise = torch.rand(grey.shape, dtype=grey.dtype, device=grey.device)
        return Split((noise < grey).to(grey.dtype) if self.binary else (grey + noise) / 2, y)


def pictures_for(case):
    head = case.build().observation
    return Pictures(case.shape, binary=bool(head) and head.domain == "binary")


def member(case, seed, folder, data, config=CONFIG):
    built, checkpoint = case.build(seed), folder / f"{seed}.safetensors"
    return Loop(built.model, built.updates, data, config, Stream(seed, ("train",)), checkpoint)


def members(case, folder, data, configs=(CONFIG, CONFIG, CONFIG)):
    folder.mkdir()
    pairs = zip(SEEDS, configs, strict=True)
    return [member(case, seed, folder, data, config) for seed, config in pairs]


def alone(loops):
    return [fit(loop) for loop in loops]


def assert_close(results, expected, weights, history=1e-11):
    for one, other in zip(results, expected, strict=True):
        assert one.best_epoch == other.best_epoch
        assert one.last.keys() == other.last.keys()
        for ours, theirs in ((one.last, other.last), (one.best, other.best)):
            for name, tensor in theirs.items():
                assert torch.allclose(ours[name], tensor, rtol=weights, atol=weights), name
        assert [list(row) for row in one.history] == [list(row) for row in other.history]
        for row, expected_row in zip(one.history, other.history, strict=True):
            assert row == pytest.approx(expected_row, rel=history, abs=history)


def weight_tolerance(case):
    """A bias before batch norm has no gradient but rounding, which Adam turns into steps."""
    return 1e-6 if case.recipe in ("gan", "gan_minimax") else 1e-10


def with_options(recipe, network="mlp", **options):
    keys = {"network": network, "hidden": (11, 7), "latent_dim": 3}
    if network == "conv":
        keys["channels"] = SMALL["channels"]
    return Case(recipe, network, keys | options, SHAPES[network])
