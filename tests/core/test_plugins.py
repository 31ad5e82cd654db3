"""Files that register things of a user's own: loaded once, and refused with file and line."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from genbench.core.errors import ConfigError
from genbench.core.plugins import load_plugins, loaded_files
from genbench.data.own.registry import own_datasets

RINGS = "import genbench\n\n@genbench.dataset('rings')\ndef rings():\n    return 'rings.npz'\n"


@pytest.fixture(autouse=True)
def place(own_registries, monkeypatch, tmp_path):
    """A working directory of its own, and registries that forget."""
    monkeypatch.chdir(tmp_path)
    assert list(own_datasets) == []


@pytest.fixture
def write(tmp_path):
    """Write a file of the working directory: ``write("name.py", text)`` returns its path."""

    def to(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path.relative_to(tmp_path)

    return to


def test_a_file_registers_once_however_often_and_by_whichever_path_it_is_loaded(write, tmp_path):
    file = write("mine.py", f"{RINGS}print('imported')\n")
    link = tmp_path / "link.py"
    link.symlink_to(tmp_path / file)
    load_plugins([file])
    first = own_datasets["rings"]
    load_plugins([file, tmp_path / file, link])
    assert own_datasets["rings"] is first
    assert list(loaded_files()) == [tmp_path / file]


def test_what_a_file_defines_can_be_pickled_and_its_name_says_whose_it_is(write):
    load_plugins([write("my-models.py", f"{RINGS}class Mine:\n    pass\n")])
    mine = sys.modules[own_datasets["rings"].function.__module__].Mine
    assert pickle.loads(pickle.dumps(mine)) is mine
    assert mine.__module__.startswith("genbench_plugin_my_models_")


def test_a_changed_file_is_loaded_again_and_what_it_no_longer_registers_is_forgotten(write):
    load_plugins([write("mine.py", RINGS)])
    load_plugins([write("mine.py", RINGS.replace("rings", "discs"))])
    assert list(own_datasets) == ["discs"]


def test_a_file_that_was_imported_by_name_too_is_no_other(write, monkeypatch, tmp_path):
    file = write("a_plugin_imported_by_name.py", RINGS)
    monkeypatch.syspath_prepend(tmp_path)
    __import__("a_plugin_imported_by_name")
    load_plugins([file])
    assert list(own_datasets) == ["rings"]


def test_a_module_beside_the_file_can_be_imported_also_later(write):
    write("folder/helper_of_a_plugin.py", "name = 'rings'\n")
    write("folder/late_helper_of_a_plugin.py", "path = 'late.npz'\n")
    text = (
        "import genbench\nfrom helper_of_a_plugin import name\n@genbench.dataset(name)\n"
        "def f():\n    from late_helper_of_a_plugin import path\n    return path\n"
    )
    load_plugins([write("folder/mine.py", text)])
    assert own_datasets["rings"]().name == "late.npz"


def test_a_file_that_registers_nothing_is_noted(write, capsys):
    load_plugins([write("empty.py", "x = 3\n")])
    expected = "genbench: empty.py registers no recipe, data set or metric\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\ny = z\n", "mine.py:2: NameError: name 'z' is not defined"),
        ("x = 1\n\ndef f(:\n", "mine.py:3: SyntaxError: invalid syntax"),
        ("import nobody_has_this\n", "mine.py:1: ModuleNotFoundError: No module named 'nobody_has"),
        ("import sys\nsys.exit(3)\n", "mine.py:2: this ends the program; put it below `if __name"),
        (
            "import genbench\n\ngenbench.run('digits')\n",
            "mine.py:3: this call would run at each im",
        ),
        (
            f"{RINGS}\n@genbench.dataset('mnist')\ndef f(): ...\n",
            "mine.py:7: data set 'mnist' comes with genbench",
        ),
        (
            f"{RINGS}\n@genbench.dataset('rings')\ndef f(): ...\n",
            "mine.py:7: data set 'rings' is already registered by mine.py; choose another name",
        ),
        ("raise ValueError('one\\ntwo')\n", "mine.py:1: ValueError: one"),
        ("\0", "mine.py"),
    ],
)
def test_a_file_that_fails_is_named_with_the_line_and_leaves_nothing_behind(write, text, words):
    with pytest.raises(ConfigError) as raised:
        load_plugins([write("mine.py", text)])
    assert str(raised.value).startswith(words)
    assert "\n" not in str(raised.value)
    assert list(own_datasets) == list(loaded_files()) == []
    load_plugins([write("mine.py", RINGS)])  # once it is mended
    assert list(own_datasets) == ["rings"]


def test_an_error_in_a_module_beside_the_file_is_found_there(write):
    write("folder/broken_helper_of_a_plugin.py", "\n\n1 / 0\n")
    file = write("folder/mine.py", "import broken_helper_of_a_plugin\n")
    with pytest.raises(ConfigError, match=r"^folder/broken_helper_of_a_plugin.py:3: ZeroDivision"):
        load_plugins([file])


def test_a_name_of_another_file_is_refused_with_the_file(write):
    load_plugins([write("one.py", RINGS)])
    with pytest.raises(ConfigError, match=r"two.py:3: data set 'rings' is already .* by one.py;"):
        load_plugins([write("two.py", f"{RINGS}#\n")])
    assert list(own_datasets) == ["rings"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mime.py", "plugin: no file mime.py; did you mean 'mine.py'?"),
        ("nowhere/mine.py", "plugin: no file nowhere/mine.py"),
        ("mine.toml", r"plugin: mine.toml is not a Python file \(.py\)"),
        (".", r"plugin: . is not a Python file \(.py\)"),
    ],
)
def test_a_file_that_is_missing_or_of_another_kind_is_named(write, name, words):
    write("mine.py", RINGS)
    write("mine.toml", "")
    with pytest.raises(ConfigError, match=words):
        load_plugins([Path(name)])


def install(folder, name, points, source):
    """Install a package: its metadata, and one module."""
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    about = f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n"
    (metadata / "METADATA").write_text(about)
    (metadata / "entry_points.txt").write_text(points)
    (folder / f"{name}.py").write_text(source)


THEIRS = """
import genbench
from genbench.evaluation.spec import PerDatum
from genbench.recipes import Built, DataFacts, Options
from genbench.training.config import TrainConfig

