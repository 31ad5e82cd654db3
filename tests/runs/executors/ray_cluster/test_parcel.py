"""A plan arrives with the code that it needs, also where its files are not."""

import sys
from types import SimpleNamespace

import pytest

from genbench.core.errors import ConfigError
from genbench.core.plugins import load_plugins, loaded_files
from genbench.recipes import recipes
from genbench.runs.executors.ray_cluster.parcel import Parcel
from genbench.runs.read_run import EvaluationRequest
from genbench.runs.run_context import RunPlan
from genbench.runs.run_options import RunOptions

pytestmark = pytest.mark.usefixtures("own_registries")
PLUGIN = '''
from genbench.recipes import Built, DataFacts, Options, recipe, recipes
from genbench.training.config import TrainConfig
from helpers_of_mine.sizes import LATENT_DIM

@recipe("of_mine")
def of_mine(data: DataFacts, options: Options, train: TrainConfig) -> Built:
    """Mine."""
    theirs = recipes["linear_gaussian"]
    return theirs.build(data, theirs.options(latent_dim=LATENT_DIM), train)
'''


@pytest.fixture
def plugin(tmp_path):
    """A plugin that is loaded, with a package beside it."""
    package = tmp_path / "helpers_of_mine"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "sizes.py").write_text("LATENT_DIM = 3\n")
    (package / "unused.py").write_text("raise SystemExit\n")
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN)
    load_plugins([file])
    yield file
    forget_helpers()


def forget_helpers():
    for name in [name for name in sys.modules if name.startswith("helpers_of_mine")]:
        del sys.modules[name]


def plan_with(*plugins):
    return RunPlan("mine", (), EvaluationRequest((), ()), RunOptions(plugins=plugins))


def unpacked_elsewhere(parcel, monkeypatch):
    """Unpack as a process does that has loaded nothing."""
    monkeypatch.setattr("genbench.core.plugins._files", {})
    recipes.discard("of_mine")
    forget_helpers()
    return parcel.unpack()


def test_a_plugin_and_the_modules_that_it_imports_travel(plugin, monkeypatch):
    parcel = Parcel.of(plan_with(plugin), ())
    names = {path.relative_to(plugin.parent).as_posix() for path in parcel.files}
    assert names == {"mine.py", "helpers_of_mine/__init__.py", "helpers_of_mine/sizes.py"}
    plugin.unlink()
    (plugin.parent / "helpers_of_mine" / "sizes.py").unlink()
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(plugin.parent)])
    unpacked_elsewhere(parcel, monkeypatch)
    assert "of_mine" in recipes
    (place,) = loaded_files()
    assert plugin.parent not in place.parents
    assert sys.modules["helpers_of_mine.sizes"].LATENT_DIM == 3


def test_files_that_are_there_are_used_where_they_are(plugin, monkeypatch):
    parcel = Parcel.of(plan_with(plugin), ())
    unpacked_elsewhere(parcel, monkeypatch)
    assert list(loaded_files()) == [plugin]


def test_a_module_beside_it_that_differs_is_not_used(plugin, monkeypatch):
    parcel = Parcel.of(plan_with(plugin), ())
    (plugin.parent / "helpers_of_mine" / "sizes.py").write_text("LATENT_DIM = 4\n")
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(plugin.parent)])
    unpacked_elsewhere(parcel, monkeypatch)
    assert sys.modules["helpers_of_mine.sizes"].LATENT_DIM == 3


def test_a_plugin_that_was_changed_after_it_was_loaded_does_not_travel(plugin):
    plugin.write_text(PLUGIN + "\n")
    with pytest.raises(ConfigError, match=r"mine\.py was changed during the run"):
        Parcel.of(plan_with(plugin), ())


def test_what_a_script_registers_replaces_what_it_registered_before(monkeypatch):
    entry = SimpleNamespace(build=SimpleNamespace(__module__="__main__"), version=1)
    recipes.add("of_script", entry)
    parcel = Parcel.of(plan_with(), ("__main__",))
    recipes.discard("of_script")
    recipes.add("of_script", "an older one")
    parcel.unpack()
    assert recipes["of_script"] == entry


def test_a_module_that_cannot_be_imported_there_is_named():
    parcel = Parcel.of(plan_with(), ("not_there",))
    with pytest.raises(ConfigError, match=r"^cannot import not_there: "):
        parcel.unpack()


def test_an_object_that_cannot_be_sent_is_said_with_a_way_out():
    def refuse(what):
        raise TypeError("cannot pickle '_thread.lock' object")

    with pytest.raises(ConfigError, match=r"cannot be sent .*lock.* --plugin"):
        Parcel.of(plan_with(), (), refuse)
