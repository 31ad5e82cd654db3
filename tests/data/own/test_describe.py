"""What a description says of a set, and each warning: where it is due, and nowhere else."""

import io

import numpy as np
import pytest
from PIL import Image

from genbench.data import DataConfig
from genbench.data.own.describe import describe
from genbench.data.own.jpeg import has_traces


@pytest.fixture
def described(tmp_path):
    """Describe arrays as an ``.npz``: ``described(x=...)``, with keys of ``[data]`` as ``data``."""

    def write(data=None, **arrays):
        path = tmp_path / "shots.npz"
        np.savez(path, **arrays)
        return describe(DataConfig(path=path, **(data or {})))

    return write


def noise(n=40, shape=(6, 5), seed=0, top=256):
    return np.random.default_rng(seed).integers(0, top, (n, *shape), dtype=np.uint8)


def kinds(description):
    return [concern.kind for concern in description.concerns]


def text(description, kind):
    (concern,) = (c for c in description.concerns if c.kind == kind)
    return concern.text


def test_a_sound_set_is_described_without_a_warning(described):
    it = described(x=noise(), y=np.arange(40) % 2, data={"split": {"test": 10, "seed": 1}})
    assert (it.name, it.image_shape, it.n_levels) == ("shots", (1, 6, 5), 256)
    assert it.about == "40 images, 1x6x5 with 256 levels, from shots.npz"
    assert it.sizes == {"train": 27, "validation": 3, "test": 10}
    assert it.classes == ("0", "1")
    assert [sum(counts) for counts in it.counts.values()] == [27, 3, 10]
    assert [sum(c[i] for c in it.counts.values()) for i in range(2)] == [20, 20]
    assert it.protocol == f"shots@{it.digest[:8]}/grey/27+3+10 drawn(seed=1) validation(seed=0)"
    assert it.lines[0].startswith('path = "')
    assert it.lines[1:] == ("split = { test = 10, seed = 1 }",)
    assert it.concerns == ()


def test_a_registered_set_is_described_as_it_is_served():
    it = describe(DataConfig(name="digits"))
    assert it.sizes == {"train": 1097, "validation": 200, "test": 500}
    assert it.lines == ('name = "digits"',)
    assert it.digest.startswith("88b38590")
    assert it.notes == ()


def test_repeated_images_are_counted_within_and_across_parts(described):
    train, test = noise(20), noise(10, seed=1)
    train[3], train[4] = train[2], train[2]
    test[[0, 1]] = train[[2, 7]]
    labels = np.zeros(20, np.int64)
    labels[4] = 1
    it = described(x_train=train, y_train=labels, x_test=test, y_test=np.arange(10) % 2)
    assert "2 images repeat another of the same part" in text(it, "repeated")
    assert "1 group of them under several labels" in text(it, "repeated")
    assert "2 test images are among the train or validation images too" in text(it, "shared")


