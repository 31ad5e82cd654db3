"""A user's own weights: networks of the same form under the name of their digest, or refused."""

import pytest
import torch
from safetensors.torch import save_file

from genbench.core.errors import ConfigError, DataError
from genbench.core.files import sha256_file
from genbench.features import custom
from genbench.features.classifier import Classifier
from genbench.features.custom import FeatureOptions, asked_space
from genbench.features.spaces import space_of


@pytest.fixture
def write(tmp_path):
    def written(n_classes=10, shape=(1, 8, 8), **changed):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            weights = Classifier(shape, 5, n_classes).state_dict() | changed
        path = tmp_path / "net.safetensors"
        save_file({k: v.contiguous() for k, v in weights.items()}, path)
        return path

    return written


def test_own_weights_are_what_auto_is_under_the_name_of_their_digest(digits, write):
    path = write()
    name = f"custom:{sha256_file(path)[:8]}"
    assert FeatureOptions(weights=path).name == name
    assert FeatureOptions().name == "auto"
    for asked in ("auto", name):
        found = space_of(digits, asked, weights=path)
        assert (found.name, found.dim, found.n_classes) == (name, 5, 10)
        assert found.confusion.shape == (10, 10)
        assert "not to be set beside published numbers" in found.remark
    assert space_of(digits, "digits-cnn16-v1", weights=path).name == "digits-cnn16-v1"


def test_classes_that_are_not_those_of_the_data_are_not_predicted(digits, write):
    found = space_of(digits, weights=write(n_classes=7))
    assert (found.n_classes, found.confusion) == (None, None)


def test_a_file_with_another_digest_than_the_name_is_refused(digits, write):
    with pytest.raises(ConfigError, match=r"is 'custom:.*', not 'custom:00000000'"):
        space_of(digits, "custom:00000000", weights=write())


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"shape": (1, 28, 28)}, r"dense.0.weight: expected \(5, 128\)"),
        ({"fc.weight": torch.zeros(3)}, "unknown tensor fc.weight"),
        ({"head.bias": torch.full((10,), torch.inf)}, "head.bias is not finite"),
    ],
)
def test_other_networks_are_refused_with_the_reason(digits, write, changed, problem):
    with pytest.raises(DataError, match=f"{problem}.*expected a safetensors file of the network"):
        space_of(digits, weights=write(**changed))


def test_a_pickle_is_never_opened(digits, tmp_path):
    path = tmp_path / "net.pt"
    torch.save({"head.weight": torch.zeros(10, 5)}, path)
    with pytest.raises(DataError, match=r"features.weights: .*expected a safetensors file"):
        space_of(digits, weights=path)


def test_a_file_that_is_missing_or_too_large_is_not_read(digits, write, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="cannot read"):
        space_of(digits, weights=tmp_path / "none.safetensors")
    monkeypatch.setattr(custom, "MOST_BYTES", 100)
    with pytest.raises(DataError, match="at most 100 expected"):
        space_of(digits, weights=write())


def test_a_space_is_asked_for_by_its_name_or_by_a_file(digits, write):
    for name in ("auto", "pca32", "mnist-cnn64-v1", "custom:0a1b2c3d"):
        assert asked_space(name) == (name, None)
    path = write()
    name, weights = asked_space(path)
    assert weights == path
    assert asked_space(str(path)) == (name, path)
    assert space_of(digits, name, weights=weights).name == name


def test_options_are_checked():
    with pytest.raises(ConfigError, match=r"features.weight: unknown key; did you mean .weights."):
        FeatureOptions.read({"weight": "x"}, "features")
