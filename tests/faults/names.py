"""Hostile names of suites, models, metrics, files and folders: none leads out of the folder."""

from pathlib import Path

from tests.cli.conftest import TINY
from tests.faults.suites import toml
from tests.faults.trial import Trial

ODD = (
    "..", ".", "", " ", "../x", "../../x", "a/../../x", "./x", "a/b", "/x", "//x", "~", "~/x",
    "~root", "x" * 255, "x" * 256, "x/" * 200, "é", "e\u0301", "\u202e", "\u2028", "\u0085",
    "\ufeff", "a\x00b", "a\nb", "a\rb", "\x1b[2J", "a\tb", "$(touch x)", "`touch x`", ";x", "|x",
    "&x", "*", "?", "[a]", "{a}", "%s", "%(x)s", "{0}", "{{x}}", "<b>", "'", '"', "\\", "\\..\\x",
    "C:\\x", "NUL", "-", "--x", "-rf", "=1+1", "@x", "+x", "::error::x", "##[x]", "a,b", "a;b",
    "a:b", "a=b", "a.b", ".x", "x.", "x.tmp", ".x.tmp", "manifest.json", "runs", "metrics.csv",
    "None", "nan", "null", "0", "\U0001f600",
)  # fmt: skip
SAFE = ("--device", "cpu", "--jobs", "1", "--set", "train.epochs=1", "--limit", "40")
RUN = ("run", "--suite", "tiny.toml", *SAFE)


def try_one(trial: Trial) -> str | None:
    """Put a hostile name at one place of a suite or a command."""
    name = trial.random.choice(ODD)
    if trial.random.random() < 0.2:
        name = str(trial.folder.parent / "escaped" / name)
    place = trial.random.choice(PLACES)
    argv = place(trial, name)
    before, within = _around(trial.folder), _names(trial.folder)
    trial.tried = 1
    answer = trial.answer(*argv)
    problem = answer.misbehaved(0, 2, 3, 4, 5, 6)
    if not problem and _around(trial.folder) != before:
        problem = "something outside the folder has changed"
    new = _names(trial.folder) - within - {"results", "reports", ".out", ".err"}
    if not problem and new:
        problem = f"{new} beside the results"
    return f"{place.__name__} {name[:80]!r}: {problem}" if problem else None


def _around(folder: Path) -> list[set[str]]:
    return [_names(above) for above in list(folder.parents)[:2]]


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def of_a_model(trial: Trial, name: str):
    trial.write("tiny.toml", TINY.replace('recipe = "vae"', f'recipe = "vae"\nname = {toml(name)}'))
    return (*RUN, "--no-report")


def of_a_title(trial: Trial, name: str):
    trial.write("tiny.toml", TINY.replace('"Tiny"', toml(name)).replace("gan", "vae"))
    return (*RUN, "--no-report")


def of_a_metric(trial: Trial, name: str):
    trial.write("tiny.toml", TINY.replace('["elbo"', f'["elbo", {toml(name)}'))
    return (*RUN, "--no-report")


def of_data(trial: Trial, name: str):
    trial.write("tiny.toml", TINY.replace('"digits"', toml(name)))
    return (*RUN, "--no-report")


def of_a_suite(trial: Trial, name: str):
    return ("run", "--suite", name, *SAFE, "--dry-run")


def of_a_suite_file(trial: Trial, name: str):
    stem = name.replace("/", "\u2215").replace("\x00", "")[:200]
    try:
        trial.write(f"{stem}.toml", TINY)
    except OSError:
        return ("list", "models")
    return ("run", "--suite", f"{stem}.toml", *SAFE, "--no-report", "--models", "vae")


def of_a_stored_suite(trial: Trial, name: str):
    reader = trial.random.choice((("report", "--suite"), ("check", "--baseline", "b", "--suite")))
    return (*reader, name)


def of_a_plugin(trial: Trial, name: str):
    return (*RUN, "--no-report", "--plugin", name)


def of_selected_models(trial: Trial, name: str):
    return (*RUN, "--no-report", "--models", name)


PLACES = (
    of_a_model, of_a_title, of_a_metric, of_data, of_a_suite, of_a_suite_file, of_a_stored_suite,
    of_a_plugin, of_selected_models,
)  # fmt: skip
