"""Tensors on disk: read only if they are what was asked for, otherwise computed and written."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from genbench.core.errors import StorageError
from genbench.features.kept import kept

X = torch.arange(6, dtype=torch.float64).view(2, 3)
KEY = "a" * 64


class Counted:
    def __init__(self, x=X):
        self.x, self.calls = x, 0

    def __call__(self):
        self.calls += 1
        return {"x": self.x}


def asked(folder, compute, key=KEY, like=X):
    return kept(folder, "x", key, {"x": like.to("meta")}, compute)["x"]


@pytest.fixture
def path(tmp_path):
    asked(tmp_path, Counted())
    (path,) = tmp_path.iterdir()
    return path


def test_what_is_kept_is_computed_once(tmp_path):
    compute = Counted()
    assert all(torch.equal(asked(tmp_path, compute), X) for _ in range(3))
    assert compute.calls == 1
    assert [path.name for path in tmp_path.iterdir()] == [f"x-{'a' * 16}.safetensors"]


def test_without_a_folder_nothing_is_kept():
    compute = Counted()
    assert all(torch.equal(asked(None, compute), X) for _ in range(2))
    assert compute.calls == 2


def flipped(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def swapped(path):
    save_file({"x": X + 1}, path, metadata={"key": KEY, "sha256": "0" * 64})


def of_another_shape(path):
    save_file({"x": X[:1]}, path, metadata={"key": KEY})


@pytest.mark.parametrize(
    "damage",
    [
        flipped,
        swapped,
        of_another_shape,
        lambda path: path.write_bytes(path.read_bytes()[:-9]),
        lambda path: path.write_bytes(b""),
        lambda path: save_file(load_file(path), path),
    ],
)
def test_a_damaged_file_is_computed_anew_and_written(path, damage):
    damage(path)
    compute = Counted()
    assert all(torch.equal(asked(path.parent, compute), X) for _ in range(2))
    assert compute.calls == 1


def test_a_file_of_the_same_name_that_is_of_something_else_is_not_used(path):
    compute = Counted(X + 1)
    other = KEY[:-1] + "b"  # the first digits, which name the file, are the same
    assert torch.equal(asked(path.parent, compute, other), X + 1)


def test_a_file_that_is_too_large_is_not_read(path, monkeypatch):
    from genbench.features import kept as module

    monkeypatch.setattr(module, "HEADER_BYTES", 0)
    monkeypatch.setattr(module, "read_tensors", lambda path: pytest.fail("it was read"))
    assert torch.equal(asked(path.parent, Counted()), X)


def test_a_folder_that_cannot_be_written_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="cannot write"):
        asked(tmp_path / "file", Counted())
