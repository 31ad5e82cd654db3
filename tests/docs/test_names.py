"""Every command, option, metric, recipe and suite that the documentation names exists."""

import re
import shlex
from argparse import ArgumentParser

from genbench.cli import _parser
from genbench.core.errors import ExitCode
from genbench.data import datasets
from genbench.evaluation import runner  # noqa: F401  registers the evaluators
from genbench.evaluation.spec import evaluators
from genbench.recipes import recipes
from genbench.studies import studies
from genbench.suites.load import suite_files
from genbench.suites.spec import load_suite
from tests.docs.conftest import PAGES, name_of, shell_lines

OF_PYTEST = {"--gpu-device", "--benchmark-only", "--benchmark-json", "--columns", "--group-by"}
OF_THE_FAULT_SUITE = {"--scale", "--trial", "--write"}
METRIC_LIKE = re.compile(
    r"elbo|kl|fd|fd_\w+|kid|log_likelihood|mmd\d?|active_\w+|memorisation_\w+|\w+_(?:coverage|wasserstein)|\w+_(?:log_likelihood|log_prob|bound|gap|mse|per_dim|curve"
    r"|extrapolated|decomposition)"
)
RECIPE_LIKE = re.compile(r"\w*(?:vae|gan|mixture|gaussian|pixels|image|copier|kmeans)(?:_\w+)?")
KNOWN = {*evaluators, *recipes, *studies, *suite_files(), *datasets}
OBSERVATIONS = {"unit_gaussian", "learned_gaussian", "pixel_gaussian"}
OF_THE_HOW_TOS = {"my_vae", "beta_vae_16"}
OF_MNIST = {entry.name for entry in load_suite("mnist").model}
N_DIGITS = len(load_suite("digits").model)


def options_of(parser):
    own = {option for action in parser._actions for option in action.option_strings}
    return own.union(*map(options_of, below(parser).values()))


def below(parser):
    choices = [action.choices for action in parser._actions if isinstance(action.choices, dict)]
    parsers = [c for c in choices if all(isinstance(p, ArgumentParser) for p in c.values())]
    return parsers[0] if parsers else {}


def in_code_font(path):
    text = re.sub(r"^```.*?^```$", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    return re.findall(r"`([^`\n]+)`", text)


def unknown(names_in):
    """Return the names of each page that ``names_in`` finds and nobody knows."""
    named = {name_of(path): names_in(path) for path in PAGES}
    return {page: names for page, names in named.items() if names}


def is_accepted(argv):
    try:
        _parser().parse_args(argv)
    except SystemExit as end:
        return end.code == ExitCode.OK  # --help ends the program, too
    return True


def genbench_commands(path):
    lines = map(shlex.split, shell_lines(path))
    return [words[3:] for words in lines if words[:3] == ["python", "-m", "genbench"]]


def test_every_command_line_is_accepted_by_the_parsers():
    refused = unknown(lambda path: [c for c in genbench_commands(path) if not is_accepted(c)])
    assert refused == {}
    assert sum(len(genbench_commands(path)) for path in PAGES) > 25


def test_every_option_in_code_font_exists():
    known = options_of(_parser()) | OF_PYTEST | OF_THE_FAULT_SUITE

    def options(path):
        words = {word for text in in_code_font(path) for word in text.split()}
        return {w for word in words if (w := word.partition("=")[0]).startswith("--")} - known

    assert unknown(options) == {}


def test_every_command_in_code_font_exists():
    def commands(path):
        texts = [text for text in in_code_font(path) if text.startswith("python -m genbench ")]
        named = {text.split()[3] for text in texts}
        return named - set(below(_parser())) - {"COMMAND", "--help"}

    assert unknown(commands) == {}


def test_every_metric_and_recipe_in_code_font_exists():
    known = KNOWN | OBSERVATIONS | OF_THE_HOW_TOS | OF_MNIST

    def names(path):
        words = {text.partition("[")[0].partition("+")[0] for text in in_code_font(path)}
        like = {w for w in words if METRIC_LIKE.fullmatch(w) or RECIPE_LIKE.fullmatch(w)}
        return like - known

    assert unknown(names) == {}


def test_names_are_found():
    named = {text for path in PAGES for text in in_code_font(path)}
    metrics, models = named & set(evaluators), named & set(recipes)
    assert len(metrics) > 12
    assert len(models) > 8
    words = {name for name in evaluators if not METRIC_LIKE.fullmatch(name)}
    assert words == {"authenticity", "c2st", "coverage", "density", "precision", "recall", "vendi"}
    assert METRIC_LIKE.fullmatch("ais_log_likelihood_gap")
    assert not METRIC_LIKE.fullmatch("learning_rate")
    assert RECIPE_LIKE.fullmatch("betta_vae")


def test_the_start_page_counts_the_models_of_its_first_run():
    (start,) = (page for page in PAGES if page.name == "start.md")
    assert f"trains {N_DIGITS} models" in start.read_text(encoding="utf-8")
