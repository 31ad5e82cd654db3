"""Files of coded images: whole, or refused with one sentence."""

import json

import pytest
import torch

from genbench.certify.coding.code_file import read_code, write_code
from genbench.certify.coding.coder import Coded
from genbench.certify.coding.schemes import Known
from genbench.core.errors import StorageError
from genbench.core.files import canonical_json, sha256_bytes

CODED = Coded("bits back", False, 2, 3, 4, b"payload of the coder")
Y = torch.tensor([1, 0, 2])
SHOWN = torch.zeros(3, 1, 2, 2)


@pytest.fixture
def path(tmp_path):
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"weights")
    write_code(tmp_path / "run.code", CODED, Known((1, 2, 2), Y, SHOWN), "run", weights)
    return tmp_path / "run.code"


def test_a_file_gives_back_what_was_written(path):
    code = read_code(path)
    assert code.payload == CODED.payload
    assert code.header.weights == sha256_bytes(b"weights")
    assert (code.header.n_images, code.header.n_initial, code.header.run) == (3, 4, "run")
    assert torch.equal(code.known.y, Y)
    assert torch.equal(code.known.shown, SHOWN)
    assert code.known.shape == (1, 2, 2)


def test_nothing_lies_beside_a_file_of_a_model_that_is_given_nothing(path):
    alone = path.with_name("alone.code")
    write_code(alone, CODED, Known((1, 2, 2)), "run", path.with_name("model.safetensors"))
    assert read_code(alone).known == Known((1, 2, 2))
    assert not alone.with_suffix(".known.safetensors").exists()


def test_each_damaged_byte_and_each_cut_is_noticed(path):
    content = path.read_bytes()
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        for damaged in (bytes(changed), content[:place]):
            path.write_bytes(damaged)
            with pytest.raises(StorageError) as found:
                read_code(path)
            assert "\n" not in str(found.value)
    path.write_bytes(content + b"more")
    with pytest.raises(StorageError, match=r"24 bytes of code, 20 were written"):
        read_code(path)


def resealed(path, **changes):
    """Write the file with another header, whose digest is right."""
    line, _, payload = path.read_bytes().partition(b"\n")
    stated = json.loads(line) | changes
    del stated["digest"]
    digest = sha256_bytes(canonical_json(stated).encode() + b"\n" + payload)
    path.write_bytes(canonical_json(stated | {"digest": digest}).encode() + b"\n" + payload)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"format": "zip"}, r"header.format"),
        ({"version": 2}, r"header.version"),
        ({"n_images": 10**9}, r"header.n_images"),
        ({"n_images": 0}, r"header.n_images"),
        ({"n_levels": 257}, r"header.n_levels"),
        ({"n_levels": True}, r"header.n_levels"),
        ({"n_initial": -1}, r"header.n_initial"),
        ({"image_shape": [1, 2]}, r"header.image_shape"),
        ({"image_shape": [1, 2**20, 2**20]}, r"more than fit"),
        ({"n_images": 4}, r"does not describe 4 images"),
        ({"image_shape": [1, 2, 3]}, r"does not describe 3 images"),
        ({"extra": 1}, r"header.extra"),
        ({"weights": "x"}, r"header.weights"),
        ({"known": "0" * 64}, r"is not what run.code was coded with"),
    ],
)
def test_a_foreign_header_is_refused(path, changes, problem):
    resealed(path, **changes)
    with pytest.raises(StorageError, match=problem):
        read_code(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"PK\x03\x04", b"[1]\n", b"{}\n", b"{" * 9000])
def test_another_file_is_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"no file of coded images|not valid JSON"):
        read_code(path)


def test_a_missing_file_and_a_missing_condition_are_named(path):
    path.with_name("run.known.safetensors").unlink()
    with pytest.raises(StorageError, match=r"run\.known\.safetensors"):
        read_code(path)
    path.unlink()
    with pytest.raises(StorageError, match=r"cannot read .*run\.code"):
        read_code(path)
