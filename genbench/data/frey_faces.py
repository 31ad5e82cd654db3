"""Reads the Frey Faces: 1,965 frames of one film of Brendan Frey's face; imports numpy, no torch.

There is no official split. The frames are put once into the order of the SHA-256 of
``"frey_faces <index>"``, a fixed permutation; the first 1,565 are for training, the next 200 for
validation and the last 200 for testing. These are the sizes of published work, which shuffles too.

What that split measures: frames of one film are near-duplicates. Half of the test frames lie within
0.044 (root mean square per pixel, black to white being 1) of a training frame, while the last 200
frames of the film lie 0.084 from the first 1,565, and two frames at random 0.150. A test number
therefore says how well a model fills the gaps of this film, not how it meets a new one. The
protocol carries the word ``shuffled_film``.
"""

from pathlib import Path

import numpy as np

from genbench.data.digits import permutation
from genbench.data.download import content_of
from genbench.data.records import DatasetSpec, RawData


def read(spec: DatasetSpec, data_dir: Path) -> RawData:
    """Return the shuffled frames, checked against the pin; all have the label 0.

    The file is downloaded first where it is missing. It holds one array of a column per frame, each
    28 rows of 20 pixels, and counts in any packing that has the pinned pixels.

    Raises:
        DataError: The file is damaged, or missing and not to be had.
    """
    content = content_of(spec, spec.files[0], data_dir)
    n = spec.n_train + spec.n_test
    film = np.frombuffer(content, dtype=np.uint8).reshape(n, *spec.image_shape[1:])
    frames = film[permutation(n, spec.name)]
    labels = np.zeros(n, dtype=np.uint8)
    cut = spec.n_train
    return RawData(frames[:cut], labels[:cut], frames[cut:], labels[cut:])
