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


@pytest.mark.parametrize("key", ["model", "name", "protocol"])
def test_a_specification_that_lacks_what_names_its_model_is_damaged(key, tmp_path):
    folder = RunFolder(tmp_path / "suite", "0a")
    about = {"description": {"conditional": False, "comparable_measure": "mass"}, "schema": 1}
    named = {"name": "mine", "model": "1234", "protocol": "digits@1234"}
    whole = {"recipe": "elsewhere", "seed": 0, "data": {"name": "digits"}} | about | named
    for spec, found in ((whole, ["mine"]), ({k: whole[k] for k in whole if k != key}, [])):
        folder.write(SPEC, spec)
        folder.seal()
        assert [*folders_by_name(tmp_path / "suite")] == found
    with pytest.raises(StorageError, match=f"a model trained elsewhere has no {key}"):
        folder.read(SPEC)
