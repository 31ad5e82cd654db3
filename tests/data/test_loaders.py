"""What is served, from tiny files, digits, and the real MNIST."""

import math
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch

from genbench.core.errors import ConfigError, DataError
from genbench.core.files import sha256_bytes
from genbench.data import DataConfig, load
from genbench.data.source import read_source
from genbench.data.splits import parts_of

SPLITS = ("train", "validation", "test")
VIEWS = [
    {"binarisation": "none"},
    {"binarisation": "threshold"},
    {"binarisation": "static"},
    {"binarisation": "dynamic"},
    {"dequantisation": "uniform"},
]
FIXED, REDRAWN = VIEWS[:3], VIEWS[3:]


@pytest.fixture
def tiny_dir(tiny_content, tmp_path):
    tiny_content.store(tmp_path)
    return tmp_path


def tiny_set(tiny_dir, **options):
    return load(DataConfig(name="tiny", **options), tiny_dir)


def parts(tiny_dir, **options):
    config = DataConfig(name="tiny", **options)
    return parts_of(config, read_source(config, tiny_dir))


def test_the_splits_are_the_official_data_divided_by_the_draw(tiny_content, tiny_dir):
    train_x, train_y, test_x, test_y = tiny_content.arrays
    data = tiny_set(tiny_dir)
    train, validation, test = parts(tiny_dir)
    assert sorted([*train, *validation]) == list(range(40))
    assert test.tolist() == list(range(10))
    expected = {
        "train": (train_x[train], train_y[train]),
        "validation": (train_x[validation], train_y[validation]),
        "test": (test_x, test_y),
    }
    for split, (levels, labels) in expected.items():
        x, y = data.held_out(split)
        assert x.dtype == torch.float32
        assert y.dtype == torch.int64
        assert torch.equal(x, torch.from_numpy(levels).unsqueeze(1) / 255)
        assert y.tolist() == labels.tolist()
        assert data.size(split) == len(labels)


def test_validation_size_moves_the_boundary_only(tiny_content, tiny_dir):
    data = tiny_set(tiny_dir, validation_size=15)
    assert [data.size(split) for split in SPLITS] == [25, 15, 10]
    more, fewer = parts(tiny_dir, validation_size=15).validation, parts(tiny_dir).validation
    assert data.held_out("validation").y.tolist() == tiny_content.arrays[1][more].tolist()
    assert more[:8].tolist() == fewer.tolist()


def test_the_digest_covers_pixels_and_labels_whatever_is_kept(tiny_content, tiny_dir):
    expected = sha256_bytes(b"".join(array.tobytes() for array in tiny_content.arrays))
    assert tiny_set(tiny_dir).digest == expected
    assert tiny_set(tiny_dir, limit=3, validation_size=9).digest == expected


def test_a_data_set_states_its_protocol_and_domain(tiny_dir):
    data = tiny_set(tiny_dir, binarisation="dynamic", seed=4)
    assert (
        data.protocol.text == f"tiny@{data.digest[:8]}/dynamic(seed=4)/32+8+10 validation(seed=4)"
    )
    assert (data.name, data.image_shape, data.n_levels) == ("tiny", (1, 4, 4), 256)
    domains = [tiny_set(tiny_dir, **view).domain for view in VIEWS]
    assert domains == ["grey_levels", "binary", "binary", "binary", "unit_interval"]


@pytest.mark.parametrize("view", VIEWS)
def test_values_lie_in_the_stated_domain(tiny_dir, view):
    data = tiny_set(tiny_dir, **view)
    xs = [data.held_out(split).x for split in SPLITS]
    xs.append(data.train_batch(torch.arange(32)).x)
    for x in xs:
        assert x.dtype == torch.float32
        allowed = (x == 0) | (x == 1) if data.domain == "binary" else (x >= 0) & (x <= 1)
        assert bool(allowed.all())


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("limit", [1, 5, 9])
def test_limit_keeps_the_first_of_the_validation_data_with_their_noise(tiny_dir, view, limit):
    whole, cut = tiny_set(tiny_dir, **view), tiny_set(tiny_dir, limit=limit, **view)
    for split in SPLITS:
        assert cut.size(split) == min(limit, whole.size(split))
    n = cut.size("validation")
    assert torch.equal(cut.held_out("validation").x, whole.held_out("validation").x[:n])
    assert torch.equal(cut.held_out("validation").y, whole.held_out("validation").y[:n])


