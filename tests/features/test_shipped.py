"""Networks that come with genbench: their records are true, and damage is seen."""

import json
import shutil
from itertools import pairwise

import pytest
import torch
from scipy.ndimage import gaussian_filter

from genbench.core.errors import DataError
from genbench.data import DataConfig, load
from genbench.features.shipped import FOLDER, MOST_BYTES, SHIPPED, record_of, shipped_space
from genbench.features.training import confusion_counts
from genbench.samples.frechet import frechet_distance

PINNED = {
    "mnist-cnn64-v1": "5507ebd4f681fe97f9b64a8a343b6d95cc86a37c66af44adfdaba5e042f38a9e",
    "digits-cnn16-v1": "b6403818a987c5380a5d433e2bb5d81abcd5d90a71fb7dbd717208a33df223c8",
}
"""A number in such features is comparable with others only while these stay."""


@pytest.mark.parametrize("name", SHIPPED)
def test_the_weights_are_those_of_the_name(name):
    assert record_of(name).sha256 == PINNED[name]
    assert shipped_space(name).dim == SHIPPED[name].dim


def test_weights_are_small():
    sizes = [path.stat().st_size for path in FOLDER.iterdir()]
    assert len(sizes) == 2 * len(SHIPPED)
    assert max(sizes) < MOST_BYTES


@pytest.mark.parametrize(
    "name", ["digits-cnn16-v1", pytest.param("mnist-cnn64-v1", marks=pytest.mark.mnist)]
)
def test_a_record_is_what_is_measured(name):
    record, space = record_of(name), shipped_space(name)
    dataset = load(DataConfig(name=SHIPPED[name].data))
    x, y = dataset.held_out("test")
    counts = confusion_counts(space.predicted(x), y, 10)
    assert (record.data_digest, record.data) == (dataset.digest, dataset.protocol.text)
    assert record.accuracy > 0.95
    # another processor may sum in another order, which moves an image on the border of two classes
    assert int((counts - torch.tensor(record.confusion)).abs().sum()) <= 4
    assert record.accuracy == pytest.approx(torch.tensor(record.confusion).trace() / len(y))
    assert torch.allclose(space.confusion.sum(dim=1), torch.ones(10).double())
    assert space.n_classes == 10


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(FOLDER, tmp_path / "weights")
    return tmp_path / "weights"


def of_one_bit(folder):
    path = folder / "digits-cnn16-v1.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def of_the_record(folder):
    path = folder / "digits-cnn16-v1.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"image_shape": [1, 28, 28]}))


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (of_one_bit, "has sha256 .*, expected"),
        (of_the_record, "dense.0.weight: expected"),
        (lambda folder: (folder / "digits-cnn16-v1.safetensors").unlink(), "cannot read"),
        (lambda folder: (folder / "digits-cnn16-v1.json").write_text("{"), "not valid JSON"),
        (lambda folder: (folder / "digits-cnn16-v1.json").write_text("{}"), "must be stated"),
    ],
)
def test_damaged_weights_are_never_used(folder, damage, problem):
    damage(folder)
    with pytest.raises(DataError, match=problem) as error:
        shipped_space("digits-cnn16-v1", folder)
    assert str(error.value).endswith("install genbench again")


@pytest.mark.mnist
def test_the_features_of_mnist_put_the_controls_in_their_order():
    """Real images are farther than copies, and nearer than anything worse by far."""
    data = load(DataConfig(name="mnist", limit=20_000))
    train, (held_out, y) = data.held_out("train").x, data.held_out("validation")
    space, pick = shipped_space("mnist-cnn64-v1"), torch.Generator().manual_seed(0)
    reference, n = space.features(train), len(held_out)
    rows = torch.randint(len(train), (n, 28 * 28), generator=pick)
    controls = {
        "copies": train[torch.randperm(len(train), generator=pick)[:n]],
        "real": held_out,
        "blurred": torch.from_numpy(gaussian_filter(held_out.numpy(), (0, 0, 1, 1))),
        "classes 0 to 4": held_out[y < 5],
        "independent pixels": train.flatten(1).gather(0, rows).view(held_out.shape),
    }
    copies, *others = [frechet_distance(space.features(x), reference) for x in controls.values()]
    assert copies.value < others[0].value  # what a distance to training images cannot tell
    for better, worse in pairwise(others):
        assert worse.value - better.value > 4 * (worse.stderr + better.stderr)
