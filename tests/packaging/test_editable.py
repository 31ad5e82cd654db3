"""An editable install, used from the folder above a clone named ``genbench``."""

import os
import subprocess
import sys
import sysconfig
import zipfile

import pytest


@pytest.fixture(scope="module")
def python(clone, tmp_path_factory):
    """Return the interpreter of an environment that holds the editable install and no library."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    build = "import sys, hatchling.build as b; print(b.build_editable(sys.argv[1]))"
    built = run(sys.executable, "-c", build, str(folder), cwd=clone)
    scheme = {"base": str(folder), "platbase": str(folder)}
    with zipfile.ZipFile(folder / built.stdout.strip()) as wheel:
        wheel.extractall(sysconfig.get_path("purelib", "venv", scheme))
    return sysconfig.get_path("scripts", "venv", scheme) + "/python"


def run(*argv, cwd):
    """Run a program that sees no checkout through its environment."""
    hidden = ("PYTHONPATH", "MYPYPATH")
    environment = {k: v for k, v in os.environ.items() if k not in hidden}
    return subprocess.run(
        argv, cwd=cwd, env=environment, check=True, capture_output=True, text=True
    )


def test_the_folder_above_a_clone_imports_the_package(clone, python):
    libraries = [path for path in sys.path if path.endswith("-packages")]
    code = f"import sys; sys.path += {libraries}; import genbench; genbench.run; print(genbench)"
    assert (
        str(clone / "genbench" / "__init__.py") in run(python, "-c", code, cwd=clone.parent).stdout
    )


def test_a_type_checker_in_the_folder_above_a_clone_sees_the_types(clone, python):
    script = clone.parent / "script.py"
    script.write_text("import genbench\nreveal_type(genbench.run)\n")
    mypy = [sys.executable, "-m", "mypy", "--python-executable", python]
    checked = run(*mypy, "--ignore-missing-imports", script.name, cwd=clone.parent)
    assert 'Revealed type is "def (suite: ' in checked.stdout
