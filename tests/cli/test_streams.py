"""Text in any locale: neither encoding nor missing readers turn a result into a failure."""

import contextlib
import fcntl
import io
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading

import pytest

from genbench import cli
from genbench.commands.streams import print_on, terminal
from genbench.core.texts import Terminal, ascii_of
from tests.results.rich import fabricate_rich

LOCALES = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "C": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
SUITE = """\ufefftitle = "Größe α ≤ β"
description = "“Γ” → ∞"
[data]
name = "digits"
binarisation = "none"
dequantisation = "uniform"
limit = 60
[[model]]
recipe = "linear_gaussian"
latent_dim = 2
note = "× ‖"
[[model]]
recipe = "mean_image"
[evaluate]
metrics = ["log_likelihood", "reconstruction_mse"]
"""
COMMANDS = """
import sys
from genbench.cli import main
baseline = ["--baseline", "baseline.json"]
making = [
    ["run", "--suite", "odd.toml", "--no-report", "--device", "cpu"],
    ["check", "--update", "--suite", "odd", *baseline],
    ["selftest", "--format", "text"],
]
reading = [
    ["check", *baseline],
    ["compare", "odd:linear_gaussian", "odd:mean_image"],
    ["list", "suites"],
]
if not sys.argv[1:]:
    import genbench.selftest
    genbench.selftest.GROUPS = (genbench.selftest.densities.independent_pixels,)
    reading[-1] = ["list", "evaluators"]
    reading = [*making, *reading]
print([main(argv) for argv in reading])
"""
WARNED = ("-X", "warn_default_encoding", "-W", "always::EncodingWarning")


def python(folder, *argv, **environment):
    return subprocess.run(
        [sys.executable, *argv],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        timeout=300,
        check=False,
    )


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Run all commands in the C locale; return their folder and what the process said."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "odd.toml").write_text(SUITE, encoding="utf-8")
    return folder, python(folder, *WARNED, "-c", COMMANDS, **LOCALES["C"])


@pytest.mark.parametrize("name", LOCALES)
def test_every_locale_reads_runs_and_prints(odd, name):
    folder, done = odd
    if name != "C":  # what the first process left is read and printed in the other encodings
        done = python(folder, *WARNED, "-c", COMMANDS, "read", **LOCALES[name])
    out = done.stdout.decode("latin-1" if name == "latin-1" else "ascii")
    assert done.returncode == 0, done.stderr
    assert out.splitlines()[-1] == ("[0, 0, 0, 0, 0, 0]" if name == "C" else "[0, 0, 0]")
    assert ("±" if name == "latin-1" else "+-") in out
    warnings = [line for line in done.stderr.decode().splitlines() if "EncodingWarning" in line]
    assert not [line for line in warnings if "/genbench/" in line]
    stored = json.loads((folder / "results" / "odd" / "suite.json").read_text(encoding="utf-8"))
    assert (stored["title"], stored["description"]) == ("Größe α ≤ β", "“Γ” → ∞")


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("1.5 ± 0.1 ≤ 2 ≥ −3", "1.5 +- 0.1 <= 2 >= -3"),
        ("a · b → c ≈ d … ∼ ‖x‖", "a . b -> c ~ d ... ~ ||x||"),
        ("† ‡ α λ Σ φ ϕ", "+ ++ alpha lambda Sigma phi phi"),
        ("1\u2009000 x₁² é ↑ ☃", "1 000 x1^2 e ^ ?"),
    ],
)
def test_symbols_have_an_ascii_spelling(text, spelled):
    assert "".join(map(ascii_of, text)) == spelled
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii", errors="genbench.ascii")
    print(text, file=stream, end="", flush=True)
    assert stream.buffer.getvalue().decode() == spelled


@pytest.mark.parametrize(
    ("encoding", "sign", "error"),
    [("ascii", ">=", "+-"), ("latin-1", ">=", "±"), ("utf-8", "≥", "±")],
)
def test_a_report_is_readable_and_fits_in_any_encoding(tmp_path, encoding, sign, error):
    fabricate_rich(tmp_path / "results", models=("vae", "beta_vae", "linear_gaussian"))
    argv = ("-m", "genbench", "report", "--suite", "tiny", "--reports", "out")
    done = python(tmp_path, *argv, PYTHONIOENCODING=encoding, COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, b"")
    lines = done.stdout.decode(encoding).splitlines()
    names = ("vae ", "beta_vae ", "linear_gaussian ")
    rows = [line for line in lines if line.startswith(names) and "   " in line]
    assert [line.index(f" {error} 0.") for line in rows] == [rows[0].index(f" {error} 0.")] * 3
    assert [f"{sign} -2" in line for line in rows] == [True, False, True]
    assert not [line for line in lines if "?" in line or "\\u" in line]
    assert max(map(len, lines)) <= 80


