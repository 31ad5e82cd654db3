"""Reads the Frey Faces: 1,965 frames of one film of Brendan Frey's face.

There is no official split. The frames are sorted by the SHA-256 of ``"frey_faces <index>"``, a
fixed permutation; the last 200 are for testing, and 200 of the other 1,765 are drawn for
validation. Published work uses these sizes and shuffles too.

What that split measures: frames of one film are near-duplicates. Half of the test frames are within
0.044 (root mean square per pixel, black to white being 1) of a training frame, while the last 200
frames of the film are 0.084 from the first 1,565, and two random frames 0.150. A test number
therefore says how well a model fills the gaps in this film, not how well it models a new one. The
protocol contains the word ``shuffled_film``.
"""

import io
from pathlib import Path

import numpy as np
from scipy.io import loadmat

from genbench.data.digits import permutation, require_pinned_pixels
from genbench.data.fetch import content_of
from genbench.data.specs import DatasetSpec, RawData


def read(spec: DatasetSpec, data_dir: Path, with_test: bool = True) -> RawData:
    """Return the shuffled frames, all with the label 0; download the file if it is missing.

    A damaged file can crash scipy's reader, so it only gets bytes with the pinned
    digest. The array has one column per frame, 28 rows of 20 pixels.

    Raises:
        DataError: The file is damaged, or missing and cannot be downloaded.
    """
    content = content_of(spec, spec.files[0], data_dir)
    film = loadmat(io.BytesIO(content))["ff"].T
    require_pinned_pixels(film, spec, "scipy")
    n, cut = spec.n_train + spec.n_test, spec.n_train
    frames = film.reshape(n, *spec.image_shape[1:])[permutation(n, spec.name)]
    labels = np.zeros(n, dtype=np.uint8)
    return RawData(frames[:cut], labels[:cut], frames[cut:], labels[cut:])
