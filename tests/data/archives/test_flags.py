"""Each flag is raised by data that have the fault, and by no others."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter

from genbench.data.archives.flags import Beside, flags, in_8_bits

SIDE = 28


def pictures(n, seed, channels=1):
    """Draw images (n, C, H, W) in [0, 1]: blots on a gradient, of any contrast, with some grain."""
    draw = np.random.default_rng(seed)
    blots = gaussian_filter(draw.normal(size=(n, 1, SIDE, SIDE)), (0, 0, 3, 2))
    contrast = draw.uniform(0.1, 1.5, (n, 1, 1, 1))
    gradient = np.linspace(0, 0.5, SIDE)[:, None]
    tint = draw.uniform(0.5, 1, (n, channels, 1, 1)) if channels > 1 else 1
    grain = draw.normal(scale=0.02, size=(n, 1, SIDE, SIDE))
    return np.clip(tint * (0.3 + gradient + 3 * contrast * blots + grain), 0, 1)


TRAINING, HELD_OUT, X = (pictures(n, seed) for seed, n in enumerate((600, 300, 400)))
COLOURED = [in_8_bits(pictures(n, seed, channels=3)) for seed, n in enumerate((300, 200, 200))]


def kinds(samples, training=TRAINING, held_out=HELD_OUT, n_levels=256, were_rounded=True):
    parts = (x if x.dtype == np.uint8 else in_8_bits(x) for x in (samples, training, held_out))
    return [flag.kind for flag in flags(Beside(*parts, n_levels, were_rounded))]


def as_jpeg(images):
    decoded = []
    for image in in_8_bits(images)[:, 0]:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "jpeg", quality=60)
        decoded.append(np.asarray(Image.open(file)))
    return np.stack(decoded)[:, None]


def stretched(images):
    low, high = images.min(axis=(2, 3), keepdims=True), images.max(axis=(2, 3), keepdims=True)
    return (images - low) / (high - low)


def cut_off(images):
    return np.floor(255 * 0.9999 * images).astype(np.uint8)


FAULTS = {
    "rounding": cut_off(X),
    "min_max": stretched(X),
    "jpeg": as_jpeg(X),
    "layout": np.swapaxes(X, 2, 3),
    "duplicates": np.concatenate([X, X[:3]]),
    "copies": np.concatenate([X, TRAINING[5:6]]),
    "near_copies": np.clip(
        TRAINING + np.random.default_rng(0).normal(0, 0.01, TRAINING.shape), 0, 1
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_raises_its_flag_and_no_other(fault):
    assert kinds(FAULTS[fault]) == [fault]


def test_sound_samples_raise_no_flag():
    assert kinds(X) == []
    assert kinds(HELD_OUT[:150], held_out=HELD_OUT[150:]) == []
    assert kinds(COLOURED[2], *COLOURED[:2]) == []


def test_rounding_to_the_nearest_and_floats_raise_no_flag():
    by_127 = np.floor(127.5 * (2 * 0.9999 * X - 1) + 128).astype(np.uint8)
    assert kinds(by_127) == kinds(0.9999 * X) == []
    assert kinds(cut_off(X), were_rounded=False) == []


def test_what_the_data_do_as_well_raises_no_flag():
    own = {
        "min_max": stretched(HELD_OUT),
        "jpeg": as_jpeg(HELD_OUT),
        "duplicates": np.concatenate([HELD_OUT, HELD_OUT[:9]]),
        "copies": np.concatenate([HELD_OUT, TRAINING[:9]]),
    }
    for fault, held_out in own.items():
        assert fault not in kinds(FAULTS[fault], held_out=held_out)


@pytest.mark.parametrize("mistaken", ["(H, W, C) is read", "(C, H, W) is read"])
def test_a_reshape_in_place_of_a_transpose_is_flagged(mistaken):
    training, held_out, x = COLOURED
    last = np.moveaxis(x, 1, 3)
    wrong = {
        "(H, W, C) is read": np.ascontiguousarray(last).reshape(x.shape),
        "(C, H, W) is read": np.moveaxis(x.reshape(last.shape), 3, 1),
    }[mistaken]
    (flag,) = flags(Beside(wrong, training, held_out, 256, were_rounded=True))
    assert flag.kind == "layout"
    assert mistaken in flag.text


def test_copies_among_the_samples_are_counted():
    samples = in_8_bits(np.concatenate([X, TRAINING[:7]]))
    (flag,) = flags(Beside(samples, in_8_bits(TRAINING), in_8_bits(HELD_OUT), 256, True))
    assert flag.text == (
        "7 of 407 samples are training images, pixel by pixel; of 300 held-out images 0 are"
    )


def test_one_image_many_times_is_a_duplicate():
    found = flags(Beside(*(in_8_bits(x) for x in (X[[0] * 9], TRAINING, HELD_OUT)), 256, True))
    assert "8 of 9 samples repeat another, one of them 9 times" in found[0].text
