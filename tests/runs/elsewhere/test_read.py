"""Which folders of a suite are read in search of models that were trained elsewhere."""

import pytest

from genbench.core.errors import StorageError
from genbench.results.run_folder import SPEC, RunFolder
from genbench.runs.elsewhere.read import elsewhere_runs, folders_by_name


@pytest.mark.parametrize(
    "search", [folders_by_name, lambda suite, ids: elsewhere_runs(suite, (), ids)]
)
def test_runs_of_the_suite_file_are_not_read(search, tmp_path, monkeypatch):
    read = []

    def damaged(folder, name):
        read.append((folder.train_id, name))
        raise StorageError("damaged")

    for train_id in ("0a", "0b", "0c"):
        RunFolder(tmp_path / "suite", train_id).write(SPEC, {})
    monkeypatch.setattr(RunFolder, "read", damaged)
    assert not search(tmp_path / "suite", {"0a", "0b"})
    assert read == [("0c", SPEC)]
