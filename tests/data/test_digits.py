"""The digits of scikit-learn."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from genbench.core.errors import DataError
from genbench.data import DataConfig, datasets, load
from genbench.data.digits import permutation, read

ORDER = [1457, 1074, 1038, 1402, 952]
DIGEST = "88b3859074d8e8538e8cfeac32518ad93a233a25268ca90e5c34c02cb25df360"


def test_the_splits_hold_each_official_image_once_with_its_label():
    data = load(DataConfig(name="digits"))
    sizes = [data.size(split) for split in ("train", "validation", "test")]
    assert sizes == [1097, 200, 500]
    official = load_digits()
    pairs = zip(official.images.astype(np.uint8), official.target, strict=True)
    expected = Counter((image.tobytes(), int(label)) for image, label in pairs)
    served: Counter[tuple[bytes, int]] = Counter()
    for split in ("train", "validation", "test"):
        x, y = data.held_out(split)
        levels = (x * 16).round().to(torch.uint8).numpy()
        served.update((a.tobytes(), int(b)) for a, b in zip(levels, y, strict=True))
    assert served == expected


def test_the_order_and_the_digest_never_change():
    order = permutation(1797)
    assert sorted(order) == list(range(1797))
    assert order[:5] == ORDER
    assert load(DataConfig(name="digits", limit=1)).digest == DIGEST


def test_other_pixels_than_the_pinned_are_refused():
    with pytest.raises(DataError, match="install another version"):
        read(replace(datasets["digits"], pixels_sha256="0" * 64), Path())
