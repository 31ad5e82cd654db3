"""The registry."""

import subprocess
import sys

import pytest

from genbench.core.errors import ConfigError
from genbench.data import datasets

FILED = [name for name in datasets if datasets[name].files]


def test_the_registry_holds_the_data_sets():
    assert {"digits", "fashion_mnist", "frey_faces", "kmnist", "mnist"} <= set(datasets)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'mnist'"):
        datasets["mnits"]


@pytest.mark.parametrize("name", list(datasets))
def test_an_entry_is_complete(name):
    spec = datasets[name]
    assert spec.name == name
    assert 0 < spec.default_validation_size < spec.n_train
    assert all((spec.title, spec.description, spec.licence, spec.citation))
    assert bool(spec.files) != bool(spec.embedded_in)


@pytest.mark.parametrize("name", FILED)
def test_each_file_has_an_https_mirror_and_well_formed_pins(name):
    spec = datasets[name]
    assert spec.mirrors
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in spec.mirrors)
    pins = [file.sha256 for file in spec.files]
    pins += [file.content_sha256 for file in spec.files if file.content_sha256]
    assert all(len(pin) == 64 and int(pin, 16) for pin in pins)
    assert len(set(pins)) == len(pins)


@pytest.mark.parametrize("name", [name for name in FILED if len(datasets[name].files) == 4])
def test_the_pinned_sizes_follow_from_the_shapes(name):
    spec = datasets[name]
    pixels = spec.image_shape[1] * spec.image_shape[2]
    expected = [16 + spec.n_train * pixels, 8 + spec.n_train, 16 + spec.n_test * pixels]
    assert [file.content_bytes for file in spec.files] == [*expected, 8 + spec.n_test]


def test_listing_fetching_and_configuring_need_no_torch_and_no_scikit_learn():
    code = (
        "import sys\n"
        "from genbench.data import data_home, datasets, DataConfig\n"
        "from genbench.data.fetch import fetch, verify\n"
        "DataConfig(name='mnist'), verify('digits'), fetch('digits'), data_home()\n"
        "print(sorted({'torch', 'sklearn', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.strip() == "[]"


def test_a_name_that_does_not_exist_is_an_attribute_error():
    import genbench.data

    with pytest.raises(AttributeError, match="no_such_name"):
        _ = genbench.data.no_such_name
