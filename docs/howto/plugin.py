"""A data set of your own, made by a function; run as a script, the file looks at it."""

import numpy as np

import genbench


@genbench.dataset("bars", levels=4)
def bars():
    """Bright bars, horizontal and vertical, on a dark and noisy ground."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 2, (600, 8, 8))
    upright = rng.integers(0, 2, 600)
    for image, is_upright, place in zip(images, upright, rng.integers(0, 8, 600), strict=True):
        bar = image[:, place] if is_upright else image[place]
        bar[:] = rng.integers(2, 4)
    return {"x": images, "y": upright}


if __name__ == "__main__":
    data = genbench.load_data("bars")
    print(data, data.classes)
    assert data.test.x.shape == (120, 1, 8, 8)
    assert (data.train.x * 3).unique().tolist() == [0, 1, 2, 3]
