"""The files of a run, each compared with the manifest before it is read."""

import json

import pytest

from genbench.core.errors import StorageError
from genbench.results.run_folder import RunFolder


@pytest.fixture
def run(own_results):
    """The folder of one run, to be damaged."""
    folder = own_results / "tiny"
    first, *_ = sorted(path.name for path in (folder / "runs").iterdir())
    return RunFolder(folder, first)


def test_lost_file_of_a_run_is_a_storage_error(run):
    (run / "artifacts/figures.safetensors").unlink()
    with pytest.raises(StorageError, match=r"figures\.safetensors"):
        run.figures()


def test_file_that_the_manifest_does_not_name_is_not_read(run):
    (run / "manifest.json").write_text(json.dumps({"files": {}}))
    assert run.figures() == {}
    assert run.history() is None