@genbench.recipe("their_vae")
def build(data: DataFacts, options: Options, train: TrainConfig) -> Built: ...

@genbench.dataset("their_faces")
def faces():
    return "faces.npz"

@genbench.evaluator(
    name="their_ink", version=1, needs=object, unit="share", better="lower", kind="exact", title=""
)
def ink(block, options): ...
"""
POINTS = """
[genbench.recipes]
their_vae = their_models:build
[genbench.datasets]
their_faces = their_models:faces
[genbench.evaluators]
their_ink = their_models:ink
"""
SHOW = """
from genbench.core.plugins import load_plugins
load_plugins()
load_plugins()
from genbench.data.own.registry import own_datasets
from genbench.evaluation.runner import evaluators
from genbench.recipes import recipes
print(*(name in table for name, table in [
    ("their_vae", recipes), ("their_faces", own_datasets), ("their_ink", evaluators),
    ("half", recipes), ("vae", recipes), ("elbo", evaluators)]))
"""


def test_installed_packages_register_in_three_groups_and_a_broken_one_is_left_out(tmp_path):
    install(tmp_path, "their_models", POINTS, THEIRS)
    broken = (
        THEIRS.replace("their_vae", "half").replace("their_", "broken_") + "import nobody_has\n"
    )
    points = "[genbench.recipes]\nhalf = broken_models:build\nother = broken_models:build\n"
    install(tmp_path, "broken_models", points, broken)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    done = subprocess.run(
        [sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "True True True False True True\n"
    expected = "the installed package 'broken-models' cannot be used: ModuleNotFoundError: No mod"
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"genbench: {expected}")
