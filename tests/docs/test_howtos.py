"""The how-tos are programs: their scripts, commands and suite files run as they stand.

Commands run with small settings. Those on MNIST, which is a download, only have to parse; so has
``report``, which other tests run.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec

import pytest

from genbench.cli import main
from genbench.core.errors import ExitCode
from tests.docs.conftest import DOCS, REPOSITORY, blocks, name_of

SCRIPTS = sorted((DOCS / "howto").glob("*.py"))
RUN = [script for script in SCRIPTS if script.stem != "from_pythae" or find_spec("pythae")]
PAGES_WITH_COMMANDS = [
    path
    for path in [DOCS / "start.md", *sorted((DOCS / "howto").glob("*.md"))]
    if any(kind == "bash" for kind, _, _ in blocks(path))
]
ONLY_PARSED = {"mnist", "report"}
SMALL = ("--limit=40", "--seeds=1", "--jobs=1", "--set=train.epochs=1", "--no-report")
SMALL_DIGITS = ("--models=vae,beta_vae", "--set=evaluate.metrics=['elbo', 'iw_log_likelihood']")
SMALL_STANDARD = ("--models=vae,independent_pixels",)
RUN_ALL = """
import os, pathlib, runpy, sys
for script in sys.argv[1:]:
    folder = pathlib.Path(script).stem
    os.mkdir(folder)
    os.chdir(folder)
    print(f"== {script}", file=sys.stderr)
    runpy.run_path(script, run_name="__main__")
    os.chdir("..")
"""


def test_every_script_runs_to_its_end(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    program = [sys.executable, "-c", RUN_ALL, *map(str, RUN)]
    done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("== ") == len(RUN) > 5


@pytest.mark.parametrize("script", SCRIPTS, ids=name_of)
def test_a_page_shows_the_script_that_runs_and_the_script_checks_itself(script):
    page = script.with_suffix(".md").read_text(encoding="utf-8")
    assert f"```{{literalinclude}} {script.name}\n" in page
    text = script.read_text(encoding="utf-8")
    assert re.search(r"^ *assert ", text, re.M) or "pytest.raises" in text


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS, ids=name_of)
@pytest.mark.usefixtures("own_registries")
def test_the_commands_and_suite_files_of_a_page_work(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    if page.with_suffix(".py").exists():
        shutil.copy(page.with_suffix(".py"), tmp_path)
    for kind, caption, text in blocks(page):
        if kind in ("toml", "python") and caption:
            (tmp_path / caption).write_text(text, encoding="utf-8")
        for argv in commands(text) if kind == "bash" else ():
            code = main(small(argv))
            assert code in allowed(argv), f"{argv}: {capsys.readouterr().err}"


def commands(text):
    """Return the arguments of each genbench command of a block that is to be run."""
    lines = (shlex.split(line, comments=True) for line in text.splitlines())
    of_genbench = [words[3:] for words in lines if words[2:3] == ["genbench"]]
    return [argv for argv in of_genbench if not ONLY_PARSED & set(argv)]


def small(argv):
    """Return the command with settings that make it quick."""
    if argv[:2] == ["certify", "--suite"]:
        return [*argv, "--models=vae", "--level=compression"]
    if argv[0] != "run":
        return argv
    if "--studies" in argv:
        return [*argv, "--no-report"]
    if "--data" in argv:
        return [*argv, *SMALL, *SMALL_STANDARD]
    own = any(word.endswith(".toml") for word in argv)
    return [*argv, *SMALL, *(() if own else SMALL_DIGITS)]


def allowed(argv):
    """Return the exit codes that a command may have: ``doctor`` may find something to fix."""
    return {ExitCode.OK, ExitCode.USAGE} if argv[0] == "doctor" else {ExitCode.OK}
