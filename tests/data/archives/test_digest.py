"""The digest of samples changes with their bytes and names, and with nothing else."""

import pytest

from genbench.core.errors import DataError
from genbench.core.files import sha256_bytes
from genbench.data.archives.digest import digest_of


def test_a_file_has_its_own_digest(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"images")
    assert digest_of(tmp_path / "x.npz") == sha256_bytes(b"images")


def test_a_folder_is_known_by_the_names_and_contents_of_its_files(tmp_path):
    def folder(name, **files):
        for path, content in files.items():
            file = tmp_path / name / path.replace("_", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        return digest_of(tmp_path / name)

    first = folder("a", x="1", y_z="2")
    assert folder("b", y_z="2", x="1") == first
    assert len({first, folder("c", x="1", y_z="3"), folder("d", x="1", z="2")}) == 3


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        digest_of(tmp_path / "x.npz")
