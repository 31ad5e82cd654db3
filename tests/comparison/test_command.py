import json
import subprocess
import sys

import pytest

from genbench.cli import main


@pytest.fixture
def command(capsys):
    def run(*argv):
        code = main(["compare", *map(str, argv)])
        return code, *capsys.readouterr()

    return run


def test_compare_does_not_import_torch(stored, tmp_path):
    program = "import sys\nfrom genbench.cli import main\ncode = main(sys.argv[1:])\n"
    argv = ["compare", "tiny:vae", "tiny:beta_vae", "--results", str(stored.results)]
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{program}sys.exit(99 if 'torch' in sys.modules else code)",
            *argv,
            "--output",
            "out",
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "elbo" in done.stdout
    assert (tmp_path / "out" / "ranks-1.png").is_file()


def test_json_is_all_that_stdout_carries(stored, command, tmp_path):
    places = ("--results", stored.results, "--output", tmp_path / "out")
    code, out, err = command("vae", "beta_vae", "--suite", "tiny", "--format", "json", *places)
    assert code == 0
    assert json.loads(out) == json.loads((tmp_path / "out" / "compare.json").read_text())
    assert "written" in err


def test_text_names_what_was_not_compared(stored, command):
    code, out, _ = command("tiny:vae", "tiny:beta_vae", "--results", stored.results)
    assert code == 0
    assert out.startswith("A = tiny:vae, B = tiny:beta_vae")
    assert "Not compared:\n" in out


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("sides", [("tiny:vae", "tiny:beta_vae"), ("tiny", "tiny")])
@pytest.mark.parametrize("more", [(), ("--verbose",)])
def test_text_fits_the_terminal(stored, command, monkeypatch, width, sides, more):
    monkeypatch.setenv("COLUMNS", str(width))
    _, out, _ = command(*sides, "--results", stored.results, *more)
    assert max(map(len, out.splitlines())) <= width


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (("tiny:vae", "tiny:nothing"), 2, "has no model 'nothing'"),
        (("tiny", "elsewhere"), 5, "no results of suite 'elsewhere'"),
        (("tiny:vae", "tiny:gan+normal(0.126)"), 0, "mmd2"),
        (("tiny:cvae", "tiny:gan+normal(0.126)"), 6, "no numbers in common"),
    ],
)
def test_exit_codes(stored, command, argv, code, words):
    found, out, err = command(*argv, "--results", stored.results)
    assert (found, words in out + err) == (code, True)
    assert len(err.splitlines()) <= 10