def test_the_width_is_that_of_the_terminal_and_100_where_there_is_none(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    piped = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", piped)
    assert terminal() == Terminal(100, "ascii")
    monkeypatch.setenv("COLUMNS", "72")
    assert terminal() == Terminal(72, "ascii")
    monkeypatch.setattr(sys, "stdout", None)
    assert terminal().width == 72


@pytest.mark.parametrize("columns", [80, 120, 200])
def test_a_real_terminal_is_asked_for_its_width(columns):
    program = "from genbench.cli import main; main(['list', 'evaluators'])"
    first, second = pty.openpty()
    fcntl.ioctl(second, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k != "COLUMNS"}
    process = subprocess.Popen([sys.executable, "-c", program], stdout=second, env=environment)
    os.close(second)
    text = b""
    with contextlib.suppress(OSError):  # the terminal is gone with the process
        while part := os.read(first, 65536):
            text += part
    os.close(first)
    assert process.wait() == 0
    shown = text.decode().replace("\r\n", "\n")
    assert max(map(len, shown.splitlines())) <= columns
    assert shown.encode() == python(".", "-c", program, COLUMNS=str(columns)).stdout


def test_streams_are_left_as_they_were(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert cli.main(["list", "evaluators"]) == 0
    assert stream.errors == "strict"


def test_stdout_may_be_a_stream_without_an_encoding():
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        assert cli.main(["list", "evaluators"]) == 0
    assert "iw_log_likelihood" in stream.getvalue()


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_stream_that_was_closed_changes_no_exit_code(monkeypatch, capsys, closed):
    argv = ["data", "verify", "mnits"] if closed == "stderr" else ["data", "verify", "digits"]
    for value in (None, io.StringIO()):
        if value:
            value.close()
        monkeypatch.setattr(sys, closed, value)
        assert cli.main(argv) == (2 if closed == "stderr" else 0)
    monkeypatch.undo()
    assert capsys.readouterr() == ("", "")


def test_a_run_without_stdout_and_stderr_is_a_run(place):
    argv = "-m genbench run --suite tiny.toml --models linear_gaussian --no-report --device cpu"
    command = f"exec {sys.executable} {argv} >&- 2>&-"
    assert subprocess.run(command, shell=True, cwd=place.folder, check=False).returncode == 0
    assert (place.results / "tiny" / "metrics.csv").exists()


@pytest.mark.parametrize(("redirection", "code"), [(">&-", 0), ("2>&-", 2)])
def test_a_command_without_stdout_or_stderr_ends_in_its_code(place, redirection, code):
    argv = "list suites" if code == 0 else "list suite"
    command = f"exec {sys.executable} -m genbench {argv} {redirection}"
    assert subprocess.run(command, shell=True, cwd=place.folder, check=False).returncode == code


@pytest.mark.parametrize(
    ("argv", "code", "lines"),
    [("data verify mnist --data-dir empty", 3, 1), ("list suites", 0, 0), ("-h", 0, 0)],
)
def test_a_reader_who_leaves_changes_no_exit_code(place, argv, code, lines):
    command = [sys.executable, "-m", "genbench", *argv.split()]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        command, stdout=write, stderr=subprocess.PIPE, cwd=place.folder, check=False
    )
    os.close(write)
    assert done.returncode == code
    said = done.stderr.decode().splitlines()
    assert len(said) == lines
    assert all(line.startswith("genbench: ") for line in said)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
def test_a_log_on_a_full_disk_changes_no_exit_code(place):
    command = [sys.executable, "-m", "genbench", "list", "suite"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stderr=full, cwd=place.folder, check=False)
    assert done.returncode == 2


def test_a_command_may_run_in_a_thread(capsys):
    codes = []
    thread = threading.Thread(target=lambda: codes.append(cli.main(["list", "suites"])))
    thread.start()
    thread.join()
    assert codes == [0]


def test_the_callers_handler_of_sigterm_survives():
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        mine = signal.getsignal(signal.SIGTERM)
        assert cli.main(["list", "suites"]) == 0
        with pytest.raises(SystemExit):
            cli.main(["--version"])
        assert signal.getsignal(signal.SIGTERM) is mine
    finally:
        signal.signal(signal.SIGTERM, before)


def test_nothing_that_a_terminal_obeys_is_printed_raw(capsys):
    for stream in (sys.stdout, sys.stderr):
        print_on(stream, "a\tb\nnäe \x1b[31mred\r\x07\x9b1m\u2028\u2029\u202e\u2066\ufeff\x7f")
    told = "a\tb\nnäe \\x1b[31mred\\x0d\\x07\\x9b1m\\u2028\\u2029\\u202e\\u2066\\ufeff\\x7f\n"
    assert [*capsys.readouterr()] == [told, told]


def test_an_error_shows_what_was_written_and_obeys_none_of_it(capsys):
    assert cli.main(["run", "--dry-run", "--set", "\x1b]0;owned\x07=1"]) == 2
    assert "\\x1b]0;owned\\x07" in (told := capsys.readouterr().err)
    assert "\x1b" not in told


@pytest.mark.parametrize("argv", [["run", "\x1b[31m"], ["run", "--seeds", "\x1b[31m"]])
def test_wrong_usage_is_shown_and_not_obeyed(argv, capsys):
    with pytest.raises(SystemExit):
        cli.main(argv)
    told = capsys.readouterr().err
    assert "\\x1b[31m" in told
    assert "\x1b" not in told