@pytest.mark.parametrize("view", VIEWS)
def test_held_out_data_are_the_same_in_two_loads_whatever_the_global_seed(tiny_dir, view):
    torch.manual_seed(1)
    first = tiny_set(tiny_dir, **view)
    state = torch.get_rng_state()
    xs = [first.held_out(split).x for split in SPLITS]
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    second = tiny_set(tiny_dir, **view)
    for split, x in zip(reversed(SPLITS), reversed(xs), strict=True):
        assert torch.equal(second.held_out(split).x, x)
        kept = second.held_out(split).x is second.held_out(split).x
        assert kept == (split != "train")  # which is large


@pytest.mark.parametrize("view", [{"binarisation": "static"}, *REDRAWN])
def test_another_seed_draws_other_held_out_noise(tiny_dir, view):
    x = tiny_set(tiny_dir, **view).held_out("test").x
    assert not torch.equal(tiny_set(tiny_dir, seed=1, **view).held_out("test").x, x)


@pytest.mark.parametrize("view", FIXED)
def test_a_fixed_train_batch_is_a_gather(tiny_dir, view):
    data, indices = tiny_set(tiny_dir, **view), torch.tensor([5, 0, 31, 5])
    state = torch.get_rng_state()
    x, y = data.train_batch(indices)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(x, data.held_out("train").x[indices])
    assert torch.equal(y, data.held_out("train").y[indices])


@pytest.mark.parametrize("view", VIEWS)
def test_blocks_and_mean_are_those_of_the_held_out_training_data(tiny_dir, view):
    data = tiny_set(tiny_dir, **view)
    x, y = data.held_out("train")
    assert torch.equal(torch.cat(list(data.blocks("train"))), x)
    assert torch.equal(data.mean_image, x.double().mean(dim=0).float())
    assert torch.equal(data.labels_of("train"), y)


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("damage", ["deleted", "noise"])
def test_without_test_images_no_file_of_them_is_read(tiny_content, tiny_dir, view, damage):
    whole = tiny_set(tiny_dir, **view)
    for name in list(tiny_content.packed)[2:]:
        path = tiny_dir / "tiny" / name
        path.unlink() if damage == "deleted" else path.write_bytes(b"noise" * 100)
    with pytest.raises(DataError):
        tiny_set(tiny_dir, **view)
    blind = load(DataConfig(name="tiny", **view), tiny_dir, with_test=False)
    for split in ("train", "validation"):
        one, other = whole.held_out(split), blind.held_out(split)
        assert torch.equal(one.x, other.x)
        assert torch.equal(one.y, other.y)
    assert blind.size("test") == 0
    assert blind.protocol.sizes == (32, 8, 0)
    assert blind.digest == sha256_bytes(b"".join(a.tobytes() for a in tiny_content.arrays[:2]))


@pytest.mark.parametrize("name", ["digits", "shapes", "own"])
def test_without_test_images_those_in_one_file_with_the_others_are_dropped(tmp_path, name):
    pixels = np.random.default_rng(0).integers(0, 9, (40, 4, 5))
    np.savez(tmp_path / "shots.npz", x=pixels, n_levels=9)
    chosen = {"path": tmp_path / "shots.npz"} if name == "own" else {"name": name}
    config = DataConfig(**chosen, binarisation="threshold")
    whole, blind = load(config), load(config, with_test=False)
    for split in ("train", "validation"):
        assert torch.equal(whole.held_out(split).x, blind.held_out(split).x)
    assert len(blind.levels) == len(blind.labels) == whole.size("train") + whole.size("validation")
    for ask in (blind.held_out, blind.labels_of, blind.blocks):
        with pytest.raises(ConfigError, match=r"loaded without its test images.* use validation"):
            ask("test")


@pytest.mark.parametrize("view", REDRAWN)
def test_a_redrawn_train_batch_follows_torchs_global_generator(tiny_dir, view):
    data, indices = tiny_set(tiny_dir, **view), torch.tensor([5, 0, 31, 5])
    torch.manual_seed(0)
    first, second = data.train_batch(indices), data.train_batch(indices)
    torch.manual_seed(0)
    again = data.train_batch(indices)
    assert torch.equal(first.x, again.x)
    assert not torch.equal(first.x, second.x)
    assert torch.equal(first.y, data.held_out("train").y[indices])


