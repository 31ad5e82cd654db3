"""Score arrays of images that anybody made, beside real images and the mean image."""

import torch
from torch import Tensor

import genbench


class SavedSamples:
    """Images from a file, in the place of a model."""

    def __init__(self, images: Tensor) -> None:
        self.unused = images

    def sample(self, n: int) -> Tensor:
        """Return the next n images."""
        if n > len(self.unused):
            raise ValueError(f"{n} more images are needed, {len(self.unused)} are left")
        images, self.unused = self.unused[:n], self.unused[n:]
        return images


data = genbench.load_data("digits", binarisation="static")
train, test = data.train.x, data.test.x
mean = train.mean(dim=0)
contestants = {
    "real images": train,
    "independent pixels": torch.bernoulli(mean.expand(1000, 1, 8, 8)),
    "mean image": mean.expand(1000, 1, 8, 8),
}
scores = {}
for name, images in contestants.items():
    options = {"mmd2": {"bandwidth": 3.0}}  # a typical distance between two images
    frame = genbench.evaluate(SavedSamples(images), test, evaluators=("mmd2",), options=options)
    scores[name] = frame["value"].item()
    print(f"{name:20} {scores[name]:.4f} ± {frame['stderr'].item():.4f}")
assert scores["real images"] < scores["independent pixels"] < scores["mean image"]