def test_a_repeated_image_names_its_files(tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    for i, pixels in enumerate(noise(12)):
        Image.fromarray(pixels).save(folder / f"{i}.png")
    Image.fromarray(noise(12)[5]).save(folder / "copy.png")
    it = describe(DataConfig(path=folder, split={"test": 1}))
    assert kinds(it)[0] in ("repeated", "shared")
    assert "5.png" in it.concerns[0].text
    assert "copy.png" in it.concerns[0].text


def test_nearly_equal_images_across_parts_are_counted_exact_ones_apart(described):
    train, test = noise(30, (16, 16)), noise(10, (16, 16), seed=1)
    test[:4] = train[:4]
    test[:3, 0, 0] ^= 1  # three nearly, one exactly
    it = described(x_train=train, x_test=test)
    assert text(it, "near").startswith("3 of 10 test images")
    assert text(it, "shared").startswith("1 test image is among")


def test_constant_pixels_of_the_training_set_are_priced(described):
    images = noise()
    images[:, 0, :] = 7
    it = described(x=images)
    assert text(it, "constant_pixels").startswith("5 of 30 pixels are the same")
    assert "up to 5.5 nats from each, 28 in all" in text(it, "constant_pixels")  # 5 log 256
    assert "constant_pixels" not in kinds(described(x=images > 100))  # no density of two levels


def test_images_of_one_value_are_named(described):
    images = noise()
    images[3], images[8] = 9, 200
    images[8, 0, 0] = 202
    assert text(described(x=images), "flat").startswith("2 images are all of one value")
    images[8, 0, 0] = 203
    assert text(described(x=images), "flat").startswith("1 image is all of one value")


def test_a_class_without_images_in_a_part_is_named(described):
    labels = np.arange(20) % 3
    it = described(x_train=noise(20), y_train=labels, x_test=noise(6, seed=1), y_test=[0] * 6)
    assert kinds(it).count("missing_class") == 2  # validation holds two images
    assert "2 classes without a test image, such as 1 and 2" in it.concerns[-1].text


@pytest.mark.parametrize(("n_rare", "warns"), [(20, False), (6, True)])
def test_very_unequal_classes_are_told(described, n_rare, warns):
    labels = np.array([0] * 100 + [1] * n_rare)
    n = len(labels)
    it = described(x_train=noise(n), y_train=labels, x_validation=noise(n, seed=2),
                   y_validation=labels, x_test=noise(n, seed=1), y_test=labels)  # fmt: skip
    assert ("unequal_classes" in kinds(it)) == warns


@pytest.mark.parametrize(
    ("values", "fix"),
    [
        ([0, 1], "state `levels = 2`"),
        ([0, 255], "state `levels = 2`, which reads them as 0 to 1"),
        ([0, 17, 34, 51, 68, 85, 102, 119, 136, 153, 170, 187, 204, 221, 238, 255],
         "state `levels = 16`, which reads them as 0 to 15"),
        (list(range(20)), "state `levels = 20`"),
        ([100, 103, 120], "spread them over the whole range"),
        (list(range(0, 256, 2)), None),
        (list(range(40)), None),
        ([0, 3, 255], None),
    ],
)  # fmt: skip
def test_values_that_use_little_of_the_range_are_told_with_their_fix(described, values, fix):
    images = np.array(values, np.uint8)[noise(60, top=len(values))]
    it = described(x=images)
    assert ("few_values" in kinds(it)) == (fix is not None)
    if fix:
        assert text(it, "few_values").endswith(fix) or f"{fix}," in text(it, "few_values")
        levels = fix.partition("levels = ")[2].partition("`")[0]
        again = described(x=images, data={"levels": int(levels)}) if levels else it
        assert levels == "" or (again.n_levels, kinds(again)) == (int(levels), [])


def test_three_equal_channels_are_told(described):
    grey = noise(40, (6, 7))
    assert "equal_channels" in kinds(described(x=np.stack([grey] * 3, axis=3)))
    coloured = np.stack([grey] * 3, axis=3)
    coloured[-1, 0, 0, 2] ^= 1
    assert "equal_channels" not in kinds(described(x=coloured))


@pytest.mark.parametrize(("sizes", "warns"), [([(9, 8), (9, 8)], False), ([(9, 8), (8, 9)], True)])
def test_images_of_mixed_size_that_are_scaled_to_one_are_told(tmp_path, sizes, warns):
    (tmp_path / "faces").mkdir()
    for i, size in enumerate(sizes * 5):
        Image.fromarray(noise(1, size, seed=i)[0]).save(tmp_path / "faces" / f"{i}.png")
    it = describe(DataConfig(path=tmp_path / "faces", resize=(6, 6)))
    assert ("mixed_sizes" in kinds(it)) == warns
    if warns:
        assert "scaled to one (2, from 8 x 9 to 9 x 8)" in text(it, "mixed_sizes")


# --- JPEG ----------------------------------------------------------------------------------------


def photographs():
    """(N, 3, 32, 32) patches of the two photographs of scikit-learn, halved: no JPEG grid left."""
    from sklearn.datasets import load_sample_images

    patches = []
    for image in load_sample_images().images:
        height, width = image.shape[:2]
        half = Image.fromarray(image).resize((width // 2, height // 2), Image.Resampling.BICUBIC)
        pixels = np.asarray(half).transpose(2, 0, 1)
        patches += [
            pixels[:, y : y + 32, x : x + 32]
            for y in range(0, height // 2 - 32, 24)
            for x in range(0, width // 2 - 32, 24)
        ]
    return np.stack(patches)


def as_jpeg(images, quality):
    decoded = []
    for image in images:
        file = io.BytesIO()
        pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        Image.fromarray(pixels).save(file, "JPEG", quality=quality)
        again = np.asarray(Image.open(file))
        decoded.append(again[None] if again.ndim == 2 else again.transpose(2, 0, 1))
    return np.stack(decoded)


def gradients():
    y, x = np.mgrid[:32, :32]
    slopes = np.random.default_rng(0).uniform([-4, -4, 60], [4, 4, 190], (300, 3))
    return np.stack([np.clip(a * x + b * y + c, 0, 255) for a, b, c in slopes])[:, None]


@pytest.fixture(scope="module")
def photos():
    return photographs()


@pytest.mark.parametrize("quality", [50, 90])
def test_jpeg_leaves_traces_in_photographs(photos, quality):
    assert not has_traces(photos)
    assert has_traces(as_jpeg(photos, quality))
    grey = photos[:, :1]
    assert not has_traces(grey)
    assert has_traces(as_jpeg(grey, quality))


def test_a_grid_that_was_cut_off_centre_is_still_a_trace(photos):
    assert has_traces(as_jpeg(photos, 75)[:, :, 3:, 5:])


@pytest.mark.parametrize(
    "images",
    [
        noise(300, (1, 32, 32)),
        gradients().astype(np.uint8),
        np.kron(noise(300, (1, 4, 4)), np.ones((1, 1, 8, 8), np.uint8)),
        noise(300, (1, 32, 32), top=2) * 255,
        noise(3, (1, 32, 32)),
        noise(300, (1, 8, 8)),
        noise(300, (1, 5, 4)),
    ],
    ids=["noise", "gradients", "blocks of 8", "black and white", "few", "8x8", "5x4"],
)
def test_what_never_was_jpeg_has_no_traces(images):
    assert not has_traces(images)


def test_no_registered_set_has_traces(real_data):
    for name in ("digits", "shapes", "mnist", "frey_faces"):
        it = describe(DataConfig(name=name), real_data)
        assert "jpeg" not in kinds(it), name


def test_files_of_jpegs_and_what_was_saved_from_them_are_told(photos, tmp_path):
    for i, image in enumerate(photos[:30]):
        (tmp_path / "direct").mkdir(exist_ok=True)
        Image.fromarray(image.transpose(1, 2, 0)).save(tmp_path / "direct" / f"{i}.jpg")
    it = describe(DataConfig(path=tmp_path / "direct"))
    assert "stored as JPEG" in text(it, "jpeg")
    np.save(tmp_path / "later.npy", as_jpeg(photos, 75))
    it = describe(DataConfig(path=tmp_path / "later.npy"))
    assert "compressed as JPEG once" in text(it, "jpeg")
