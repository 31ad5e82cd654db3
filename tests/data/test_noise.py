"""Grey, binarised and dequantised values."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genbench.data import DataConfig
from genbench.data.noise import (
    BLOCK,
    dequantise,
    fixed_noise,
    fixed_view,
    present,
    requantise,
)

LEVELS = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
ALMOST_ONE = 1 - 2.0**-24


def noise_of(n, seed=0, purpose="binarisation", split="test"):
    return torch.cat(list(fixed_noise(seed, purpose, split, n, (1, 2, 2))))


def test_grey_is_level_over_the_highest_level():
    grey = present(LEVELS, 256, DataConfig(name="mnist"), None)
    expected = torch.arange(256, dtype=torch.float64) / 255
    assert torch.equal(grey.flatten(), expected.to(torch.float32))


@pytest.mark.parametrize(("n_levels", "first"), [(256, 128), (17, 8)])
def test_threshold_is_one_from_half_grey_on(n_levels, first):
    levels = torch.arange(n_levels, dtype=torch.uint8).reshape(1, 1, 1, n_levels)
    x = present(levels, n_levels, DataConfig(name="mnist", binarisation="threshold"), None)
    assert x.flatten().tolist() == [float(level >= first) for level in range(n_levels)]


@pytest.mark.parametrize("u", [0.0, 0.5, ALMOST_ONE])
def test_binarised_black_stays_black_and_white_stays_white(u):
    config = DataConfig(name="mnist", binarisation="dynamic")
    x = present(LEVELS, 256, config, torch.full(LEVELS.shape, u)).flatten()
    assert (x[0], x[255]) == (0, 1)
    assert x.tolist() == [float(u < level / 255) for level in range(256)]


def test_a_noisy_view_without_noise_is_refused():
    with pytest.raises(ValueError, match="needs noise"):
        present(LEVELS, 256, DataConfig(name="mnist", binarisation="static"), None)


@given(
    level=st.integers(0, 255),
    u=st.integers(0, 2**24 - 1).map(lambda k: k / 2**24),
    n_levels=st.sampled_from([17, 256]),
)
@settings(max_examples=300)
def test_dequantised_values_stay_inside_their_cell(level, u, n_levels):
    level %= n_levels
    x = dequantise(torch.tensor([level], dtype=torch.uint8), n_levels, torch.tensor([u]))
    assert 0 < x < 1
    assert int(torch.floor(x * n_levels)) == level
    assert abs(float(x) - (level + u) / n_levels) < 2.0**-15 / n_levels + 1e-7


@pytest.mark.parametrize("n_levels", [2, 17, 256])
def test_the_noise_of_dequantisation_can_be_taken_out_exactly(n_levels):
    levels = torch.arange(n_levels, dtype=torch.uint8).reshape(1, 1, 1, n_levels)
    grey = levels / (n_levels - 1)
    for u in (0.0, 0.5, ALMOST_ONE):
        x = dequantise(levels, n_levels, torch.full(levels.shape, u))
        assert torch.equal(requantise(x, n_levels), grey)
    assert torch.equal(requantise(grey, n_levels), grey)


def test_the_mean_of_dequantised_values_goes_to_the_nearest_level():
    means = torch.tensor([3.0, 3.4, 3.6])  # of levels; their noise has the mean 1/2
    assert requantise((means + 0.5) / 17, 17).mul(16).tolist() == [3, 3, 4]


def test_the_noise_of_a_datum_does_not_depend_on_how_many_follow():
    whole = noise_of(2 * BLOCK + 3)
    for n in (1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK):
        assert torch.equal(noise_of(n), whole[:n])


def test_blocks_splits_purposes_and_seeds_have_streams_of_their_own():
    whole = noise_of(2 * BLOCK)
    others = [
        whole[BLOCK:],
        noise_of(BLOCK, split="train"),
        noise_of(BLOCK, split="validation"),
        noise_of(BLOCK, purpose="dequantisation"),
        noise_of(BLOCK, seed=1),
    ]
    for i, other in enumerate(others):
        assert not any(torch.equal(other, former) for former in [whole[:BLOCK], *others[:i]])
        correlation = torch.corrcoef(torch.stack([whole[:BLOCK].flatten(), other.flatten()]))[0, 1]
        assert abs(float(correlation)) < 4 / (4 * BLOCK) ** 0.5


def test_static_and_held_out_dynamic_data_are_the_same_pixels():
    levels = LEVELS.expand(1200, 1, 16, 16)
    views = [
        fixed_view(levels, 256, DataConfig(name="mnist", binarisation=kind), "test")
        for kind in ("static", "dynamic")
    ]
    assert torch.equal(*views)
    assert not torch.equal(views[0][0], views[0][1])


def test_fixed_binarisation_has_the_mean_of_the_grey_values():
    levels = LEVELS.expand(4000, 1, 16, 16)
    config = DataConfig(name="mnist", binarisation="static")
    mean = fixed_view(levels, 256, config, "test").double().mean(0).flatten()
    grey = torch.arange(256, dtype=torch.float64) / 255
    z = (mean - grey)[1:-1] / (grey * (1 - grey) / 4000).sqrt()[1:-1]
    assert float(z.abs().max()) < 4.5  # 254 pixels at once
    assert abs(float(z.mean())) < 4 / 254**0.5