def test_the_mean_of_dynamic_draws_is_the_grey_value(tiny_dir):
    n = 4000
    data = tiny_set(tiny_dir, binarisation="dynamic")
    grey = tiny_set(tiny_dir).held_out("train").x[7].double()
    torch.manual_seed(0)
    mean = data.train_batch(torch.full((n,), 7)).x.double().mean(0)
    stderr = (grey * (1 - grey) / n).sqrt()
    assert bool(((mean - grey).abs() <= 4 * stderr).all())


def test_the_mean_of_dequantised_draws_is_the_middle_of_the_cell(tiny_dir):
    n = 4000
    data = tiny_set(tiny_dir, dequantisation="uniform")
    torch.manual_seed(0)
    x = data.train_batch(torch.full((n,), 7)).x.double()
    middle = (data.levels[7].double() + 0.5) / 256
    stderr = 1 / 256 / math.sqrt(12 * n)
    assert bool(((x.mean(0) - middle).abs() <= 4 * stderr).all())


def test_a_data_set_and_its_splits_cannot_be_mistaken(tiny_dir):
    data = tiny_set(tiny_dir)
    with pytest.raises(FrozenInstanceError):
        data.name = "other"
    with pytest.raises(ConfigError, match="did you mean 'validation'"):
        data.held_out("valid")
    with pytest.raises(ConfigError, match="unknown split"):
        data.size("all")


@pytest.mark.parametrize(
    "promise", [{"n_train": 39}, {"n_test": 11}, {"image_shape": (1, 2, 4)}, {"n_levels": 17}]
)
def test_data_other_than_registered_are_refused(tiny_content, tiny_dir, monkeypatch, promise):
    tiny_content.register(monkeypatch, **promise)
    with pytest.raises(DataError, match=r"tiny: the (train|test) set does not match the registry"):
        tiny_set(tiny_dir)


@pytest.mark.mnist
def test_the_real_mnist_is_served_under_its_protocol(real_data):
    data = load(DataConfig(name="mnist", binarisation="static"), real_data)
    assert data.protocol.text == "mnist@06b0d1f1/static(seed=0)/55000+5000+10000 validation(seed=0)"
    grey = load(DataConfig(name="mnist"), real_data).held_out("test").x.double()
    x = data.held_out("test").x.double()
    n_pixels = grey.numel()
    stderr = math.sqrt(float((grey * (1 - grey)).sum())) / n_pixels
    assert abs(float((x - grey).mean())) <= 4 * stderr
    assert data.held_out("test").y[:5].tolist() == [7, 2, 1, 0, 4]


def test_a_data_set_on_another_device_is_a_copy_with_views_of_its_own():
    data = load(DataConfig(name="digits", binarisation="static", limit=20))
    data.held_out("test")
    there = data.on(torch.device("meta"))
    assert data.on(torch.device("cpu")) is data
    assert (there.levels.device.type, there.labels.device.type) == ("meta", "meta")
    assert (there.protocol, there.sizes, there._views) == (data.protocol, data.sizes, {})
    assert data.held_out("test").x.device.type == "cpu"


@pytest.mark.parametrize("view", VIEWS)
def test_the_mean_image_is_that_of_the_fixed_view_of_the_training_data(tiny_dir, view):
    data = tiny_set(tiny_dir, **view)
    expected = data.held_out("train").x.double().mean(dim=0)
    assert data.mean_image.dtype == torch.float32
    assert torch.allclose(data.mean_image.double(), expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("view", [*FIXED[:2], *REDRAWN])
def test_training_keeps_no_float_copy_of_the_training_data(tiny_dir, view):
    data = tiny_set(tiny_dir, **view)
    data.mean_image, data.train_batch(torch.arange(9)), data.held_out("train")
    assert data._views == {}
    assert torch.equal(data.labels_of("train"), data.held_out("train").y)


def test_unprocessed_images_are_levels_and_say_so():
    grey = load(DataConfig(name="digits", limit=50))
    for view in ({"binarisation": "dynamic"}, {"dequantisation": "uniform"}):
        seen = load(DataConfig(name="digits", limit=50, **view)).unprocessed
        assert torch.equal(seen.held_out("train").x, grey.held_out("train").x)
        assert (seen.domain, seen.protocol) == (grey.domain, grey.protocol)
        assert seen.config == grey.config
    assert grey.unprocessed is grey
